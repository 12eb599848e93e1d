"""What an operator may do about a partition that stopped: leave orphans behind, and void records that none can use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from infra.log.acceptance import ActiveKeys, ChainState, start
from infra.log.chain import Chain
from infra.log.control_append import ControlAppender
from infra.log.control_records import MOST_DISMISSED, Orphan, Void, encode_dismissal
from infra.log.errors import ControlRecordLost, LogNotFounded
from infra.log.format import Append, Format, Header, UnreadableBody, decode_body, read_header
from infra.log.key_statements import signatures
from infra.log.keys import Signer
from infra.log.partition_client import Record
from infra.log.partition_source import PartitionSource


@dataclass(frozen=True, slots=True)
class SeenRecord:
    """An accepted record as the tool sees it; `appends` is None where its body cannot be read."""

    offset: int
    header: Header
    hash: bytes
    writer: str
    appends: Sequence[Append] | None

    @property
    def facts(self) -> list[str]:
        """What was acknowledged with it: events and answered commands, in words."""
        appends = self.appends or ()
        events = [f"{dossier}/{version} {topic}" for append in appends for dossier, version, topic, _ in append.events]
        return events + [f"command {append.command.key.command_id}" for append in appends if append.command is not None]


@dataclass(frozen=True, slots=True)
class Examination:
    """What a void from record `number` on would empty: those records, the first one first. Nothing was written."""

    number: int
    records: Sequence[SeenRecord]

    @property
    def last(self) -> int:
        """The number of the last one."""
        return self.number + len(self.records) - 1

    @property
    def facts(self) -> list[str]:
        """All that was acknowledged and would be lost."""
        return [fact for record in self.records for fact in record.facts]

    @property
    def built_on(self) -> bool:
        """Whether a writer other than the first record's own built appends on it."""
        first, *behind = self.records
        return any(
            record.header.format == Format.APPENDS and record.header.key != first.header.key for record in behind
        )


class RepairedPartition:
    """One partition for an operator's tool. See `repaired`."""

    def __init__(self, name: str, appender: ControlAppender, largest: int) -> None:
        self._name = name
        self._appender = appender
        self._largest = largest

    @property
    def orphans(self) -> Mapping[int, bytes]:
        """The open ones, and what stands at the end and no writer signed: hash by offset."""
        return {**self._appender.state.orphans, **self._appender.unsigned}

    @property
    def keys(self) -> ActiveKeys:
        """The active keys. Raises LogNotFounded."""
        return _keys(self._name, self._appender.state)

    def dismiss(self, orphans: Sequence[Orphan], signer: Signer) -> None:
        """Leave orphans behind, as many in one record as it holds."""
        at_once = min(MOST_DISMISSED, (self._largest - 1024) // 40)
        for begin in range(0, len(orphans), at_once):
            some = orphans[begin : begin + at_once]
            self._appender.append(
                signer,
                Format.DISMISSAL,
                encode_dismissal(some),
                lambda _state, some=some: any(self.orphans.get(offset) == digest for offset, digest in some),  # type: ignore[misc]
            )

    def void(self, examined: Examination, reason: str, roots: Sequence[Signer], signer: Signer) -> None:
        """Void the records that were examined. Raises ControlRecordLost where others appended since, RootsMissing."""
        keys, head = self.keys, examined.records[-1].hash
        partition = self._appender.state.place.partition
        void = Void(keys.identity, partition, examined.number, examined.records[0].hash, head, reason)
        void = void._replace(signatures=signatures(keys.roots, void.message(), roots))

        def wanted(state: ChainState) -> bool:
            if any((found.first, found.last) == (void.number, examined.last) for found in state.voids):
                return False
            if state.head != head:
                raise ControlRecordLost(log=self._name, reason="records were appended since it was looked at")
            return True

        self._appender.append(signer, Format.VOID, void.encode(), wanted)


@contextmanager
def repaired(source: PartitionSource, observe: Any = None) -> Iterator[RepairedPartition]:
    """A partition, read to its end by headers and control records alone."""
    name, chain = source.address.name, _chain(source)
    with closing(source.follower()) as client:
        appender = ControlAppender(name, client, chain, *([observe] if observe is not None else []))
        yield RepairedPartition(name, appender, client.largest)


@contextmanager
def examined(source: PartitionSource, number: int) -> Iterator[tuple[RepairedPartition, Examination]]:
    """A partition, and what its records from a number on hold, those that are there now."""
    records: list[SeenRecord] = []

    def observe(record: Record, header: Header | None) -> None:
        if header is not None and record.value is not None and header.number >= number:
            records.append(_seen(record.offset, header, record.value))

    with repaired(source, observe) as partition:
        yield partition, Examination(number, tuple(records))


def open_orphans(source: PartitionSource) -> list[dict[str, Any]]:
    """What is known of the open orphans, and of what no writer signed at the end of the log.

    Where each stands, its hash, its key, and where it can be read who wrote it and what it holds.
    """
    with repaired(source) as partition:
        found = partition.orphans
    described: list[dict[str, Any]] = []
    if found:
        with closing(source.follower()) as client:
            for fetched in client.read(min(found)):
                described += [
                    _described(record, found[record.offset]) for record in fetched.records if record.offset in found
                ]
                if fetched.next_offset > max(found):
                    break
    return described


def hash_of_all(found: Sequence[dict[str, Any]]) -> str:
    """One hash for orphans that were shown together: SHA-256 over the offset (8 bytes) and the hash of each."""
    parts = (each["offset"].to_bytes(8, "big") + bytes.fromhex(each["hash"]) for each in found)
    return sha256(b"".join(parts)).hexdigest()


def _described(record: Record, digest: bytes) -> dict[str, Any]:
    header = read_header(record.value)
    described: dict[str, Any] = {"offset": record.offset, "hash": digest.hex(), "number": header and header.number}
    if record.value is None or header is None:
        return described
    seen = _seen(record.offset, header, record.value)
    described["key"] = header.key.hex()
    if seen.appends is not None:
        described["writer"] = seen.writer
        described["events"] = [
            {"dossier": dossier, "version": version, "event": topic}
            for append in seen.appends
            for dossier, version, topic, _ in append.events
        ]
        described["commands"] = [str(append.command.key.command_id) for append in seen.appends if append.command]
    return described


def _seen(offset: int, header: Header, value: bytes) -> SeenRecord:
    digest = sha256(value).digest()
    if header.format != Format.APPENDS:
        return SeenRecord(offset, header, digest, "", None)
    try:
        body = decode_body(value)
    except UnreadableBody:
        return SeenRecord(offset, header, digest, "", None)
    return SeenRecord(offset, header, digest, body.writer, body.appends)


def _chain(source: PartitionSource) -> Chain:
    address = source.address
    return Chain(start(address.place, address.identity), 0, lambda _number: None, strangers=address.strangers)


def _keys(name: str, state: ChainState) -> ActiveKeys:
    if state.keys is None:
        raise LogNotFounded(log=name)
    return state.keys
