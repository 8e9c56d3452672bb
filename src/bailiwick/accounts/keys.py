"""API keys: made once, shown once, kept as a digest.

A key is ``bw_`` and 33 letters or digits (196 random bits). What is stored is HMAC-SHA256 under a
secret of this installation, so neither a copy of the database nor the time of a lookup helps to
guess one. The first half of the digest finds the key; its id comes from the other half.
"""

import base64
import hmac
import os
import secrets
import stat
import string
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from bailiwick.errors import BailiwickError

PREFIX = "bw_"
LENGTH = 33
SHOWN = len(PREFIX) + 4
MAX_PRESENTED = 256
"""Longest text that is looked up at all, in characters."""
SECRET_BYTES = 32
ALPHABET = string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key as its owner sees it, once."""

    id: str
    """``key_`` and 13 characters; it may be logged."""
    account: str
    raw: str = field(repr=False)
    """The key itself. Nobody can show it again."""


class KeySecret:
    """The secret under which this installation's keys are digested."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._begun = hmac.new(secret, digestmod="sha256")

    def digest(self, presented: str) -> bytes:
        """HMAC-SHA256 of a presented key (32 bytes)."""
        begun = self._begun.copy()
        begun.update(presented.encode("utf-8", "surrogatepass"))
        return begun.digest()

    def check(self) -> bytes:
        """Tell this secret from another one without giving it away."""
        return hmac.digest(self._secret, b"bailiwick key secret, check value", "sha256")[:16]

    @classmethod
    def load(cls, path: Path) -> "KeySecret":
        """Read the secret; refuse a file that others can read."""
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
            text = path.read_text("ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise BailiwickError(
                f"cannot read the key secret `{path}`: {_why(error)}",
                "it is created with the first account; restore it from your backup, since the "
                "keys made with it are worthless without it",
            ) from None
        if mode & 0o077:
            raise BailiwickError(
                f"the key secret `{path}` can be read by others (mode {mode:04o})",
                f"chmod 600 {path}",
            )
        return cls(_decode(text, path))

    @classmethod
    def load_or_create(cls, path: Path) -> "KeySecret":
        """Read the secret, or make one (mode 0600) if there is no file yet."""
        if not path.exists():
            _create(path)
        return cls.load(path)


def new_raw_key() -> str:
    """Make a key with about 196 random bits."""
    return PREFIX + "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def key_id(digest: bytes) -> str:
    """Name a key: from the half of its digest that does not find it."""
    return "key_" + base64.b32encode(digest[16:24]).decode("ascii").rstrip("=").lower()


def lookup(digest: bytes) -> bytes:
    """Take the half of a digest that finds the key."""
    return digest[:16]


def _decode(text: str, path: Path) -> bytes:
    try:
        secret = bytes.fromhex(text)
    except ValueError:
        secret = b""
    if len(secret) < SECRET_BYTES:
        raise BailiwickError(
            f"the key secret `{path}` is damaged",
            f"it holds at least {SECRET_BYTES * 2} hexadecimal digits",
        )
    return secret


def _create(path: Path) -> None:
    """Write a new secret under a name of its own and link it: two first users make one file."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".secret-")
        try:
            with os.fdopen(handle, "w") as file:
                file.write(secrets.token_hex(SECRET_BYTES) + "\n")
                file.flush()
                os.fsync(file.fileno())
            Path(path).hardlink_to(name)
        except FileExistsError:
            pass
        finally:
            Path(name).unlink()
    except OSError as error:
        raise BailiwickError(f"cannot create the key secret `{path}`: {_why(error)}") from None


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
