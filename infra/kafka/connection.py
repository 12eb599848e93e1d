"""The client under every client of Kafka: kafka-python's own, which also says why it was not let in.

kafka-python tries a wrong password or an untrusted certificate again until its time is over, and then says no more than
that it could not bootstrap.
"""

from __future__ import annotations

import socket
import ssl
from functools import partial
from typing import Any, Final

from kafka.errors import (
    InvalidReceiveError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    SaslAuthenticationFailedError,
    UnsupportedSaslMechanismError,
)
from kafka.net.compat import KafkaNetClient
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector

_LOGIN: Final = (SaslAuthenticationFailedError, UnsupportedSaslMechanismError)
# What a broker, or a connection that breaks, may also do to a client that is right.
_MAY_PASS: Final = (ssl.SSLEOFError, ssl.SSLZeroReturnError)
_ANSWERS_WITHIN: Final = 2.0


class NotLetIn(KafkaError):  # type: ignore[misc]  # kafka-python ships no types
    """The broker refuses this client or the other way round, and no other try mends that."""


class Client(KafkaNetClient):  # type: ignore[misc]
    """See above. The first connection raises NotLetIn at once when no broker is left to ask."""

    def __init__(self, **configs: Any) -> None:
        net = NetworkSelector(**configs)
        super().__init__(net=net, manager=_Manager(net, **configs))


class _Manager(KafkaConnectionManager):  # type: ignore[misc]
    def __init__(self, net: NetworkSelector, **configs: Any) -> None:
        super().__init__(net, **configs)
        self._reasons: dict[Any, str] = {}
        self._last = ""
        self._asked_for_tls = False

    async def _do_bootstrap(self, deadline: float | None) -> Any:
        try:
            return await super()._do_bootstrap(deadline)
        except KafkaTimeoutError as error:
            if not self._last:
                raise
            raise KafkaConnectionError(f"{error.args[0]}: {self._last}") from error

    async def _connect(self, node: Any, conn: Any, **options: Any) -> None:
        if not self.bootstrapped:
            for future in (conn.init_future, conn.close_future):
                future.add_errback(partial(self._failed, node))
        await super()._connect(node, conn, **options)
        # What was noted meanwhile is forgotten there.
        self._give_up()

    def _failed(self, node: Any, error: Exception) -> None:
        """Keep why a connection failed; once every broker has refused for good, the next try raises it."""
        place = f"{node.host}:{node.port}"
        reason = self._final_reason(node, error)
        if reason is None:
            self._last = self._reasons.get(node.node_id) or f"{place}: {_text(error)}"
            return
        self._last = self._reasons[node.node_id] = f"{place}: {reason}"
        self._give_up()

    def _give_up(self) -> None:
        if not self.bootstrapped and self._reasons.keys() >= {
            each.node_id for each in self.cluster.bootstrap_brokers()
        }:
            self._auth_failures |= {found: NotLetIn(said) for found, said in self._reasons.items()}

    def _final_reason(self, node: Any, error: Exception) -> str | None:
        if isinstance(error, _LOGIN):
            mechanism = self.config["sasl_mechanism"]
            unknown = f"the broker does not offer {mechanism}"
            return unknown if isinstance(error, UnsupportedSaslMechanismError) else _text(error)
        of_tls = _of_tls(error)
        if of_tls is not None:
            return None if isinstance(of_tls, _MAY_PASS) else _text(of_tls)
        if isinstance(error, (KafkaConnectionError, InvalidReceiveError)) and self._wants_tls(node):
            return f"the port speaks TLS, and security_protocol={self.config['security_protocol']} does not"
        return None

    def _wants_tls(self, node: Any) -> bool:
        """Whether a port that ends plain connections answers in TLS. Asked once."""
        if self.ssl_enabled or self._asked_for_tls:
            return False
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # Nothing is sent or believed here.
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            with socket.create_connection((node.host, node.port), _ANSWERS_WITHIN) as plain:
                self._asked_for_tls = True
                context.wrap_socket(plain).close()
        except OSError:
            return False
        return True


def _of_tls(error: BaseException) -> ssl.SSLError | None:
    """The error of TLS that one of kafka-python stands for."""
    for found in (error, error.__context__, *error.args):
        if isinstance(found, ssl.SSLError):
            return found
    return None


def _text(error: BaseException) -> str:
    # kafka-python puts the names of its errors before what the broker said.
    return str(error).rpartition("Error: ")[2] or type(error).__name__
