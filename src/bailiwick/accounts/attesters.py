"""Public keys with which an account holder attests what it knows of its own users.

A key is Ed25519 or ES256 (P-256) and named by its ``kid``. Those of an organisation are its
accounts' as well. One that ended never counts again: another one takes another name.
"""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import Connection, insert, select, update

from bailiwick.accounts import schema
from bailiwick.accounts.change import Change
from bailiwick.documents import NotJson, read_json
from bailiwick.errors import BailiwickError, InvalidInput

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

MOST: Final = 16
"""Keys that one account or organisation can have at a time."""
LONGEST: Final = 8192
"""Characters of a file with a key."""
EDDSA, ES256 = "EdDSA", "ES256"


class Attester(NamedTuple):
    """A key that counts."""

    kid: str
    algorithm: str
    """``EdDSA`` or ``ES256``, as tokens name it; the key is good for no other."""
    key: str
    """The public key, in PEM."""


def read_key_file(path: Path) -> str:
    """Read the file of a public key."""
    try:
        return path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not ASCII"
        raise BailiwickError(f"cannot read the key `{path}`: {why}") from None


def read_key(text: str, kid: str | None = None) -> Attester:
    """Read a public key, in PEM or as a JWK; ``kid``: its name, if it shall have another one."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    if len(text) > LONGEST:
        raise InvalidInput.of(f"the key has more than {LONGEST} characters")
    key, named = _of_jwk(text) if text.lstrip().startswith("{") else (_of_pem(text), None)
    form = (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    pem = key.public_bytes(*form).decode("ascii")
    algorithm = EDDSA if isinstance(key, Ed25519PublicKey) else ES256
    return Attester(kid or named or f"att_{fingerprint(pem)[:16]}", algorithm, pem)


def fingerprint(pem: str) -> str:
    """Tell keys apart: the hex SHA-256 of the PEM."""
    return hashlib.sha256(pem.encode("ascii")).hexdigest()


def add(change: Change, account: str, attester: Attester) -> None:
    """Let a key count from now on."""
    table = schema.attesters
    rows = change.connection.execute(
        select(table.c.kid, table.c.ended_at).where(table.c.account_id == account)
    ).all()
    if attester.kid in {row.kid for row in rows}:
        raise InvalidInput.of(
            f"`{account}` has or had a key `{attester.kid}` already",
            "give the new one another name with --kid",
        )
    if sum(row.ended_at is None for row in rows) >= MOST:
        raise InvalidInput.of(f"`{account}` has {MOST} keys to attest with, the most", "end one")
    change.connection.execute(
        insert(table).values(
            account_id=account, kid=attester.kid, algorithm=attester.algorithm, key=attester.key,
            added_at=change.at,
        )
    )  # fmt: skip
    told = {"kid": attester.kid, "algorithm": attester.algorithm}
    change.record(account, "attester.added", {**told, "sha256": fingerprint(attester.key)})


def end(change: Change, account: str, kid: str) -> None:
    """Let a key count no more, for good."""
    table = schema.attesters
    theirs = (table.c.account_id == account) & (table.c.kid == kid) & table.c.ended_at.is_(None)
    ended = change.connection.execute(update(table).where(theirs).values(ended_at=change.at))
    if not ended.rowcount:
        raise InvalidInput.of(
            f"`{account}` has no key `{kid[:80]}` to attest with that could end",
            f"`bailiwick accounts show {account}` lists them",
        )
    change.record(account, "attester.ended", {"kid": kid})


def read_attesters(
    connection: Connection, accounts: list[str] | None = None
) -> dict[str, tuple[Attester, ...]]:
    """Read the keys that count, of all accounts or of some."""
    table = schema.attesters
    query = select(table.c.account_id, table.c.kid, table.c.algorithm, table.c.key)
    query = query.where(table.c.ended_at.is_(None)).order_by(table.c.account_id, table.c.kid)
    if accounts is not None:
        query = query.where(table.c.account_id.in_(accounts))
    found: dict[str, tuple[Attester, ...]] = {}
    for account, *row in connection.execute(query):
        found[account] = (*found.get(account, ()), Attester(*row))
    return found


def _of_pem(text: str) -> "Ed25519PublicKey | EllipticCurvePublicKey":
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    if "PRIVATE KEY" in text:
        raise _private()
    try:
        return _checked(load_pem_public_key(text.encode("utf-8")))
    except (ValueError, UnsupportedAlgorithm):
        raise _unusable() from None


def _of_jwk(text: str) -> "tuple[Ed25519PublicKey | EllipticCurvePublicKey, str | None]":
    from jwt import PyJWK
    from jwt.exceptions import PyJWTError

    try:
        said = read_json(text.encode("utf-8"))
        if "d" in said or "k" in said:
            raise _private()
        key = _checked(PyJWK(said).key)
    except (NotJson, PyJWTError, ValueError, TypeError):
        raise _unusable() from None
    kid = said.get("kid")
    return key, kid if isinstance(kid, str) else None


def _checked(key: Any) -> "Ed25519PublicKey | EllipticCurvePublicKey":
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if isinstance(key, Ed25519PublicKey):
        return key
    if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        return key
    raise _unusable()


def _private() -> InvalidInput:
    return InvalidInput.of(
        "this is a secret key, which belongs to nobody but its holder", "give the public key"
    )


def _unusable() -> InvalidInput:
    return InvalidInput.of(
        "this is no public key that can attest", "Ed25519 or P-256, in PEM or as a JWK"
    )
