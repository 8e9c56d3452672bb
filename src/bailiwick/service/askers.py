"""Who may ask: a shared token, kept as its digest, or a certificate that the listener checked.

Tokens are long and random, so a plain SHA-256 of one gives nothing away; it is found by its digest
and compared in constant time.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping
from typing import Final

from bailiwick.service.errors import NotAnswered
from bailiwick.service.options import Asker

TOKEN_HEADER: Final = "x-bailiwick-token"  # noqa: S105 - the name of a header
"""Carries the token where ``authorization`` is the client's."""
PREFIX: Final = "bws_"
MOST_CHARS: Final = 256


def new_token() -> tuple[str, str]:
    """Make a token and its digest."""
    token = PREFIX + secrets.token_urlsafe(32)
    return token, digest(token)


def digest(token: str) -> str:
    """Give the form in which a token is kept."""
    return hashlib.sha256(token.encode()).hexdigest()


class Askers:
    """Everybody who may ask."""

    def __init__(self, askers: Iterable[Asker]) -> None:
        self._by_digest = {one.digest: one for one in askers if one.digest is not None}
        self._certified = next((one for one in askers if one.digest is None), None)

    def find(self, headers: Mapping[str, str], *, bearer: bool) -> Asker:
        """Find who asks, or refuse. ``bearer``: the token may be in ``authorization`` too."""
        token = headers.get(TOKEN_HEADER)
        if token is None and bearer:
            scheme, _, rest = headers.get("authorization", "").partition(" ")
            token = rest.strip() if scheme.lower() == "bearer" else None
        if token is None:
            if self._certified is not None:
                return self._certified
            raise NotAnswered("asker_unknown", f"no token: send it as `{TOKEN_HEADER}`")
        given = digest(token[: MOST_CHARS + 1])
        found = self._by_digest.get(given)
        if found is None or not hmac.compare_digest(given, found.digest or ""):
            raise NotAnswered("asker_unknown", "the token is not one that may ask")
        return found
