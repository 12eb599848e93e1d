"""Appending a control record: a conditional append by headers alone, whatever bodies stand before it.

The committer is for what callers decided on a state. A control record is appended by an operator's tool, which must be
able to do it when no reader can go on: behind a record that none can use, or while an orphan is open.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256

from infra.log.acceptance import ChainState, RecordedAt
from infra.log.chain import Chain
from infra.log.errors import LogChanged, WriterNotRegistered
from infra.log.format import Format, Header, seal
from infra.log.keys import Signer
from infra.log.partition_client import PartitionClient, Record
from infra.log.partition_knowledge import check_open
from infra.log.reporting import inform
from infra.retry import Retry
from infra.timeouts import Timeout


def _nobody(_record: Record, _header: Header | None) -> None:
    """Nobody listens."""


class ControlAppender:
    """One partition for control records. Opened, it has read to the end."""

    def __init__(
        self,
        name: str,
        client: PartitionClient,
        chain: Chain,
        observe: Callable[[Record, Header | None], None] = _nobody,
    ) -> None:
        """`observe` is told every record that is read, with its header where it was accepted."""
        self._name = name
        self._client = client
        self._chain = chain
        self._observe = observe
        self.read_on()

    @property
    def state(self) -> ChainState:
        """The rule's state at the end."""
        return self._chain.state

    @property
    def unsigned(self) -> Mapping[int, bytes]:
        """See `Chain.unsigned`."""
        return self._chain.unsigned

    def recorded(self, number: int) -> RecordedAt | None:
        """What is known of the accepted record of a number."""
        return self._chain.recorded(number)

    def read_on(self) -> None:
        """Read to the high watermark. Raises what the client raises."""
        for fetched in self._client.read(self._chain.next_offset):
            for record in fetched.records:
                if record.offset >= self._chain.next_offset:
                    _, header = self._chain.take(record)
                    self._observe(record, header)

    def append(self, signer: Signer, format_: Format, content: bytes, check: Callable[[ChainState], bool]) -> bool:
        """Append a record with this content; whether that was needed.

        `check` is asked before each try: it says whether the record is still wanted, or raises why it cannot be.
        Raises LogClosed, WriterNotRegistered, KafkaUnreachable where the outcome stays unknown, and what the client
        raises.

        1. Send one record, built on the head; where the tape refuses, because others have appended, read and try again.
        2. Read to the end, at least up to where it was acknowledged.
        3. Accepted: done. Else again on the new head; whatever copy comes later is late.
        """
        tries = Retry(Timeout.APPEND, pause=0.05, longest=1.0)
        while check(self.state):
            state = self.state
            if format_ is not Format.CLOSING:
                check_open(self._name, state, lambda: self._client.tape)
            _check_signer(self._name, state, signer, format_)
            chain = (state.head, state.number + 1, state.position, 0)
            value = seal(state.place, signer, format_, chain, content)
            pending = self._client.send(value)  # 1
            if pending is None:
                self.read_on()
                continue
            offset = pending.result()
            if offset is None:
                if tries.is_over:
                    # Only a tape of Kafka leaves an outcome unknown.
                    from infra.kafka.errors import KafkaUnreachable  # noqa: PLC0415

                    raise KafkaUnreachable(log=self._name, reason="the record was not acknowledged in time")
                tries.pause()
            self._read_up_to(offset)  # 2
            found = self.recorded(state.number + 1)
            if found is not None and found.hash == sha256(value).digest():  # 3
                inform(__name__, "control.appended", log=self._name, format=format_.name, number=state.number + 1)
                return True
        return False

    def _read_up_to(self, offset: int | None) -> None:
        """Raises LogChanged where an acknowledged record is not there."""
        tries = Retry(self._client.lag, pause=0.005)
        self.read_on()
        while offset is not None and self._chain.next_offset <= offset:
            if tries.is_over:
                reason = f"the record at offset {offset} was acknowledged, and is not there"
                raise LogChanged(log=self._name, reason=reason, index="")
            tries.pause()
            self.read_on()


def _check_signer(name: str, state: ChainState, signer: Signer, format_: Format) -> None:
    """Raises WriterNotRegistered where a record with this signature would be a stranger's."""
    if format_ is Format.GENESIS and state.keys is None:
        return
    if state.keys is None or state.keys.writers.get(signer.key_id) != signer.public:
        raise WriterNotRegistered(log=name, key=signer.public.hex())
