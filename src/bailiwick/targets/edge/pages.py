"""What an edge answers by itself: refused here, or nobody can decide at present.

The shape suits both dialects: clients of Anthropic and of OpenAI read ``error.message``. Each
answer has an id, of the proxy's own making, that is in the proxy's log too; somebody who was
refused wrongly can name it.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from bailiwick.policy import Refusal

Page = Mapping[str, Any]
"""JSON values."""

_URL: Final = ":/?#[]@!&()*+,;=%~"


def may_be_kept(status: int) -> bool:
    """Whether a cache may keep such an answer though nothing says so (RFC 9110, 15.1; RFC 7725)."""
    return status in {404, 405, 410, 414, 451, 501}


def refused(style: Refusal, id_: str) -> Page:
    """Answer for a place from which nothing, or not this model, is permitted."""
    more = {}
    appeal = ""
    if style.message == "informative" and style.appeal:
        more["appeal"] = style.appeal
        appeal = f". To object: {style.appeal}"
    return _page(
        "permission_error",
        "unsupported_country_region_territory",
        "Access Denied: this is not available from where the request comes from "
        f"(refused at the edge){appeal}",
        id_,
        more,
    )


def denied(id_: str) -> Page:
    """Answer in place of the service, where the proxy cannot pass its words on."""
    return _page("permission_error", "denied", "Access Denied", id_)


def down(id_: str) -> Page:
    """Answer while the decision service is down or slow: refuse, and say that it is that."""
    return _page(
        "api_error",
        "not_ready",
        "The decision service does not answer, so nothing can be permitted at present "
        "(refused at the edge)",
        id_,
    )


def too_large(id_: str) -> Page:
    """Answer for a body that is more than the edge holds."""
    return _page("request_too_large", "body_too_large", "The body is too large for this edge", id_)


def unreadable(id_: str) -> Page:
    """Answer for a body that is no JSON object or names no model."""
    return _page(
        "invalid_request_error",
        "model_missing",
        "The body names no `model` that can be read (refused at the edge)",
        id_,
    )


def link(style: Refusal) -> str | None:
    """Give the header that says who blocks (RFC 7725), as the gateway does."""
    if style.status != 451 or not style.blocked_by:
        return None
    return f'<{quote(style.blocked_by, safe=_URL)}>; rel="blocked-by"'


def _page(
    kind: str, code: str, message: str, id_: str, more: Mapping[str, Any] | None = None
) -> Page:
    error = {
        "type": kind,
        "message": f"{message} (decision {id_})",
        "code": code,
        "param": None,
    }
    return {
        "type": "error",
        "error": error,
        "request_id": id_,
        "bailiwick": {"decision": id_, **(more or {})},
    }
