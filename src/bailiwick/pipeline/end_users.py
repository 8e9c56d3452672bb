"""What an account holder attests for its own user: a short-lived token, signed with its key.

A token that is there must be good: whatever is wrong with it refuses the request. It is a JWT of a
narrow kind, and nothing in it can say how it is to be checked: the key comes from the account (or
its organisations) under the token's ``kid``, and the algorithm from the key.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, NoReturn, Protocol

from bailiwick.accounts import AccountView, Attester, is_name
from bailiwick.documents import NotJson, read_json
from bailiwick.pipeline.values import EndUser, EndUserInvalid, Said
from bailiwick.places import canonical

HEADER: Final = "x-bailiwick-end-user"
AUDIENCE: Final = "bailiwick"
LONGEST: Final = 4096
"""Characters of a token."""
LONGEST_S: Final = 3600
"""Most seconds between ``iat`` and ``exp``."""
LEEWAY_S: Final = 60
"""How far the clocks of the account holder may be off, in seconds."""
LONGEST_SUB: Final = 200
MOST_LABELS: Final = 32
MOST: Final = 4096
"""Good tokens that are remembered. Beyond, it begins anew."""
_ABOUT: Final = frozenset({"alg", "kid", "typ"})
"""All that a token's header may hold: nothing that names a key, or asks for more."""
_TOKEN = re.compile(r"([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


class _Good(NamedTuple):
    """A token whose signature and claims are good at some time."""

    end_user: EndUser
    attester: Attester
    begins: float
    ends: float


class Attesting(Protocol):
    """Knows who may attest."""

    def attesters(self, account: str) -> tuple[Attester, ...]:
        """Give the keys that attest for an account, its own first."""


class EndUsers:
    """Reads tokens, and remembers the good ones while their keys count."""

    def __init__(self, accounts: Attesting | None) -> None:
        self._accounts = accounts
        self._known: dict[tuple[str, bytes], _Good] = {}

    def find(
        self,
        headers: Sequence[tuple[str, str]],
        named: Mapping[str, str] | None,
        account: AccountView | None,
        at: datetime,
    ) -> EndUser | None:
        """Read what is attested with a request; ``None``: nothing.

        ``named``: the headers by name, if no name is given twice. Raises ``EndUserInvalid``.
        """
        token = named.get(HEADER) if named is not None else _presented(headers)
        if token is None:
            return None
        if account is None or self._accounts is None:
            _refuse("there is no account that could attest it")
        if len(token) > LONGEST:
            _refuse(f"it is longer than {LONGEST} characters")
        attesters = self._accounts.attesters(account.id)
        key = (account.id, hashlib.sha256(token.encode("utf-8", "replace")).digest())
        good = self._known.get(key)
        if good is None or good.attester not in attesters:
            good = _verified(token, attesters)
            if len(self._known) >= MOST:
                self._known.clear()
            self._known[key] = good
        now = at.timestamp()
        if now < good.begins - LEEWAY_S:
            _refuse("it is from the future")
        if now >= good.ends + LEEWAY_S:
            _refuse("it has expired")
        return good.end_user


def _presented(headers: Sequence[tuple[str, str]]) -> str | None:
    values = [value for name, value in headers if name == HEADER]
    if len(values) > 1:
        _refuse("it is given twice")
    return values[0] if values else None


def _verified(token: str, attesters: tuple[Attester, ...]) -> _Good:
    from jwt import PyJWS
    from jwt.exceptions import PyJWTError

    match = _TOKEN.fullmatch(token)
    if match is None:
        _refuse("it is not a token")
    attester = _attester(_read(_decoded(match[1])), attesters)
    try:
        payload = PyJWS().decode(token, attester.key, algorithms=[attester.algorithm])
    except (PyJWTError, ValueError, TypeError):
        _refuse("its signature is not good")
    claims = _read(payload)
    begins, ends = _times(claims)
    if claims.get("aud") != AUDIENCE:
        _refuse(f"its `aud` is not `{AUDIENCE}`")
    return _Good(_end_user(claims, attester.kid), attester, begins, ends)


def _attester(about: dict[str, Any], attesters: tuple[Attester, ...]) -> Attester:
    if not about.keys() <= _ABOUT:
        _refuse("its header holds more than `alg`, `kid` and `typ`")
    kid = about.get("kid")
    found = next((one for one in attesters if one.kid == kid), None)
    if found is None:
        _refuse("its `kid` is no key of the account")
    if about.get("alg") != found.algorithm:
        _refuse(f"its `alg` is not `{found.algorithm}`, as its key's is")
    return found


def _times(claims: dict[str, Any]) -> tuple[float, float]:
    issued, ends = _time(claims, "iat"), _time(claims, "exp")
    begins = max(issued, _time(claims, "nbf")) if "nbf" in claims else issued
    if not issued < ends <= issued + LONGEST_S:
        _refuse(f"its `exp` is not within {LONGEST_S} seconds after its `iat`")
    return begins, ends


def _time(claims: dict[str, Any], name: str) -> float:
    value = claims.get(name)
    if type(value) not in {int, float} or not 0 <= value < 1e12:  # type: ignore[operator]
        _refuse(f"its `{name}` is missing or no time")
    return float(value)  # type: ignore[arg-type]  # checked above


def _end_user(claims: dict[str, Any], kid: str) -> EndUser:
    sub, place, labels = claims.get("sub"), claims.get("place"), claims.get("labels")
    if "sub" in claims and not (isinstance(sub, str) and 0 < len(sub) <= LONGEST_SUB):
        _refuse(f"its `sub` is not a text of 1 to {LONGEST_SUB} characters")
    known = canonical(place) if isinstance(place, str) else None
    if "place" in claims and known is None:
        _refuse("its `place` is no code of ISO 3166")
    if "labels" not in claims:
        return EndUser(kid, sub, Said(known, None))
    if not isinstance(labels, list) or len(labels) > MOST_LABELS:
        _refuse(f"its `labels` are not a list of at most {MOST_LABELS}")
    if not all(isinstance(one, str) and is_name(one) for one in labels):
        _refuse("its `labels` are not all names of labels")
    return EndUser(kid, sub, Said(known, frozenset(labels)))


def _decoded(part: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (binascii.Error, ValueError):
        _refuse("it is not a token")


def _read(part: bytes) -> dict[str, Any]:
    try:
        found = read_json(part)
    except NotJson:
        _refuse("it is not a token")
    if not isinstance(found, dict):
        _refuse("it is not a token")
    return found


def _refuse(why: str) -> NoReturn:
    raise EndUserInvalid(why)
