"""The key that signs checkpoints: made at the first start, readable by its owner only.

The private key is ``signing.NODE.pem``. Every public key that ever signed is a line of
``public-keys``, in the C2SP form ``name+hash+base64``; whoever verifies needs that file, from a
place that the log's node cannot write to.
"""

import base64
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from bailiwick.audit.verify import Checkpoint, PublicKey
from bailiwick.errors import InvalidInput, Position

PUBLIC_KEYS: Final = "public-keys"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and the name it signs under."""

    name: str
    private: Ed25519PrivateKey
    directory: Path

    @property
    def public(self) -> PublicKey:
        """What a verifier needs."""
        raw = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return PublicKey(self.name, raw)

    def sign(self, checkpoint: Checkpoint) -> bytes:
        """Make the signed note of a checkpoint."""
        signature = self.private.sign(checkpoint.text.encode())
        encoded = base64.b64encode(self.public.id + signature).decode()
        return f"{checkpoint.text}\n\N{EM DASH} {self.name} {encoded}\n".encode()

    def reloaded(self) -> "SigningKey":
        """Follow a rotation; if the file is gone, go on with what we have."""
        exists = key_file(self.directory, self.name).exists()
        return load_key(self.directory, self.name) if exists else self


def load_key(directory: Path, name: str) -> SigningKey:
    """Load the node's key; make it, and list its public half, if there is none yet."""
    path = key_file(directory, name)
    key = _read(path, name, secret_file(path, _new_pem))
    _publish(directory, key.public)
    return key


def rotate_key(directory: Path, name: str) -> PublicKey:
    """Replace the node's key; a running log signs its next checkpoint with the new one.

    The old private key is gone then; its public half stays listed, since it signed what is there.
    """
    load_key(directory, name)
    path = key_file(directory, name)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    key = _read(fresh, name, secret_file(fresh, _new_pem))
    _publish(directory, key.public)
    fresh.replace(path)
    sync_directory(directory)
    return key.public


def key_file(directory: Path, name: str) -> Path:
    """Where the private key of a name (``origin/node``) is."""
    return directory / f"signing.{name.rpartition('/')[2]}.pem"


def secret_file(path: Path, make: Callable[[], bytes]) -> bytes:
    """Read a secret, or make it with mode 0600; of several processes that try, one wins."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        _write_secret(fresh, make())
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
        sync_directory(path.parent)
    if path.stat().st_mode & 0o077:
        raise InvalidInput.of(
            f"`{path.name}` can be read by others", f"chmod 600 {path}", Position(str(path))
        )
    return path.read_bytes()


def sync_directory(directory: Path) -> None:
    """Make new, renamed and removed names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_secret(path: Path, secret: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secret)
        file.flush()
        os.fsync(descriptor)


def _new_pem() -> bytes:
    private = Ed25519PrivateKey.generate()
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _read(path: Path, name: str, pem: bytes) -> SigningKey:
    try:
        private = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _unusable(path) from error
    if not isinstance(private, Ed25519PrivateKey):
        raise _unusable(path)
    return SigningKey(name, private, path.parent)


def _unusable(path: Path) -> InvalidInput:
    help_ = "restore it from a backup, or move it away to have a new one made"
    return InvalidInput.of("not an Ed25519 private key", help_, Position(str(path)))


def _publish(directory: Path, key: PublicKey) -> None:
    """List a public key, once."""
    path = directory / PUBLIC_KEYS
    listed = path.read_text("utf-8").splitlines() if path.exists() else []
    if str(key) not in listed:
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{key}\n")
            file.flush()
            os.fsync(file.fileno())
