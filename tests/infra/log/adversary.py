"""An adversary of the log's keys: forged and replayed records, an active key and one root of two in hostile hands."""

from __future__ import annotations

from contextlib import suppress
from hashlib import sha256
from uuid import uuid4

from hypothesis import strategies as st
from hypothesis.stateful import rule

from infra.errors import LogUnusable
from infra.log.acceptance import start as begin
from infra.log.chain import Chain
from infra.log.control_append import ControlAppender
from infra.log.control_records import Orphan, StatementKind, Void, encode_dismissal, sign
from infra.log.errors import RecordsVoided
from infra.log.format import Append, EventRow, Format, RecordedOutcome, decode_body, encode_append, encode_body, seal
from infra.log.index_file import open_index
from infra.log.keys import Signer
from infra.log.partition import Partition
from tests.infra.log.machine import (
    ADDRESS,
    GENESIS,
    IDENTITY,
    MOLE,
    NEWER,
    OLDER,
    OPERATOR,
    ORIGINATORS,
    Machine,
    OlderPartition,
    mostly_well,
    writers,
)
from tests.support.memory_log import Fate, MemoryPartitionClient
from tests.support.signing import PLACE, ROOT, SECOND_ROOT, STRANGER, WRITERS, no_history, statement_of

well_enough = mostly_well.filter(lambda fate: fate not in (Fate.KILLED_BEFORE, Fate.KILLED_AFTER))


class Adversary(Machine):
    """The mole, strangers, and an operator who mends what they did."""

    def __init__(self) -> None:
        super().__init__()
        self.retired: set[int] = set()

    @rule(
        number=writers.filter(lambda number: number != OLDER),
        sizes=st.lists(st.tuples(st.sampled_from(ORIGINATORS), st.just(1), st.just(0)), min_size=1, max_size=2),
    )
    def insert_newer(self, number: int, sizes: list[tuple[str, int, int]]) -> None:
        """Events that one of the processes cannot decode."""
        self.insert(number=number, fate=Fate.DELIVERED, racer=None, sizes=sizes, topic=NEWER)

    @rule(
        by=st.sampled_from(["stranger", "retired", "registered under another key"]),
        format_=st.sampled_from([*Format, 0xF8, 0xFE]),
        skew=st.sampled_from([0, 0, 0, -1, 5]),
    )
    def forge(self, by: str, format_: int, skew: int) -> None:
        """A made-up record on the head or elsewhere, by somebody whose signature counts for nothing."""
        own = STRANGER
        if by == "retired" and self.retired:
            own = WRITERS[min(self.retired)]
        value = self._built(own, format_, encode_body("forger", []), skew=skew)
        if by == "registered under another key":
            value = value[:53] + OPERATOR.key_id + value[61:]
        self.log.append(value)

    def _built(self, by: Signer, format_: int, content: bytes, *, events: int = 0, skew: int = 0) -> bytes:
        """A record on the head, or with another number."""
        second = self._second()
        number = max(len(second.accepted) + 1 + skew, 0)
        return seal(PLACE, by, format_, (second.head, number, second.position, events), content)

    @rule(
        kind=st.sampled_from(
            [
                "garbage",
                "count",
                "newer format",
                "version",
                "offset",
                "orphan",
                "control with events",
                "statement",
            ]
        )
    )
    def sabotage(self, kind: str) -> None:
        """The mole writes what nobody can use, on the head."""
        second, number = self._second(), 0
        events: list[EventRow] = []
        source = None
        content = b"garbage"
        format_ = {"newer format": 0xFE, "control with events": 0xFD, "statement": 0xFB}.get(kind, 0xF9)
        appends = [append for record in self._counting() for append in decode_body(record.value).appends]
        if kind == "version":
            events = [(*event[:2], "Sabotaged", b"") for append in appends for event in append.events][-1:]
        if kind == "offset":
            source = next((append.source for append in reversed(appends) if append.source is not None), None)
        if kind in ("count", "orphan") or events or source is not None:
            append = Append(uuid4().bytes, RecordedOutcome.EVENTS, events, source=source)
            content = encode_body("mole", [encode_append(append)])
            number = len(events)
        if kind == "statement":
            statement = statement_of(
                GENESIS, second.statements + 1, StatementKind.RETIRE_WRITER, OPERATOR.public, signers=(SECOND_ROOT,)
            )
            content = statement.encode()
        number += kind in ("count", "control with events")
        value = self._built(MOLE, format_, content, events=number, skew=5 * (kind == "orphan"))
        if kind not in ("orphan", "statement"):
            self.unusable.add(sha256(value).digest())
        self.log.append(value)

    @rule(place=st.integers(0, 5))
    def say_again(self, place: int) -> None:
        """What the roots signed once, in a record of the mole's."""
        said = [record for record in self._second().accepted if record.format in (Format.STATEMENT, Format.VOID)]
        if said:
            record = said[place % len(said)]
            self.log.append(self._built(MOLE, record.format, record.content))

    @rule(first=st.integers(1, 60))
    def void_with_one_root(self, first: int) -> None:
        """The mole has stolen one root of two."""
        second = self._second()
        record = second.accepted[first % len(second.accepted)]
        void = Void(GENESIS.identity, 0, record.number, sha256(record.value).digest(), second.head, "stolen")
        void = void._replace(signatures=sign(void.message(), GENESIS.roots, [SECOND_ROOT]))
        self.log.append(self._built(MOLE, Format.VOID, void.encode()))

    @rule(number=writers, retire=st.booleans(), fate=well_enough)
    def state(self, number: int, retire: bool, fate: Fate) -> None:
        """The roots retire a writer, or take it back; its own head and its committer find out by reading."""
        kind = StatementKind.RETIRE_WRITER if retire else StatementKind.ADD_WRITER
        self._state(kind, WRITERS[number].public, fate)
        (self.retired.add if retire else self.retired.discard)(number)

    def _state(self, kind: StatementKind, key: bytes, fate: Fate) -> None:
        tool = self._tool(fate)
        keys = tool.state.keys
        assert keys is not None
        wanted = keys.statements + 1
        statement = statement_of(GENESIS, wanted, kind, key, signers=(ROOT, SECOND_ROOT))
        assert tool.append(
            OPERATOR,
            Format.STATEMENT,
            statement.encode(),
            lambda state: state.keys is not None and state.keys.statements < wanted,
        )

    def _tool(self, fate: Fate = Fate.DELIVERED) -> ControlAppender:
        client = MemoryPartitionClient(self.log, [(fate, None)])
        return ControlAppender("memory", client, Chain(begin(PLACE), 0, no_history))

    @rule(
        older=st.booleans(),
        fate=well_enough,
        mole=st.sampled_from([None, StatementKind.ADD_WRITER, StatementKind.RETIRE_WRITER]),
    )
    def mend(self, older: bool, fate: Fate, mole: StatementKind | None) -> None:
        """The operator dismisses orphans and voids what stops the readers; the mole may be retired first."""
        if mole is not None:
            self._state(mole, MOLE.public, fate)
        if orphans := self._second().orphans:
            content = encode_dismissal([Orphan(*orphan) for orphan in orphans.items()])
            assert self._tool(fate).append(OPERATOR, Format.DISMISSAL, content, lambda state: bool(state.orphans))
        for kind in (Partition, OlderPartition) if older else (Partition,):
            stops = []
            while (number := self._stopped_at(kind)) is not None:
                # Each void frees everybody of at least one record.
                assert number not in stops
                stops.append(number)
                self._void(number, fate)
        for number in range(len(WRITERS) if older else OLDER):
            writer = self._up(number)
            assert writer is not None
            with writer.committer.leading() as partition:
                with suppress(RecordsVoided):
                    partition.read_on()
                partition.read_on()
                partition.check_whole()

    @rule(first=st.integers(1, 60), fate=well_enough)
    def void_anything(self, first: int, fate: Fate) -> None:
        """The roots void acknowledged facts, whoever had applied them."""
        number = first % len(self._second().accepted) + 1
        if number > len(self._second().accepted) - 6:
            self._void(number, fate)

    def _void(self, number: int, fate: Fate) -> None:
        tool = self._tool(fate)
        found = tool.recorded(number)
        assert found is not None
        void = Void(GENESIS.identity, 0, number, found.hash, tool.state.head, "mended")
        void = void._replace(signatures=sign(void.message(), GENESIS.roots, [ROOT, SECOND_ROOT]))
        last = tool.state.number
        assert tool.append(OPERATOR, Format.VOID, void.encode(), lambda state: state.head == void.head)
        self.voided |= {*range(number, last + 1)}

    def mend_all(self) -> None:
        """Everybody goes on."""
        self.mend(older=True, fate=Fate.DELIVERED, mole=None)

    def _stopped_at(self, kind: type[Partition]) -> int | None:
        """The record that stops a reader which begins with nothing, as its error says."""
        path = self.folder / f"{uuid4().hex}.sqlite"
        index = open_index(path, "app", IDENTITY, 0)
        try:
            kind(ADDRESS, MemoryPartitionClient(self.log), index)
        except LogUnusable as stopped:
            number = stopped.details["number"]
            assert isinstance(number, int)
            return number
        finally:
            index.close()
        return None
