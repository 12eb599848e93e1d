"""Facts of other dossiers, read from the log when a decision asks: the same as a fold of everything, and no sooner."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date, timedelta
from uuid import UUID

from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import Notification, StoredEvent
from hypothesis import given, settings
from hypothesis import strategies as st

from consumers.commands.cross_dossier import FactsInBatch, LoggedFacts
from domain.context import RecognitionInForce
from domain.cross_dossier import CrossDossierFacts
from schemas.avro.codec import AvroMapper
from tests.support.event_builders import DossierHistory, FakeLog, establish_council
from tests.support.units import UNITS

MAPPER = AvroMapper()
COMMUNES = UNITS.communes_of("135")[:4]
DAY = date(2024, 3, 1)
Step = Callable[[FakeLog, int], object]


@dataclass
class DecidedBatch:
    """A batch of which every event is an outcome of its own."""

    partition: int
    head: int
    decided: list[DomainEventProtocol[UUID]] = field(default_factory=list)
    is_appended: bool = False

    @property
    def position(self) -> int:
        """The position at which the next command is decided."""
        return self.head + len(self.decided)


class DossierFakeLog(FakeLog):
    """A log in memory that counts what was asked of it."""

    asked = 0

    def head(self, partition: int) -> int:
        """The last position."""
        self.asked += 1
        return super().head(partition)

    def events_of(self, dossier_id: UUID) -> Sequence[StoredEvent]:
        """The events of one dossier in order."""
        return [each for each in self.events[self.partition_of(dossier_id)] if each.originator_id == dossier_id]

    def read_types(
        self, partition: int, types: Collection[str], after: int, up_to: int, limit: int
    ) -> Sequence[Notification]:
        """Events of these types between two positions, few at a time."""
        self.asked += 1
        found = [each for each in self.events[partition][after:up_to] if each.topic in types]
        return found[:limit]


def story(log: FakeLog, number: int) -> DossierHistory:
    """The dossier of a number, of one of a few communes."""
    return DossierHistory(log, COMMUNES[number % len(COMMUNES)], year=2024 + number)


STEPS: dict[str, Step] = {
    "recognised": lambda log, number: story(log, number).earlier(DAY + timedelta(days=number)),
    "corrected": lambda log, number: story(log, number).correct_decision(f"{number}/QĐ", DAY),
    "revoked": lambda log, number: story(log, number).revoke(DAY),
    "council": lambda log, number: establish_council(log, DAY + timedelta(days=number)),
    "opened": lambda log, number: story(log, number).open(),
}
STEP = st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 7))
BATCH = st.tuples(st.lists(st.tuples(STEP, st.booleans()), max_size=5), st.sampled_from(["kept", "lost", "by others"]))


def happens(log: FakeLog, step: tuple[str, int]) -> list[Notification]:
    """What a step would append, on a copy of the log."""
    after = deepcopy(log)
    before = [len(events) for events in log.events]
    STEPS[step[0]](after, step[1])
    return [each for events, length in zip(after.events, before, strict=True) for each in events[length:]]


def append(log: FakeLog, events: Sequence[Notification]) -> None:
    """Put events at the ends of their partitions."""
    for each in events:
        assert isinstance(each.originator_id, UUID)
        log.add_raw(each.originator_id, each.topic, each.state)


def partition_of(log: FakeLog, event: Notification) -> int:
    """Where an event stands."""
    assert isinstance(event.originator_id, UUID)
    return log.partition_of(event.originator_id)


def folded(log: FakeLog, decided: Sequence[DomainEventProtocol[UUID]]) -> CrossDossierFacts:
    """The plain fold of all events, then of what was decided and is not in the log yet."""
    facts = CrossDossierFacts()
    events = [MAPPER.to_domain_event(each) for partition in log.events for each in partition]
    for event in (*events, *decided):
        facts.evolve(event)
    return facts


def answers(facts: FactsInBatch | CrossDossierFacts) -> tuple[object, list[list[RecognitionInForce]]]:
    """All that can be asked, in one order."""
    held = [sorted(facts.recognitions_of(unit.id), key=repr) for unit in COMMUNES]
    return facts.council_on(date(2030, 1, 1)), held


@given(st.lists(BATCH, max_size=8))
@settings(max_examples=60, deadline=None)
def test_whoever_asks_sees_the_log_and_what_the_batch_decided_before(
    batches: list[tuple[list[tuple[tuple[str, int], bool]], str]],
) -> None:
    """Whichever batches were lost, whatever others append in between and whenever a command asks."""
    log = DossierFakeLog(partitions=2)
    facts = LoggedFacts(log, MAPPER)
    for number, (steps, fate) in enumerate(batches):
        own = number % 2
        head = len(log.events[own])
        batch = DecidedBatch(own, head)
        after, decided = deepcopy(log), list[Notification]()
        for step, asks in steps:
            new = happens(after, step)
            if fate == "by others":
                append(log, new)
            new = [each for each in new if partition_of(log, each) == own]
            append(after, new)
            if fate == "by others":
                continue
            decided += new
            batch.decided += [MAPPER.to_domain_event(each) for each in new]
            if asks:
                asked = FactsInBatch(facts, batch)
                assert answers(asked) == answers(folded(log, batch.decided))
                heads = {own: head + len(decided), 1 - own: len(log.events[1 - own])}
                assert asked.read_at() == [{"partition": at, "position": heads[at]} for at in (0, 1)]
        if fate == "kept":
            append(log, decided)
            batch.is_appended = True
    assert answers(FactsInBatch(facts, DecidedBatch(0, len(log.events[0])))) == answers(folded(log, ()))
