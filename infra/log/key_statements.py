"""What the roots say about keys, brought to every partition of a log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager

from infra.log.acceptance import ActiveKeys, ChainState, start
from infra.log.chain import Chain
from infra.log.control_append import ControlAppender
from infra.log.control_records import KeyStatement, Roots, Signatures, StatementKind, sign
from infra.log.errors import ControlRecordLost, LogNotFounded, RootsMissing
from infra.log.format import HEADER_LENGTH, Format, Header
from infra.log.keys import Signer, key_id
from infra.log.partition_client import Record
from infra.log.partition_source import PartitionSource


class KeyedPartition:
    """One partition with the statements that it has taken. See `opened`."""

    def __init__(self, source: PartitionSource, appender: ControlAppender, taken: dict[int, bytes]) -> None:
        self.source = source
        self._appender = appender
        self.taken = taken
        """Content of each statement that had an effect, by its number."""

    @property
    def keys(self) -> ActiveKeys:
        """The keys that are active at the end. Raises LogNotFounded."""
        if self._appender.state.keys is None:
            raise LogNotFounded(log=self.source.address.name)
        return self._appender.state.keys

    def take(self, number: int, content: bytes, signer: Signer) -> None:
        """Append the statement of a number, unless there is one. Raises ControlRecordLost where that is another one."""
        name = self.source.address.name

        def wanted(state: ChainState) -> bool:
            if state.keys is None:
                raise LogNotFounded(log=name)
            return state.keys.statements == number - 1

        self._appender.append(signer, Format.STATEMENT, content, wanted)
        if self.taken.get(number) != content:
            raise ControlRecordLost(log=name, reason=f"statement {number} is another one there")


@contextmanager
def opened(source: PartitionSource) -> Iterator[KeyedPartition]:
    """A partition, read from its first record to its end by headers and control records alone."""
    taken: dict[int, bytes] = {}
    chain = Chain(start(source.address.place, source.address.identity), 0, lambda _number: None)

    def observe(record: Record, header: Header | None) -> None:
        keys = chain.state.keys
        if header is None or record.value is None or keys is None or keys.statements == len(taken):
            return
        taken[keys.statements] = record.value[HEADER_LENGTH:]

    with closing(source.follower()) as client:
        yield KeyedPartition(source, ControlAppender(source.address.name, client, chain, observe), taken)


def state_keys(
    sources: Sequence[PartitionSource],
    kind: StatementKind,
    about: bytes | Roots,
    roots: Sequence[Signer],
    signer: Signer,
) -> int:
    """Bring a statement to every partition; its number, or that of the last one where it holds already.

    1. A partition that is behind the others, after a run that was broken off, first takes the statements they have.
    2. Where it then holds already, there is nothing more to do.
    3. The roots sign the next number, and every partition takes it.

    Raises RootsMissing, ControlRecordLost, and what appending raises.
    """
    with ExitStack() as stack:
        partitions = [stack.enter_context(opened(source)) for source in sources]
        ahead = max(partitions, key=lambda partition: partition.keys.statements)
        for partition in partitions:  # 1
            for number in range(partition.keys.statements + 1, ahead.keys.statements + 1):
                partition.take(number, ahead.taken[number], signer)
        keys = ahead.keys
        if _holds(keys, kind, about):  # 2
            return keys.statements
        statement = KeyStatement(keys.identity, keys.statements + 1, kind, about)
        signed = statement._replace(signatures=signatures(keys.roots, statement.message(), roots))
        for partition in partitions:  # 3
            partition.take(signed.number, signed.encode(), signer)
        return signed.number


def signatures(roots: Roots, message: bytes, signers: Sequence[Signer]) -> Signatures:
    """Those of the roots that are here. Raises RootsMissing where they are too few."""
    found = sign(message, roots, signers)
    if len(found) < roots.threshold:
        raise RootsMissing(needed=roots.threshold, found=len(found))
    return found


def _holds(keys: ActiveKeys, kind: StatementKind, about: bytes | Roots) -> bool:
    if isinstance(about, Roots):
        return keys.roots == about
    return (keys.writers.get(key_id(about)) == about) is (kind is StatementKind.ADD_WRITER)
