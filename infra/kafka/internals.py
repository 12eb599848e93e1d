"""Everything of kafka-python that is not its public interface, in one place and for one version: 3.0.x.

Three things need it, and each is named here by what it is for:

    Client          says why a broker did not let it in, at once, and loses no answer that ends a connection
    requests        a partition is read and written by requests of our own, which name the topic by its id
    force_close     a producer is given up although it still holds records

The version is checked before the private parts are imported, so that another one ends in an error that says what to do
and not in one of Python's. See `private_protocol.md` for why.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final
from uuid import UUID

import kafka
from kafka.errors import (
    InvalidReceiveError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    SaslAuthenticationFailedError,
    UnsupportedSaslMechanismError,
    for_code,
)

from infra.kafka.errors import ClientRejected, UnsupportedKafkaPython

_SUPPORTED: Final = re.compile(r"3\.0\.\d+")


def check_version(version: str) -> None:
    """Raises UnsupportedKafkaPython for a version of kafka-python whose private parts are not known to fit."""
    if not _SUPPORTED.fullmatch(version):
        raise UnsupportedKafkaPython(version=version)


check_version(kafka.__version__)

from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor  # noqa: E402
from kafka.coordinator.assignors.range import RangePartitionAssignor  # noqa: E402
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor  # noqa: E402
from kafka.net.compat import KafkaNetClient  # noqa: E402
from kafka.net.manager import KafkaConnectionManager  # noqa: E402
from kafka.net.selector import NetworkSelector  # noqa: E402
from kafka.protocol.consumer import FetchRequest, ListOffsetsRequest, OffsetSpec  # noqa: E402
from kafka.protocol.producer import InitProducerIdRequest, ProduceRequest  # noqa: E402
from kafka.record.default_records import DefaultRecordBatchBuilder  # noqa: E402

__all__ = ["CooperativeStickyAssignor", "OffsetSpec", "RangePartitionAssignor", "RoundRobinPartitionAssignor"]

_LOGIN_ERRORS: Final = (SaslAuthenticationFailedError, UnsupportedSaslMechanismError)
# A broker that is stopping, or a connection that breaks, does this to a client that is right, too.
_PASSING_TLS_ERRORS: Final = (ssl.SSLEOFError, ssl.SSLZeroReturnError)
_TLS_PROBE_SECONDS: Final = 2.0
# The first versions of the requests that name a topic by its id: Kafka 4.0 has them.
_PRODUCE_VERSION: Final = 13
_FETCH_VERSION: Final = 13
# The first version that is refused until the leader's high watermark has caught up.
_LIST_OFFSETS_VERSION: Final = 5
_RECORD_FORMAT: Final = 2

_TopicData = ProduceRequest.TopicProduceData
_PartitionData = _TopicData.PartitionProduceData
_FetchTopic = FetchRequest.FetchTopic
_FetchPartition = _FetchTopic.FetchPartition
_OffsetsTopic = ListOffsetsRequest.ListOffsetsTopic
_OffsetsPartition = _OffsetsTopic.ListOffsetsPartition


class Client(KafkaNetClient):  # type: ignore[misc]  # kafka-python ships no types
    """The client under every client of Kafka: kafka-python's own, which also says why it was not let in.

    kafka-python tries a wrong password or an untrusted certificate again until its time is over, and then says no more
    than that it could not bootstrap. Here the first connection raises ClientRejected as soon as every broker has
    refused for good.
    """

    def __init__(self, **configs: Any) -> None:
        net = NetworkSelector(**configs)
        super().__init__(net=net, manager=_ConnectionManager(net, **configs))

    @property
    def connections(self) -> int:
        """How many connections to brokers were begun so far."""
        return int(self._manager.connections)

    def bootstrap(self, seconds: float, topics: Collection[str] = ()) -> None:
        """Connect, learn the cluster's brokers, and who leads these topics. Raises KafkaError, ClientRejected.

        Who asks for the topics afterwards is made to wait for a tenth of a second.
        """
        self._manager.bootstrap_async(seconds * 1000)
        if topics:
            # With nothing begun, this would begin to connect, and without an end.
            self.cluster.set_topics(topics)
        self._manager.bootstrap(seconds * 1000)


class PatientClient(Client):
    """The client for which a broker that is away is not ready, as a transactional producer expects, and no error."""

    def await_ready(self, node_id: Any, timeout_ms: float = 30_000) -> bool:
        """Whether the node is ready within that time."""
        try:
            return bool(super().await_ready(node_id, timeout_ms=timeout_ms))
        except (KafkaConnectionError, KafkaTimeoutError):
            return False


class _ConnectionManager(KafkaConnectionManager):  # type: ignore[misc]
    def __init__(self, net: NetworkSelector, **configs: Any) -> None:
        super().__init__(net, **configs)
        self._rejections: dict[Any, str] = {}
        self._last_reason = ""
        self._tls_probed = False
        self.connections = 0

    async def _do_bootstrap(self, deadline: float | None) -> Any:
        try:
            return await super()._do_bootstrap(deadline)
        except KafkaTimeoutError as error:
            reason = self._last_reason or "none answered in time"
            brokers = ", ".join(sorted(f"{each.host}:{each.port}" for each in self.cluster.bootstrap_brokers()))
            raise KafkaConnectionError(f"no broker could be reached at {brokers}: {reason}") from error

    async def _build_transport(self, node: Any, timeout_at: float | None = None) -> Any:
        transport = await super()._build_transport(node, timeout_at=timeout_at)
        transport._sock_recv = _data_before_end(transport._sock_recv)  # noqa: SLF001  (see there)
        return transport

    async def _connect(self, node: Any, conn: Any, **options: Any) -> None:
        self.connections += 1
        if not self.bootstrapped:
            for future in (conn.init_future, conn.close_future):
                future.add_errback(partial(self._connection_failed, node))
        await super()._connect(node, conn, **options)
        # kafka-python forgets there what was noted meanwhile.
        self._reject_when_all_refused()

    def _connection_failed(self, node: Any, error: Exception) -> None:
        """Keep why a connection failed; once every broker has refused for good, the next try raises it."""
        address = f"{node.host}:{node.port}"
        reason = self._lasting_reason(node, error)
        if reason is None:
            self._last_reason = self._rejections.get(node.node_id) or f"{address}: {_text(error)}"
            return
        self._last_reason = self._rejections[node.node_id] = f"{address}: {reason}"
        self._reject_when_all_refused()

    def _reject_when_all_refused(self) -> None:
        if not self.bootstrapped and self._rejections.keys() >= {
            broker.node_id for broker in self.cluster.bootstrap_brokers()
        }:
            self._auth_failures |= {node: ClientRejected(reason) for node, reason in self._rejections.items()}

    def _lasting_reason(self, node: Any, error: Exception) -> str | None:
        """Why no other try would help; None when one may."""
        if isinstance(error, _LOGIN_ERRORS):
            mechanism = self.config["sasl_mechanism"]
            not_offered = f"the broker does not offer {mechanism}"
            return not_offered if isinstance(error, UnsupportedSaslMechanismError) else _text(error)
        tls_error = _tls_error(error)
        if tls_error is not None:
            return None if isinstance(tls_error, _PASSING_TLS_ERRORS) else _text(tls_error)
        if isinstance(error, (KafkaConnectionError, InvalidReceiveError)) and self._speaks_tls(node):
            return f"the port speaks TLS, and security_protocol={self.config['security_protocol']} does not"
        return None

    def _speaks_tls(self, node: Any) -> bool:
        """Whether a port that ends plain connections answers in TLS. Asked once."""
        if self.ssl_enabled or self._tls_probed:
            return False
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # Nothing is sent or believed here.
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            with socket.create_connection((node.host, node.port), _TLS_PROBE_SECONDS) as plain:
                self._tls_probed = True
                context.wrap_socket(plain).close()
        except OSError:
            return False
        return True


_Received = tuple[bytes, Exception | None]


def _data_before_end(receive: Callable[[], _Received]) -> Callable[[], _Received]:
    """Hand over what came before the end of a connection, and report the end at the next call.

    kafka-python 3.0 drops the data when both come at once: so the answer of a broker that refuses a mechanism of SASL,
    and then ends the connection, is lost in some of the cases.
    """
    end: list[Exception] = []

    def receive_in_order() -> _Received:
        if end:
            return b"", end[0]
        data, error = receive()
        if data and error is not None:
            end.append(error)
            return data, None
        return data, error

    return receive_in_order


def _tls_error(error: BaseException) -> ssl.SSLError | None:
    """The error of TLS that one of kafka-python stands for."""
    for found in (error, error.__context__, *error.args):
        if isinstance(found, ssl.SSLError):
            return found
    return None


def _text(error: BaseException) -> str:
    # kafka-python puts the names of its errors before what the broker said.
    return str(error).rpartition("Error: ")[2] or type(error).__name__


def force_close(producer: Any) -> None:
    """End a producer's thread although it still holds records, which `close(timeout=0)` alone refuses to leave."""
    try:
        producer.close(timeout=0)
    except KafkaError:
        with suppress(AttributeError):
            producer._sender.force_close()  # noqa: SLF001  (see the module)


def producer_id_request() -> Any:
    """Ask for the id of a new idempotent producer."""
    return InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=60_000)


def record_batch(
    producer_id: int,
    epoch: int,
    first_sequence: int,
    records: Sequence[tuple[bytes | None, bytes]],
    headers: Sequence[tuple[str, bytes]] = (),
    *,
    moments: Sequence[int] | None = None,
) -> bytes:
    """Records, each a key and a value, as the batch of an idempotent producer; each gets these headers.

    `moments`: when each was made, in milliseconds since 1970, None: now. A topic on LogAppendTime does not keep them.
    """
    more = 64 + sum(len(name) + len(text) + 8 for name, text in headers)
    size = 128 + sum(len(key or b"") + len(value) + more for key, value in records)
    builder = DefaultRecordBatchBuilder(_RECORD_FORMAT, 0, False, producer_id, epoch, first_sequence, size)
    for offset, (key, value) in enumerate(records):
        builder.append(offset, moments[offset] if moments is not None else None, key, value, headers)
    return bytes(builder.build())


def produce_request(topic_id: UUID, partition: int, batch: bytes, timeout: float) -> Any:
    """Append a batch; the brokers have `timeout` seconds until all replicas in sync hold it."""
    data = _PartitionData(index=partition, records=batch)
    return ProduceRequest(
        transactional_id=None,
        acks=-1,
        timeout_ms=int(timeout * 1000),
        topic_data=[_TopicData(topic_id=topic_id, partition_data=[data])],
        min_version=_PRODUCE_VERSION,
        max_version=_PRODUCE_VERSION,
    )


def fetch_request(
    topic_id: UUID, partition: int, leader_epoch: int, start: int, *, wait: float, most_bytes: int
) -> Any:
    """Records from an offset on; the broker waits up to `wait` seconds for the first one."""
    wanted = _FetchPartition(
        partition=partition, current_leader_epoch=leader_epoch, fetch_offset=start, partition_max_bytes=most_bytes
    )
    return FetchRequest(
        max_wait_ms=int(wait * 1000),
        min_bytes=1,
        max_bytes=most_bytes,
        # A valid record inside a stranger's aborted transaction is a record to every reader.
        isolation_level=0,
        topics=[_FetchTopic(topic_id=topic_id, partitions=[wanted])],
        min_version=_FETCH_VERSION,
        max_version=_FETCH_VERSION,
    )


def offset_request(topic: str, partition: int, leader_epoch: int, which: OffsetSpec) -> Any:
    """The first offset of a partition, or the one after its last record.

    The latter is refused by a leader that does not know yet what was acknowledged before its election.
    """
    wanted = _OffsetsPartition(partition_index=partition, current_leader_epoch=leader_epoch, timestamp=which)
    return ListOffsetsRequest(
        topics=[_OffsetsTopic(name=topic, partitions=[wanted])],
        min_version=_LIST_OFFSETS_VERSION,
        max_version=_LIST_OFFSETS_VERSION,
    )


def raise_for_code(code: int, message: str | None = None) -> None:
    """Raises the KafkaError that a code of a broker's answer stands for; 0 stands for none."""
    if code:
        error = for_code(code)
        raise error(message) if message else error()
