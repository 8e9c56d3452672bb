"""Google Cloud: organization policies and access levels for Vertex AI."""

from bailiwick.targets.gcp.compile import Options, compile_gcp, prove
from bailiwick.targets.gcp.matrix import Case, Matrix
from bailiwick.targets.gcp.scopes import Choices, Scope, scopes

__all__ = [
    "Case", "Choices", "Matrix", "Options", "Scope",
    "compile_gcp", "prove", "scopes",
]  # fmt: skip
