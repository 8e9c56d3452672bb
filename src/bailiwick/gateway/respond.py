"""Say no in the caller's dialect. Here, and only here, an error becomes a status code.

Every refusal carries an id, in the body and in ``x-bailiwick-decision``, that finds its record.
The official clients raise their permission error for 403 only, so that is the default; 451 is for
an operator who wants it said. ``x-should-retry: false`` keeps them from asking again in vain.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from bailiwick.decision import Decision, Reason, reason_in_words
from bailiwick.front import Refused, Reply
from bailiwick.pipeline import END_USER_HEADER, EndUserInvalid, Judged, Unauthenticated
from bailiwick.places import name_of
from bailiwick.policy import Refusal as RefusalStyle

DECISION_HEADER: Final = "x-bailiwick-decision"
OVERLOADED: Final = "overloaded"

STATUS: Final[Mapping[str, int]] = {
    "body_not_utf8": 400,
    "body_not_json": 400,
    "body_not_object": 400,
    "body_duplicate_key": 400,
    "body_confusable_key": 400,
    "body_refused_key": 400,
    "body_too_deep": 400,
    "body_too_many_values": 400,
    "body_number": 400,
    "body_field": 400,
    "body_broken": 400,
    "request_invalid": 400,
    "model_missing": 400,
    "model_invalid": 400,
    "model_ambiguous": 400,
    "key_ambiguous": 400,
    "end_user_invalid": 400,
    "header_invalid": 400,
    "query_unexpected": 400,
    "target_invalid": 400,
    "transfer_encoding": 400,
    "unauthenticated": 401,
    "denied": 403,
    "withdrawn": 403,
    "path_unknown": 404,
    "model_not_found": 404,
    "model_not_served": 404,
    "method_not_allowed": 405,
    "head_timeout": 408,
    "body_timeout": 408,
    "body_too_large": 413,
    "content_encoding": 415,
    "expectation_failed": 417,
    "quota": 429,
    "head_too_large": 431,
    "internal": 500,
    "upstream_unreachable": 502,
    "upstream_untrusted": 502,
    "upstream_failed": 502,
    "upstream_redirect": 502,
    "upstream_credentials": 502,
    "upstream_too_large": 502,
    OVERLOADED: 503,
    "audit_unavailable": 503,
    "accounts_unavailable": 503,
    "quotas_unavailable": 503,
    "obligation_unsupported": 503,
    "not_ready": 503,
    "upstream_timeout": 504,
}
"""Every code that the gateway refuses with, and its status (``docs/gateway.md``)."""

_ANTHROPIC: Final[Mapping[int, str]] = {
    401: "authentication_error", 403: "permission_error", 404: "not_found_error",
    413: "request_too_large", 429: "rate_limit_error", 451: "permission_error",
    500: "api_error", 502: "api_error", 503: "api_error", 504: "timeout_error",
}  # fmt: skip
_OPENAI: Final[Mapping[int, str]] = {
    403: "request_forbidden", 429: "rate_limit_exceeded", 451: "request_forbidden",
    500: "server_error", 502: "server_error", 503: "server_error", 504: "server_error",
}  # fmt: skip
_OPENAI_CODES: Final[Mapping[str, str]] = {
    "unauthenticated": "invalid_api_key",
    "quota": "rate_limit_exceeded",
    "model_not_found": "model_not_found",
}
_PLACE_CODES: Final = frozenset({"rule.denied", "permit.none", "location.hidden", "contested"})
_PLACE_DIMENSIONS: Final = frozenset(
    {"address", "network", "billing", "card", "registered", "document", "phone", "endpoint",
     "processing", "egress", "end_user.place"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Saying:
    """What a refusal says, before it is put into a dialect."""

    status: int
    code: str
    """OpenAI's ``code``."""
    message: str
    id: str
    param: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


_encode = msgspec.json.Encoder().encode


def refusal(refused: Refused, id_: str, dialect: str) -> Reply:
    """Answer what was refused without, or after, a decision."""
    code, status = refused.code, STATUS[refused.code]
    message = f"{refused.message} (decision {id_})"
    saying = _Saying(
        status, _OPENAI_CODES.get(code, code), message, id_, refused.param, {"code": code}
    )
    headers = _headers(id_)
    if refused.retry_after_s is not None:
        headers.append(("retry-after", str(refused.retry_after_s)))
    if status == 503 and code != OVERLOADED:
        headers.append(("x-should-retry", "false"))
    if status == 401:
        headers.append(("www-authenticate", "Bearer"))
    return Reply(status, headers, _body(saying, dialect))


def unauthenticated(error: Unauthenticated) -> Refused:
    """Refuse who has no account, or comes with a bad word about its end user."""
    if isinstance(error, EndUserInvalid):
        return Refused("end_user_invalid", f"`{END_USER_HEADER}`: {error.why}")
    return Refused("unauthenticated", "the API key is missing or not valid")


def denial(judged: Judged, style: RefusalStyle, dialect: str) -> Reply:
    """Answer a deny as the policy wants it worded."""
    body = about(_denial(judged, style, dialect), judged.id)
    return Reply(style.status, _denial_headers(judged.id, style), body)


def denial_text(judged: Judged, style: RefusalStyle, dialect: str) -> bytes:
    """Write what follows the first lines of such an answer, to be made somebody's by ``about``."""
    body = _write_denial(judged._replace(id=_SOME_ID), style, dialect)
    headers = [*_denial_headers(_SOME_ID, style), ("content-length", str(len(body)))]
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers])
    return f"{lines}\r\n".encode("latin-1") + body


def about(text: bytes, id_: str) -> bytes:
    """Put the id of a decision into what was written about its like."""
    return text.replace(_SOME_ID_BYTES, id_.encode())


_SOME_ID: Final = "dec_00000000000000000000000000000000"
_SOME_ID_BYTES: Final = _SOME_ID.encode()
_MOST_DENIALS: Final = 1024
_denials: dict[tuple[int, int, str, tuple[str, ...]], tuple[Decision, RefusalStyle, bytes]] = {}
"""Bodies, but for the id; what is kept here keeps its place in memory, and so its number."""


def _denial(judged: Judged, style: RefusalStyle, dialect: str) -> bytes:
    """Write a deny, with another id. Those of one decision differ by the place only."""
    decision = judged.decision
    key = (id(decision), id(style), dialect, judged.located.places if judged.located else ())
    found = _denials.get(key)
    if found is None:
        if len(_denials) >= _MOST_DENIALS:
            _denials.clear()
        body = _write_denial(judged._replace(id=_SOME_ID), style, dialect)
        found = _denials[key] = (decision, style, body)
    return found[2]


def _denial_headers(id_: str, style: RefusalStyle) -> list[tuple[str, str]]:
    headers = _headers(id_)
    if style.status == 451 and style.blocked_by:
        headers.append(("link", f'<{style.blocked_by}>; rel="blocked-by"'))
    return headers


def _write_denial(judged: Judged, style: RefusalStyle, dialect: str) -> bytes:
    reasons = judged.decision.reasons
    informative = style.message == "informative"
    message = _explain(judged, style) if informative else f"Access Denied (decision {judged.id})"
    details = _details(judged, style) if informative else {}
    saying = _Saying(style.status, _deny_code(reasons), message, judged.id, None, details)
    return _body(saying, dialect)


def _headers(id_: str) -> list[tuple[str, str]]:
    return [
        ("content-type", "application/json"),
        ("cache-control", "no-store"),
        (DECISION_HEADER, id_),
    ]


def _body(saying: _Saying, dialect: str) -> bytes:
    extra = {"decision": saying.id, **saying.details}
    if dialect == "anthropic":
        kind = _ANTHROPIC.get(saying.status, "invalid_request_error")
        error: dict[str, Any] = {"type": kind, "message": saying.message}
        return _encode(
            {"type": "error", "error": error, "request_id": saying.id, "bailiwick": extra}
        )
    error = {
        "message": saying.message,
        "type": _OPENAI.get(saying.status, "invalid_request_error"),
        "param": saying.param,
        "code": saying.code,
    }
    return _encode({"error": error, "bailiwick": extra})


def _deny_code(reasons: Iterable[Reason]) -> str:
    codes = [reason.code for reason in reasons]
    if any(_is_about_place(reason) for reason in reasons):
        return "unsupported_country_region_territory"
    return "model_not_found" if codes == ["model.unknown"] else "access_denied"


def _is_about_place(reason: Reason) -> bool:
    return reason.code in _PLACE_CODES or (
        reason.code == "evidence.missing" and reason.dimension in _PLACE_DIMENSIONS
    )


def _explain(judged: Judged, style: RefusalStyle) -> str:
    reasons = judged.decision.reasons
    why = (
        "; ".join(dict.fromkeys(reason_in_words(reason) for reason in reasons))
        or "no rule permits it"
    )
    parts = [f"Access Denied: {why}."]
    if any(_is_about_place(reason) for reason in reasons):
        parts.append(f"The request comes from {_where(judged)}.")
    if style.appeal:
        parts.append(f"To object: {style.appeal}")
    return " ".join(parts) + f" (decision {judged.id})"


def _where(judged: Judged) -> str:
    places = judged.located.places if judged.located is not None else ()
    return " or ".join(f"{name_of(place)} ({place})" for place in places) or "an unknown place"


def _details(judged: Judged, style: RefusalStyle) -> dict[str, Any]:
    return {
        "places": list(judged.located.places) if judged.located is not None else [],
        "reasons": [
            {
                "code": one.code,
                "rule": one.rule,
                "authority": one.authority,
                "dimension": one.dimension,
            }
            for one in judged.decision.reasons
        ],
        "appeal": style.appeal,
        "revision": judged.revision,
    }
