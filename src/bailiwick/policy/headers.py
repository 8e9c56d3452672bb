"""Which headers a restrict may send to the upstream.

Not those that belong to one hop, carry credentials, describe the body, or say where a request
comes from: these are the gateway's own, and a policy that set them could undo what it decided.
"""

import re
from collections.abc import Mapping

from bailiwick.documents import Path
from bailiwick.policy.problems import Problems

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
VALUE = re.compile(r"[!-~](?:[ -~]{0,1022}[!-~])?")
_HOP = {
    "connection",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
_CREDENTIALS = {"api-key", "authorization", "cookie", "set-cookie", "x-api-key", "x-goog-api-key"}
_ORIGIN = {"cf-connecting-ip", "fly-client-ip", "forwarded", "true-client-ip", "via", "x-client-ip"}
_ORIGIN |= {"x-cluster-client-ip", "x-real-ip"}
RESERVED = _HOP | _CREDENTIALS | _ORIGIN | {"accept-encoding"}
RESERVED_PREFIXES = ("content-", "proxy-", "sec-", "x-amz-", "x-forwarded-")


def check_headers(headers: Mapping[str, str], problems: Problems, path: Path) -> None:
    """Report every header at ``path`` that cannot be sent."""
    if not headers:
        problems.error(path, "`headers` is empty", "name a header, or remove the key")
    seen: dict[str, str] = {}
    for name, value in headers.items():
        first = seen.setdefault(name.lower(), name)
        message, hint = _name_problem(name, first) or (None, None)
        if message:
            problems.key((*path, name), message, hint)
        if not VALUE.fullmatch(value):
            problems.error(
                (*path, name),
                f"value of header `{name}` is not plain text",
                "printable ASCII, at most 1024 characters, no spaces around it",
            )


def _name_problem(name: str, first: str) -> tuple[str, str] | None:
    if not NAME.fullmatch(name):
        return f"`{name}` is not the name of a header", "letters, digits and `-`: `x-moderation`"
    if first != name:
        return f"header `{name}` is given twice", f"first as `{first}`; case does not matter"
    if name.lower() in RESERVED or name.lower().startswith(RESERVED_PREFIXES):
        hint = "a restrict adds headers that the upstream reads, such as `x-moderation`"
        return f"header `{name}` is the gateway's own", hint
    return None
