"""The certificate of a listener, read again when its files change.

Certificates are renewed every few weeks, so nobody should have to restart anything for it: new
connections get the new one, those that are open go on. One that cannot be used, or is out of its
time, never takes the place of a good one; why is visible until it is put right.
"""

import logging
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeAlias

from bailiwick.errors import BailiwickError

LOOK_S: Final = 1.0
"""How often the files are looked at. They are read once they look the same twice."""

_log = logging.getLogger("bailiwick.front")

_Stamp: TypeAlias = tuple[tuple[int, ...] | None, ...]


class Certificates:
    """Certificate, key and, if callers must present certificates, their authorities."""

    def __init__(self, certificate: str, key: str, client_ca: str | None = None) -> None:
        """Read the files. Raises ``BailiwickError`` if they cannot be used."""
        self._names = (certificate, key, client_ca)
        self._seen = self._tried = self._stamp()
        self.context, self.expires_at = self._read()
        self.refused: str | None = None
        """Why the newest files are not in use; ``None``: they are."""

    @property
    def files(self) -> tuple[str, str, str | None]:
        """Names of the certificate, the key and the authorities."""
        return self._names

    def look(self, *, at_once: bool = False) -> None:
        """Read the files again if they have changed, or were refused.

        ``at_once``: even if they changed only just now.
        """
        now = self._stamp()
        settled, self._seen = at_once or now == self._seen, now
        if settled and (now != self._tried or self.refused is not None):
            self._tried = now
            self._replace()

    def status(self) -> dict[str, Any]:
        """Describe the certificate in use, in JSON values."""
        return {"expires_at": self.expires_at.isoformat(), "refused": self.refused}

    def _replace(self) -> None:
        try:
            self.context, self.expires_at = self._read()
        except BailiwickError as error:
            if self.refused != str(error):
                _log.error("refused, the last good certificate stays in use: %s", error)
            self.refused = str(error)
        else:
            self.refused = None
            _log.info("in use: certificate `%s`, until %s", self._names[0], self.expires_at)

    def _read(self) -> tuple[ssl.SSLContext, datetime]:
        return tls_context(*self._names), _checked_expiry(self._names[0])

    def _stamp(self) -> _Stamp:
        return tuple(_stamp_of(name) for name in self._names if name is not None)


def tls_context(certificate: str, key: str, client_ca: str | None = None) -> ssl.SSLContext:
    """Read the certificate and its key. TLS 1.2 or later.

    ``client_ca``: authorities without whose certificate nobody gets as far as a request. Raises
    ``BailiwickError`` for files that cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])

    def is_encrypted() -> bytes:  # without it, OpenSSL asks whoever sits at the terminal
        raise BailiwickError(
            f"cannot use the key `{key}`: it is encrypted",
            f"write it without: `openssl pkey -in {key} -out PLAIN`, readable for us only",
        )

    for name in filter(None, (certificate, key, client_ca)):
        _read(name)  # OpenSSL does not say which of them it cannot read
    try:
        context.load_cert_chain(certificate, key, is_encrypted)
    except OSError as error:
        raise _unusable(f"the certificate `{certificate}` with the key `{key}`", error) from None
    if client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        try:
            context.load_verify_locations(client_ca)
        except OSError as error:
            raise _unusable(f"the authorities in `{client_ca}`", error) from None
    return context


def _read(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise BailiwickError(f"cannot read `{name}`: {error.strerror}") from None


def _checked_expiry(certificate: str) -> datetime:
    from cryptography.x509 import load_pem_x509_certificates

    try:
        first = load_pem_x509_certificates(_read(certificate))[0]
    except ValueError as error:
        raise _unusable(f"the certificate `{certificate}`", error) from None
    begins, ends, now = first.not_valid_before_utc, first.not_valid_after_utc, datetime.now(UTC)
    if not begins <= now < ends:
        raise BailiwickError(
            f"the certificate `{certificate}` is valid from {begins} until {ends}, and not now",
            "renew it, or set the clock right",
        )
    return ends


def _unusable(what: str, error: Exception) -> BailiwickError:
    said = str(getattr(error, "reason", None) or "no PEM, or not whole").replace("_", " ").lower()
    return BailiwickError(f"cannot use {what}: {said}", "name PEM files that fit together")


def _stamp_of(name: str) -> tuple[int, ...] | None:
    """Tell a file from an earlier state of it; ``None``: it is not there."""
    try:
        state = Path(name).stat()
    except OSError:
        return None
    return state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns
