"""JSON read so strictly that it means one thing: UTF-8, no key twice, no NaN, not too deep."""

import json
from typing import Any, NoReturn

MAX_DEPTH = 64


class NotJson(ValueError):
    """The text is not JSON, or could be read in two ways."""


def read_json(body: bytes) -> Any:
    """Read JSON; raises ``NotJson``."""
    try:
        value = json.loads(
            body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_constant
        )
    except NotJson:
        raise
    except (ValueError, RecursionError):
        raise NotJson("not JSON") from None
    _check_depth(value, MAX_DEPTH)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise NotJson("a key is given twice")
    return found


def _constant(text: str) -> NoReturn:
    raise NotJson(f"{text} is not a number")


def _check_depth(value: Any, left: int) -> None:
    if left < 0:
        raise NotJson(f"nested deeper than {MAX_DEPTH} levels")
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        if isinstance(one, dict | list):
            _check_depth(one, left - 1)
