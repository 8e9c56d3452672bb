"""Azure: policy definitions, assignments and exemptions for Azure OpenAI and AI services."""

from bailiwick.targets.azure.compile import compile_azure
from bailiwick.targets.azure.matrix import Case, Matrix
from bailiwick.targets.azure.scopes import Choices, Scope, scopes

__all__ = [
    "Case", "Choices", "Matrix", "Scope",
    "compile_azure", "scopes",
]  # fmt: skip
