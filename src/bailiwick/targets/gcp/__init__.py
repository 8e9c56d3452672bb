"""Google Cloud: organization policies and access levels for Vertex AI."""

from bailiwick.targets.gcp.compile import compile_gcp
from bailiwick.targets.gcp.levels import Reach, wants_perimeter
from bailiwick.targets.gcp.matrix import Case, Matrix
from bailiwick.targets.gcp.scopes import Choices, Scope, scopes

__all__ = [
    "Case", "Choices", "Matrix", "Reach", "Scope",
    "compile_gcp", "scopes", "wants_perimeter",
]  # fmt: skip
