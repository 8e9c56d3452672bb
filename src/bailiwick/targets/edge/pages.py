"""What an edge answers by itself: refused here, or nobody can decide at present.

The shape suits both dialects: clients of Anthropic and of OpenAI read ``error.message``.
"""

import json


def refused() -> str:
    """Answer for a place from which nothing, or not this model, is permitted."""
    return _page(
        "permission_error",
        "unsupported_country_region_territory",
        "Access Denied: this is not available from where the request comes from "
        "(refused at the edge)",
    )


def down() -> str:
    """Answer while the decision service is down or slow: refuse, and say that it is that."""
    return _page(
        "api_error",
        "not_ready",
        "The decision service does not answer, so nothing can be permitted at present "
        "(refused at the edge)",
    )


def too_large() -> str:
    """Answer for a body that is more than the edge holds."""
    return _page("request_too_large", "body_too_large", "The body is too large for this edge")


def unreadable() -> str:
    """Answer for a body that is no JSON object or names no model."""
    return _page(
        "invalid_request_error",
        "model_missing",
        "The body names no `model` that can be read (refused at the edge)",
    )


def _page(kind: str, code: str, message: str) -> str:
    error = {"type": kind, "message": message, "code": code, "param": None}
    return json.dumps({"type": "error", "error": error})
