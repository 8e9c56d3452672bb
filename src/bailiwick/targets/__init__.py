"""Compilers: one policy becomes the guardrails of a cloud, with the matrix that proves them."""

from bailiwick.targets.compiled import (
    Cell,
    Compiled,
    Stage,
    Statement,
    escaped,
    lines,
    minified,
    residue_as_dict,
    terraform_text,
)

__all__ = [
    "Cell", "Compiled", "Stage", "Statement",
    "escaped", "lines", "minified", "residue_as_dict", "terraform_text",
]  # fmt: skip
