"""Azure: policy definitions, assignments and exemptions for Azure OpenAI and AI services."""

from bailiwick.targets.azure.compile import Options, compile_azure, prove
from bailiwick.targets.azure.matrix import Case, Matrix
from bailiwick.targets.azure.scopes import Choices, Scope, scopes

__all__ = [
    "Case", "Choices", "Matrix", "Options", "Scope",
    "compile_azure", "prove", "scopes",
]  # fmt: skip
