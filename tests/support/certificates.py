"""Certificates for tests, made while they run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)


class Authority:
    """Whoever signs certificates; `file` is what those trust who trust it."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._made = trustme.CA()
        self._folder = folder
        self.file = folder / f"{name}.pem"
        self._made.cert_pem.write_to_path(str(self.file))

    def certificate(self, name: str) -> tuple[Path, trustme.LeafCert]:
        """A file with the certificate of a host, or of a client, and what it was made from."""
        made = self._made.issue_cert(name)
        file = self._folder / f"{name}.crt"
        file.write_bytes(b"".join(part.bytes() for part in made.cert_chain_pems))
        return file, made

    def key(self, name: str, made: trustme.LeafCert, password: str | None = None) -> Path:
        """A file with its private key, PKCS #8, encrypted where there is a password."""
        file = self._folder / f"{name}.key"
        key = load_pem_private_key(made.private_key_pem.bytes(), None)
        how: KeySerializationEncryption = BestAvailableEncryption(password.encode()) if password else NoEncryption()
        file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how))
        return file

    def revocations(self, name: str, *revoked: Path) -> Path:
        """A file with the list of revoked certificates: those in these files."""
        now = datetime.now(UTC)
        issuer = x509.load_pem_x509_certificate(self._made.cert_pem.bytes()).subject
        made = x509.CertificateRevocationListBuilder(issuer).last_update(now).next_update(now + timedelta(days=1))
        for file in revoked:
            serial = x509.load_pem_x509_certificates(file.read_bytes())[0].serial_number
            one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now).build()
            made = made.add_revoked_certificate(one)
        key = cast(EllipticCurvePrivateKey, load_pem_private_key(self._made.private_key_pem.bytes(), None))
        file = self._folder / f"{name}.crl"
        file.write_bytes(made.sign(key, SHA256()).public_bytes(Encoding.PEM))
        return file

    def identity(self, name: str) -> Path:
        """A file with both, as a broker of Kafka reads it."""
        certificate, made = self.certificate(name)
        file = self._folder / f"{name}.pem"
        file.write_bytes(self.key(name, made).read_bytes() + certificate.read_bytes())
        return file
