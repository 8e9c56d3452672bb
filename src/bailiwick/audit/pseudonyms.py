"""Stand-ins for personal values: a keyed hash whose key rotates, and a coarse network.

The hash is HMAC-SHA256 under the key of its period, written ``PERIOD.KEYID:HASH``. Records of one
period can be linked to each other; deleting ``PERIOD.key`` once the period is over makes the link
to the person irrecoverable, and the records stay as they are. A keyed hash is still personal data
while its key exists.
"""

import hashlib
import hmac
import secrets
import socket
from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final, Literal

from bailiwick.audit.keys import secret_file

Period = Literal["day", "month", "year"]

_LABELS: Final[dict[Period, str]] = {"day": "%Y-%m-%d", "month": "%Y-%m", "year": "%Y"}
_MAPPED: Final = bytes(10) + b"\xff\xff"
"""How an IPv4 address begins that is written as IPv6."""


class Pseudonyms:
    """Hashes under the key of the period that a time falls in; keys are files of mode 0600."""

    def __init__(self, directory: Path, period: Period = "month") -> None:
        self._directory = directory
        self._label = _LABELS[period]
        self._current = ("", "", b"")
        self._day: date | None = None

    def value(self, kind: str, value: str, at: datetime) -> str:
        """Stand in for a value; ``kind`` keeps equal texts of two kinds apart."""
        label, key_id, key = self._key(at)
        message = kind.encode() + b"\0" + value.encode("utf-8", "backslashreplace")
        return f"{label}.{key_id}:{hmac.digest(key, message, 'sha256')[:16].hex()}"

    def address(self, address: str, at: datetime) -> dict[str, str]:
        """Stand in for an IP address: its /24 or /48, and its keyed hash."""
        packed = packed_address(address)
        return {
            "network": _network(packed),
            "pseudonym": self.value("address", packed.hex(), at),
        }

    def candidates(self, address: str, times: Iterable[datetime]) -> frozenset[str]:
        """Give what an address is called in the periods of some times, to search for it."""
        return frozenset(self.address(address, at)["pseudonym"] for at in times)

    def _key(self, at: datetime) -> tuple[str, str, bytes]:
        day = at.astimezone(UTC).date()
        if day != self._day:
            label = day.strftime(self._label)
            key = secret_file(self._directory / f"{label}.key", _new_key)
            self._current = (label, hashlib.sha256(key).hexdigest()[:8], key)
            self._day = day
        return self._current


def packed_address(address: str) -> bytes:
    """Read an address; IPv4 written as IPv6 is IPv4. Raises ``ValueError``."""
    try:
        packed = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
    except (OSError, ValueError) as error:
        raise ValueError("not an IP address") from error
    return packed[12:] if packed.startswith(_MAPPED) else packed


def _network(packed: bytes) -> str:
    if len(packed) == 4:
        return socket.inet_ntop(socket.AF_INET, packed[:3] + bytes(1)) + "/24"
    return socket.inet_ntop(socket.AF_INET6, packed[:6] + bytes(10)) + "/48"


def _new_key() -> bytes:
    return secrets.token_bytes(32)
