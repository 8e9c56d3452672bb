"""The condition of ``--fail-if``: one figure of the result, a comparison, a number."""

import operator
import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches

from bailiwick.errors import InvalidInput

_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
    "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
_FORM = re.compile(r"\s*([a-z_]+)\s*(>=|<=|==|!=|>|<)\s*(-?[0-9]+(?:\.[0-9]+)?)\s*(%?)\s*")


def holds(text: str, figures: Mapping[str, float]) -> bool:
    """Whether a condition holds. Raises ``InvalidInput`` if it is none."""
    name, compare, limit = parse(text, figures)
    return compare(figures[name], limit)


def parse(
    text: str, figures: Mapping[str, float]
) -> tuple[str, Callable[[float, float], bool], float]:
    """Read a condition, so that a wrong one is found before hours of work."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise InvalidInput.of(
            f"`{text}` is no condition", "write for example `accounts_newly_denied > 10`"
        )
    name, sign, number, percent = match.groups()
    if name not in figures:
        near = get_close_matches(name, figures, 1)
        known = ", ".join(figures)
        raise InvalidInput.of(
            f"no figure is called `{name}`", f"did you mean `{near[0]}`?" if near else known
        )
    return name, _OPERATORS[sign], float(number) / (100 if percent else 1)
