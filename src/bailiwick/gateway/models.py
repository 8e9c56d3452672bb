"""List the models that a caller may use, in the caller's dialect."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from bailiwick.front import Refused, Reply

QUERY: Final = frozenset({"limit", "after_id", "before_id", "beta=true"})
"""What the query may hold. Lists are short and come in one piece, so it changes nothing."""
_NO_DATE: Final = "1970-01-01T00:00:00Z"
"""The dialect needs a date of publication, and says that this stands for an unknown one."""

_encode = msgspec.json.Encoder().encode
_HEADERS: Final = (("content-type", "application/json"), ("cache-control", "no-store"))


def listing(models: Iterable[str], dialect: str) -> Reply:
    """List all of them."""
    rows = [_row(model, dialect) for model in models]
    if dialect == "anthropic":
        first = rows[0]["id"] if rows else None
        last = rows[-1]["id"] if rows else None
        page = {"data": rows, "has_more": False, "first_id": first, "last_id": last}
    else:
        page = {"object": "list", "data": rows}
    return Reply(200, list(_HEADERS), _encode(page))


def one(name: str, models: Iterable[str], dialect: str) -> Reply:
    """Describe one; one that this caller may not use is as unknown as one that does not exist."""
    if name not in models:
        raise Refused("model_not_found", "there is no such model for this key", "model")
    return Reply(200, list(_HEADERS), _encode(_row(name, dialect)))


def _row(model: str, dialect: str) -> dict[str, Any]:
    if dialect == "anthropic":
        return {"type": "model", "id": model, "display_name": model, "created_at": _NO_DATE}
    owner = model.partition("/")[0]
    return {"id": model, "object": "model", "created": 0, "owned_by": owner}
