"""Logins from elsewhere: an id token of the one issuer that the settings name."""

import json
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import jwt

from bailiwick.console.people import ROLES, Person, is_name
from bailiwick.errors import BailiwickError

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA")
"""Signatures with a public key; a token never says which of others is good."""
LEEWAY_S: Final = 30
KEEP_KEYS_S: Final = 300.0
FETCH_AGAIN_S: Final = 10.0
"""After that a key that nobody knows may be looked for again."""

log = logging.getLogger("bailiwick.console")


@dataclass(frozen=True, slots=True)
class OidcOptions:
    """Whose tokens are taken, and for whom."""

    issuer: str
    audience: str
    jwks: str
    """File, or ``https://`` URL."""
    roles: Mapping[str, str]
    name_claim: str = "sub"
    role_claim: str = "roles"


class Oidc:
    """Verifies id tokens."""

    def __init__(self, options: OidcOptions) -> None:
        self._options = options
        remote = options.jwks.startswith(("https://", "http://"))
        self._client = _RemoteKeys(options.jwks) if remote else None
        self._keys = None if remote else _read_keys(Path(options.jwks))

    def verify(self, token: str) -> Person | None:
        """Find who a token was issued for; ``None`` if it is not good, or gives no role."""
        options = self._options
        try:
            claims = jwt.decode(
                token, self._key(token), algorithms=list(ALGORITHMS), audience=options.audience,
                issuer=options.issuer, leeway=LEEWAY_S,
                options={"require": ["exp", "iat", "iss", "aud", "sub"]},
            )  # fmt: skip
        except (jwt.PyJWTError, ValueError, KeyError):
            return None
        return self._person(claims)

    def _key(self, token: str) -> Any:
        if self._client is not None:
            return self._client.find(jwt.get_unverified_header(token).get("kid", ""))
        assert self._keys is not None  # noqa: S101 - one of the two is made
        return self._keys[jwt.get_unverified_header(token).get("kid", "")].key

    def _person(self, claims: Mapping[str, Any]) -> Person | None:
        name, said = claims.get(self._options.name_claim), claims.get(self._options.role_claim)
        values = said if isinstance(said, list) else [said]
        roles = [self._options.roles.get(one) for one in values if isinstance(one, str)]
        known = [one for one in roles if one is not None]
        if not isinstance(name, str) or not is_name(name) or not known:
            return None
        return Person(name, max(known, key=ROLES.index))


class _RemoteKeys:
    """Keys of an issuer, fetched when one is not known; seldom, whatever strangers send."""

    def __init__(self, url: str) -> None:
        self._client = jwt.PyJWKClient(url, timeout=5, cache_keys=False)
        self._known: dict[str, Any] = {}
        self._fetched: float | None = None
        self._lock = threading.Lock()

    def find(self, identity: str) -> Any:
        """Find a key. Raises ``KeyError`` if there is none."""
        with self._lock:
            old = self._fetched is None or time.monotonic() - self._fetched > KEEP_KEYS_S
            if old or (identity not in self._known and self._may_fetch()):
                self._fetch()
            return self._known[identity]

    def _may_fetch(self) -> bool:
        return self._fetched is None or time.monotonic() - self._fetched > FETCH_AGAIN_S

    def _fetch(self) -> None:
        """Fetch; keys that were known stay good while the issuer cannot be reached."""
        self._fetched = time.monotonic()
        try:
            found = self._client.get_signing_keys(refresh=True)
        except (jwt.PyJWTError, ValueError) as error:
            log.warning("the issuer's keys cannot be fetched: %s", type(error).__name__)
        else:
            self._known = {one.key_id: one.key for one in found if one.key_id}


def _read_keys(path: Path) -> jwt.PyJWKSet:
    try:
        return jwt.PyJWKSet.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, jwt.PyJWTError) as error:
        raise BailiwickError(
            f"`{path}` holds no keys: {error}", "save the issuer's JWKS document there"
        ) from None
