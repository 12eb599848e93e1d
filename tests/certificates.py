"""Certificates for tests, made while they run."""

from __future__ import annotations

from pathlib import Path

import trustme
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

    def identity(self, name: str) -> Path:
        """A file with both, as a broker of Kafka reads it."""
        certificate, made = self.certificate(name)
        file = self._folder / f"{name}.pem"
        file.write_bytes(self.key(name, made).read_bytes() + certificate.read_bytes())
        return file
