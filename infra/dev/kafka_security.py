"""Listeners with TLS for the development Kafka, for tests of what the options of a connection do.

Beside its own plain listener a broker then has two: SASL_SSL, where clients name a user and a password (SCRAM-SHA-512
or PLAIN), and SSL, where they show a certificate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_SASL = "listener.name.sasl_ssl"
_TLS = "listener.name.ssl"
_MODULES = "org.apache.kafka.common.security"


@dataclass(frozen=True, slots=True)
class Security:
    """What the listeners need.

    identity   PEM file: the broker's private key (PKCS #8), then its certificate
    trusted    PEM file: who signs the certificates of clients
    users      name → password
    """

    identity: Path
    trusted: Path
    users: Mapping[str, str]

    def settings(self, plain_port: int, controller_port: int, sasl_port: int, tls_port: int) -> dict[str, object]:
        """What a broker's settings have more than without."""
        places = {"PLAINTEXT": plain_port, "SASL_SSL": sasl_port, "SSL": tls_port}
        advertised = ",".join(f"{name}://127.0.0.1:{port}" for name, port in places.items())
        users = " ".join(f'user_{name}="{password}"' for name, password in self.users.items())
        return {
            "listeners": f"{advertised},CONTROLLER://127.0.0.1:{controller_port}",
            "advertised.listeners": advertised,
            # The default is there only while no listener has a security of its own.
            "listener.security.protocol.map": ",".join(f"{name}:{name}" for name in places) + ",CONTROLLER:PLAINTEXT",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": self.identity,
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": self.trusted,
            f"{_TLS}.ssl.client.auth": "required",
            # After two seconds a client has to show its password anew, so that tests see it.
            "connections.max.reauth.ms": 2000,
            f"{_SASL}.sasl.enabled.mechanisms": "SCRAM-SHA-512,PLAIN",
            f"{_SASL}.scram-sha-512.sasl.jaas.config": f"{_MODULES}.scram.ScramLoginModule required;",
            f"{_SASL}.plain.sasl.jaas.config": f"{_MODULES}.plain.PlainLoginModule required {users};",
        }

    def users_to_format(self) -> list[str]:
        """What the tool that prepares a data folder is told, so that SCRAM knows the users."""
        told = (f"SCRAM-SHA-512=[name={name},password={password}]" for name, password in self.users.items())
        return [word for user in told for word in ("--add-scram", user)]
