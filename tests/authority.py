"""An authority that issues certificates to the servers and clients of tests."""

import ipaddress
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID, ObjectIdentifier

HOSTS = ("127.0.0.1", "localhost")


class Authority:
    """Signs; its own certificate is ``NAME.pem`` in its folder."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.path = folder / f"{name}.pem"
        begins = datetime.now(UTC) - timedelta(days=2)
        made = self._sign(
            self._name, self._key, begins, begins + timedelta(days=9), (), (), ca=True
        )
        self.path.write_bytes(made)

    def issue(
        self,
        name: str,
        *,
        days: float = 1,
        begins: float = -2,
        hosts: Iterable[str] = HOSTS,
        uses: Iterable[ObjectIdentifier] = (),
        password: bytes | None = None,
    ) -> tuple[str, str]:
        """Write ``NAME.pem`` and ``NAME.key``; valid from ``begins`` until ``days``, from today."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        made = self._sign(
            subject, key, now + timedelta(days=begins), now + timedelta(days=days), hosts, uses
        )
        paths = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        how: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if password is not None:
            how = serialization.BestAvailableEncryption(password)
        written = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how
        )
        for path, content in zip(paths, (made, written), strict=True):
            draft = path.with_suffix(".draft")
            draft.write_bytes(content)
            draft.replace(path)
        return str(paths[0]), str(paths[1])

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        begins: datetime,
        ends: datetime,
        hosts: Iterable[str],
        uses: Iterable[ObjectIdentifier],
        *,
        ca: bool = False,
    ) -> bytes:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(ends)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
        )
        if names := [_general(host) for host in hosts]:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        if usages := list(uses):
            builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
