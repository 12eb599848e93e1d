"""What a newer release wrote stops an older one, which parks nothing for it; and the newer one goes on by itself."""

from __future__ import annotations

from datetime import date

import pytest
from eventsourcing.persistence import StoredEvent

from domain.errors import ProgramTooOld
from domain.recorded_event import RecordedEvent
from projections.engine.engine import Engine
from projections.engine.rebuild import Rebuild
from projections.engine.verification import verify
from projections.public_decisions.partition_fold import PartitionFold
from projections.public_decisions.read_model import DECISIONS
from projections.read_models import PROJECTIONS
from projections.status import STATUS, find
from schemas.avro.codec import UnknownSchema, decode_event
from tests.projections.dumps import dump, heads
from tests.projections.failing_handlers import counts, failing_at, truncate
from tests.support.event_builders import DossierHistory, FakeLog
from tests.support.fold_stores import MemoryFoldStore
from tests.support.newer_release import newer_release, next_version
from tests.support.stores import Store, Stores
from tests.support.units import UNITS

EVENT = "DossierForwardedToCouncil"


@pytest.fixture
def mixed(log: FakeLog) -> FakeLog:
    """A log to which an older release wrote, then a newer one, which the older one cannot read."""
    first = DossierHistory(log).until("receive")
    DossierHistory(log, UNITS.get("so-nv")).until("submit")
    with newer_release(EVENT):
        first.forward()
    first.verify()
    DossierHistory(log, UNITS.get("so-ct")).until("submit")
    return log


def forwarded_at(log: FakeLog) -> int:
    return next(event.id for event in log.events[0] if event.topic == EVENT)


def test_a_version_that_is_not_known_stops_each_projection_that_would_fold_it_before_it(
    engine: Engine, mixed: FakeLog
) -> None:
    """Those that do nothing about the event go on; the error says where, and nobody is parked."""
    there = forwarded_at(mixed)
    for _ in range(2):
        with pytest.raises(UnknownSchema) as caught:
            engine.catch_up()
        event = mixed.events[0][there - 1]
        assert caught.value.details == {
            "topic": EVENT, "header": next_version(EVENT).header.hex(), "place": f"0/{there}", "projection": "status",
            "event": EVENT, "dossier": str(event.originator_id), "version": event.originator_version, "partition": 0,
            "position": there,
        }  # fmt: skip
        assert f"at 0/{there}" in caught.value.message("en")
        assert f"0/{there}" in caught.value.message("vi")
        with engine.reading() as snapshot:
            assert snapshot.positions["status"] == snapshot.positions["audit"] == {0: there - 1}
            assert snapshot.positions["council"] == heads(mixed)
            assert not snapshot.stale()
            assert not [each.findings for each in verify(engine, snapshot) if each.findings]


@pytest.mark.parametrize("batch_size", [1, 3, 1000])
def test_the_newer_program_goes_on_from_there_by_itself(
    views: Store, stores: Stores, mixed: FakeLog, batch_size: int
) -> None:
    with pytest.raises(UnknownSchema):
        Engine(views, mixed, decode_event, PROJECTIONS, batch_size=batch_size).catch_up()
    with newer_release(EVENT):
        engine = Engine(views, mixed, decode_event, PROJECTIONS, batch_size=batch_size)
        assert engine.catch_up() == heads(mixed)
        fresh = Engine(stores.open("fresh"), mixed, decode_event, PROJECTIONS)
        fresh.catch_up()
        assert dump(engine) == dump(fresh)


def test_a_dossier_that_waits_already_does_not_hide_it(engine: Engine, log: FakeLog) -> None:
    first = DossierHistory(log).until("receive")
    truncate(log, 2)
    with newer_release(EVENT):
        first.forward()
    with pytest.raises(UnknownSchema):
        engine.catch_up()
    with engine.reading() as snapshot:
        assert snapshot.positions["status"] == {0: log.head(0) - 1}


class UnknownSchemaOfYesterday(Exception):
    """As an earlier release had it: an error like any other."""


UnknownSchemaOfYesterday.__name__ = "UnknownSchema"


def decode_of_yesterday(stored: StoredEvent) -> RecordedEvent:
    """As an earlier release read events: what it does not know parks the dossier."""
    try:
        return decode_event(stored)
    except ProgramTooOld as error:
        raise UnknownSchemaOfYesterday(str(error)) from error


def test_what_an_earlier_release_parked_for_it_is_applied_once_it_can_be_read(
    views: Store, stores: Stores, mixed: FakeLog
) -> None:
    """Also where nothing newer is in the log; an older program leaves it as it is, and says so."""
    Engine(views, mixed, decode_of_yesterday, PROJECTIONS).catch_up()
    older = Engine(views, mixed, decode_event, PROJECTIONS)
    for _ in range(2):
        assert older.catch_up() == heads(mixed)
        with older.reading() as snapshot:
            assert {stale.projection for stale in snapshot.stale()} == {"status", "audit"}
            assert all(stale.cause.startswith("UnknownSchema: ") for stale in snapshot.stale())
    with newer_release(EVENT):
        engine = Engine(views, mixed, decode_event, PROJECTIONS)
        assert engine.catch_up() == heads(mixed)
        with engine.reading() as snapshot:
            assert not snapshot.stale()
            assert [row["state"] for row in find(snapshot) if row["criteria_verified"]] == ["verified"]
            assert not [each.findings for each in verify(engine, snapshot) if each.findings]
        fresh = Engine(stores.open("fresh"), mixed, decode_event, PROJECTIONS)
        fresh.catch_up()
        assert dump(engine) == dump(fresh)
        assert counts(engine) == counts(fresh)


def test_what_an_older_program_parks_beside_a_newer_one_is_applied_as_well(views: Store, log: FakeLog) -> None:
    """Releases are exchanged one process after the other: the newer one has looked already."""
    first = DossierHistory(log).until("receive")
    with newer_release(EVENT):
        engine = Engine(views, log, decode_event, PROJECTIONS)
        engine.catch_up()
        first.forward()
    Engine(views, log, decode_of_yesterday, PROJECTIONS).catch_up()
    with newer_release(EVENT):
        engine.catch_up()
        with engine.reading() as snapshot:
            assert not snapshot.stale()


def test_what_is_parked_for_another_reason_is_not_tried_again_by_itself(views: Store, log: FakeLog) -> None:
    DossierHistory(log).until("receive")
    Engine(views, log, decode_event, [failing_at(STATUS, [2])]).catch_up()
    engine = Engine(views, log, decode_event, [STATUS])
    engine.catch_up()
    with engine.reading() as snapshot:
        (stale,) = snapshot.stale()
        assert stale.cause == "ZeroDivisionError: a bug"


def test_a_rebuild_stops_there_and_is_continued_by_the_newer_program(views: Store, mixed: FakeLog) -> None:
    engine = Engine(views, mixed, decode_event, [STATUS])
    with pytest.raises(UnknownSchema):
        Rebuild(engine, ["status"]).run()
    with newer_release(EVENT):
        (outcome,) = Rebuild(engine, ["status"]).run()
        assert outcome.continued
        assert outcome.swapped


def test_the_fold_of_a_publisher_stops_before_it_and_goes_on_behind_it(log: FakeLog) -> None:
    story = DossierHistory(log).until("propose")
    with newer_release("RecognitionApproved"):
        story.approve()
    decided = log.events[0][-1]
    assert decided.topic == "RecognitionApproved"
    assert decided.topic in DECISIONS.handled
    fold = PartitionFold(0, log.log_id, decode_event, MemoryFoldStore())
    for event in log.events[0][:-1]:
        assert not [made for made in fold.apply(event) if made["kind"] == "decided"]
    for _ in range(2):
        with pytest.raises(UnknownSchema):
            fold.apply(decided)
    with newer_release("RecognitionApproved"):
        assert fold.apply(decided)


def test_a_newer_type_names_itself_as_well(engine: Engine, log: FakeLog) -> None:
    story = DossierHistory(log).until("open")
    log.add(story.id, "DossierReceived", date(2024, 7, 1), ("so-tttt", "standing_agency"), due_on=date(2024, 7, 16),
            deadline_rolls_over_weekend=False)  # fmt: skip
    log.add_raw(story.id, "DossierFramed", b"?")
    with pytest.raises(ProgramTooOld) as caught:
        engine.catch_up()
    assert caught.value.code == "UNKNOWN_EVENT"
    assert "goes on by itself" in caught.value.hint("en")
