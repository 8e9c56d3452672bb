"""Google Cloud: organization policies and access levels for Vertex AI."""

from bailiwick.targets.gcp.compile import compile_gcp
from bailiwick.targets.gcp.matrix import Case, Matrix
from bailiwick.targets.gcp.scopes import Choices, Scope, scopes

__all__ = [
    "Case", "Choices", "Matrix", "Scope",
    "compile_gcp", "scopes",
]  # fmt: skip
