"""Logins from elsewhere: an id token of the one issuer that the settings name."""

import json
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
        self._client = jwt.PyJWKClient(options.jwks, timeout=5) if remote else None
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
            return self._client.get_signing_key_from_jwt(token).key
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


def _read_keys(path: Path) -> jwt.PyJWKSet:
    try:
        return jwt.PyJWKSet.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, jwt.PyJWTError) as error:
        raise BailiwickError(
            f"`{path}` holds no keys: {error}", "save the issuer's JWKS document there"
        ) from None
