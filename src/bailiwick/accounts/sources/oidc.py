"""Claims of an OpenID Connect id token as evidence: self-declared (T3), whoever issued it.

The customer's own administrator sets ``address`` and ``phone_number``, so they are no better than
what a person types. The token is checked all the same: signature, issuer, audience and time.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bailiwick.accounts.sources.addresses import read_address
from bailiwick.accounts.sources.events import BadEvent, Said
from bailiwick.accounts.sources.phones import phone_place

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA")
"""Signatures with a public key only: no shared secret and no ``none``."""
LEEWAY_S = 30
TIER = "T3"


@dataclass(frozen=True, slots=True)
class Issuer:
    """One issuer whose tokens are taken."""

    issuer: str
    audience: str
    jwks: str | None = None
    """The keys themselves (JSON text)."""
    jwks_url: str | None = None
    """Or where they are."""
    address_kind: str = "registered"
    """Which evidence the address is: the customer's own word for where it is."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says."""

    subject: str
    issuer: str
    said: Sequence[Said]


class TokenReader:
    """Checks tokens of one issuer; keys that are fetched are kept for a while."""

    def __init__(self, issuer: Issuer) -> None:
        from jwt import PyJWKClient, PyJWKSet

        self._issuer = issuer
        self._set = PyJWKSet.from_json(issuer.jwks) if issuer.jwks is not None else None
        self._client = PyJWKClient(issuer.jwks_url, timeout=5) if issuer.jwks_url else None
        if (self._set is None) == (self._client is None):
            raise ValueError("an issuer has `jwks` or `jwks_url`")

    def read(self, token: str) -> Claims:
        """Check an id token and give what it says. Raises ``BadEvent``."""
        import jwt

        try:
            claims = jwt.decode(
                token,
                self._key(token),
                algorithms=list(ALGORITHMS),
                audience=self._issuer.audience,
                issuer=self._issuer.issuer,
                leeway=LEEWAY_S,
                options={"require": ["exp", "iat", "iss", "aud", "sub"]},
            )
        except jwt.PyJWTError as error:
            raise BadEvent(f"the token is refused: {type(error).__name__}") from None
        said = tuple(_said(claims, self._issuer.address_kind))
        return Claims(str(claims["sub"]), self._issuer.issuer, said)

    def _key(self, token: str) -> Any:
        import jwt

        if self._client is not None:
            return self._client.get_signing_key_from_jwt(token).key
        assert self._set is not None  # noqa: S101 - one of both is given
        name = jwt.get_unverified_header(token).get("kid")
        for key in self._set.keys:
            if key.key_id == name:
                return key.key
        raise jwt.InvalidKeyError("no such key")


def _said(claims: Mapping[str, Any], kind: str) -> Iterator[Said]:
    address = claims.get("address")
    if isinstance(address, dict):
        found = read_address(
            {
                "country": address.get("country"),
                "state": address.get("region"),
                "postal_code": address.get("postal_code"),
                "city": address.get("locality"),
                "line1": address.get("street_address"),
            }
        )
        if found.places:
            yield Said(kind, found.places, TIER)
    number = claims.get("phone_number")
    if isinstance(number, str) and (place := phone_place(number)):
        yield Said("phone", (place,), TIER)
