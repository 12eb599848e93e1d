"""Read models and a log that was put back: two histories are never mixed, and neither is one shown as the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from eventsourcing.persistence import Notification

from domain.catalogue import UnitKind
from infra.views.sqlite import SQLiteViews
from projections.engine import hashchain, history, verification
from projections.engine.empty_positions import EmptyPositions
from projections.engine.engine import Engine
from projections.engine.errors import ViewsAheadOfLog, ViewsOfAnotherHistory
from projections.engine.generations import HISTORIES, generations_of
from projections.engine.parking import retry
from projections.engine.rebuild import Rebuild, undo
from projections.engine.verification import verify
from projections.read_models import PROJECTIONS
from projections.status import STATUS
from schemas.avro.codec import decode_event
from tests.projections.dumps import dump, heads
from tests.projections.failing_handlers import truncate
from tests.support.event_builders import DossierHistory, FakeLog, province
from tests.support.feeds import decisions_of
from tests.support.stores import Store, Stores
from tests.support.units import UNITS

NAMES = [projection.name for projection in PROJECTIONS]


def put_back(log: FakeLog, position: int) -> None:
    """Restore the log from a copy that was made when it ended at a position."""
    for kept in (log.events, log.records):
        del kept[0][position:]


def exchange(log: FakeLog, position: int, partition: int = 0) -> None:
    """Another event at a position of the log."""
    event = log.events[partition][position - 1]
    log.events[partition][position - 1] = replace(event, originator_version=99)
    log.records[partition][position - 1] = b"another"


def grow(log: FakeLog, position: int) -> None:
    """Others go on, at least to a position: with dossiers that the log had not held before."""
    others = iter(UNITS.of_kind(UnitKind.DEPARTMENT))
    while log.head(0) < position:
        DossierHistory(log, next(others)).until("forward")


@pytest.fixture
def restored(engine: Engine, log: FakeLog) -> FakeLog:
    """A log that was put back to its fifth position when the read models stood at the end, and grew past that."""
    DossierHistory(log).until("announce")
    engine.catch_up()
    there = log.head(0)
    put_back(log, 5)
    grow(log, there + 1)
    return log


def attempts(engine: Engine) -> dict[str, Callable[[], Any]]:
    """Whatever would serve the read models or fold more into them."""

    def serve() -> None:
        with engine.serving():
            pass

    return {
        "catch up": engine.catch_up,
        "serve": serve,
        "check": Rebuild(engine, ["status"], check=True).run,
    }


@pytest.mark.parametrize("attempt", ["catch up", "serve", "check"])
@pytest.mark.parametrize("process", ["the same", "another"])
def test_read_models_of_another_history_are_neither_served_nor_gone_on_with(
    engine: Engine, restored: FakeLog, attempt: str, process: str
) -> None:
    """The process that made them runs on while the log is exchanged under it, or another one looks for the first time.

    One that has looked already would be told nothing by the events that it saw then.
    """
    before = dump(engine)
    asked = engine if process == "the same" else Engine(engine.views, restored, decode_event, PROJECTIONS)
    with pytest.raises(ViewsOfAnotherHistory) as caught:
        attempts(asked)[attempt]()
    assert caught.value.details["partition"] == 0
    assert caught.value.details["first"] == 1
    assert dump(engine) == before, "nothing was folded into them"


def test_a_log_that_is_exactly_as_long_is_another_one_all_the_same(engine: Engine, log: FakeLog) -> None:
    """There is nothing to apply; and all but one event are what they were."""
    province(log)
    engine.catch_up()
    exchange(log, 21)
    for asked in (engine, Engine(engine.views, log, decode_event, PROJECTIONS)):
        with pytest.raises(ViewsOfAnotherHistory):
            asked.catch_up()


def test_a_log_that_ends_before_is_named_as_such_until_it_has_grown(engine: Engine, log: FakeLog) -> None:
    DossierHistory(log).until("announce")
    engine.catch_up()
    there = log.head(0)
    put_back(log, 5)
    with pytest.raises(ViewsAheadOfLog):
        engine.catch_up()
    grow(log, there)
    with pytest.raises(ViewsOfAnotherHistory):
        engine.catch_up()


@pytest.mark.parametrize("more", [0, 1])
def test_equal_events_at_the_end_do_not_hide_that_earlier_ones_differ(
    views: Store, log: FakeLog, more: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many as lie behind the last hash that was noted, or none where the position itself is noted."""
    for module in (hashchain, history, verification):
        monkeypatch.setattr(module, "MARK", 50)
    province(log)
    engine = Engine(views, log, decode_event, PROJECTIONS)
    last = log.head(0) // 50 * 50 + more
    engine.catch_up({0: last})
    exchange(log, 4)
    with pytest.raises(ViewsOfAnotherHistory) as caught:
        Engine(views, log, decode_event, PROJECTIONS).catch_up({0: last})
    assert {key: caught.value.details[key] for key in ("first", "last", "position")} == {
        "first": 1, "last": 50, "position": last,
    }  # fmt: skip


def test_events_that_went_on_alike_until_then_are_no_other_history(views: Store, log: FakeLog) -> None:
    """Read models from a copy of their own are behind, and the log has all that they were folded from."""
    province(log)
    engine = Engine(views, log, decode_event, PROJECTIONS)
    engine.catch_up({0: 30})
    assert engine.catch_up() == heads(log)


def test_partitions_are_looked_at_each_on_its_own(views: Store) -> None:
    log = FakeLog(partitions=3)
    province(log)
    engine = Engine(views, log, decode_event, PROJECTIONS)
    engine.catch_up()
    partition = max(log.partitions, key=log.head)
    exchange(log, 1, partition)
    with pytest.raises(ViewsOfAnotherHistory) as caught:
        engine.catch_up()
    assert caught.value.details["partition"] == partition


def test_a_rebuild_takes_their_place_and_what_they_were_is_not_served_again(
    engine: Engine, restored: FakeLog, stores: Stores
) -> None:
    """It is compared with nothing; an unfinished one of the other history is begun anew, and not gone on with."""
    outcomes = Rebuild(engine, NAMES).run()
    assert all(outcome.swapped and outcome.comparison is None for outcome in outcomes)
    assert engine.catch_up() == heads(restored)
    fresh = Engine(stores.open("fresh"), restored, decode_event, PROJECTIONS)
    fresh.catch_up()
    assert dump(engine) == dump(fresh)
    for name in NAMES:
        with pytest.raises(ViewsOfAnotherHistory):
            undo(engine, name)
    assert dump(engine) == dump(fresh)
    (again,) = Rebuild(engine, ["status"]).run()
    assert again.comparison is not None
    assert again.comparison.equal


def test_a_comparison_with_them_leaves_nothing_behind(engine: Engine, restored: FakeLog, views: Store) -> None:
    del restored
    with pytest.raises(ViewsOfAnotherHistory):
        Rebuild(engine, NAMES, check=True).run()
    with views.reading() as reader:
        assert {row["state"] for name in NAMES for row in generations_of(reader, name)} == {"live"}


def test_an_unfinished_build_of_another_history_is_begun_anew(views: Store, log: FakeLog) -> None:
    province(log)
    engine = Engine(views, log, decode_event, [STATUS], batch_size=9)
    engine.catch_up({0: 5})

    def interrupted(_: int, reached: int, __: int) -> None:
        if reached > 50:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Rebuild(engine, ["status"], progress=interrupted).run()
    exchange(log, 21)
    (outcome,) = Rebuild(engine, ["status"]).run()
    assert (outcome.continued, outcome.swapped) == (False, True)
    with engine.reading() as snapshot:
        assert not [each.findings for each in verify(engine, snapshot) if each.findings]


def test_parked_events_of_another_history_are_not_tried_again(engine: Engine, log: FakeLog) -> None:
    story = DossierHistory(log).until("announce")
    truncate(log, 3)
    engine.catch_up()
    exchange(log, 2)
    with pytest.raises(ViewsOfAnotherHistory):
        retry(engine, str(story.id), ["status"], store=True)


def test_the_proof_names_them_and_where_they_differ(engine: Engine, restored: FakeLog) -> None:
    del restored
    with engine.reading() as snapshot:
        found = {each.projection: [fault.code for fault in each.findings] for each in verify(engine, snapshot)}
    assert found.keys() == set(NAMES)
    assert all("VIEWS_OF_ANOTHER_HISTORY" in codes for codes in found.values())


def test_decisions_of_another_history_are_not_read_on(log: FakeLog, tmp_path: Path) -> None:
    DossierHistory(log).until("announce")
    with SQLiteViews(tmp_path / "decisions.sqlite") as store:
        feed = decisions_of(log, store)
        assert feed.after({})
        there = log.head(0)
        put_back(log, 5)
        grow(log, there + 1)
        with pytest.raises(ViewsOfAnotherHistory):
            feed.after({})


class CountingLog(FakeLog):
    """A log that counts the events that are read from it."""

    def __init__(self) -> None:
        super().__init__()
        self.read_events = 0

    def read(self, partition: int, after: int, limit: int) -> Sequence[Notification]:
        found = super().read(partition, after, limit)
        self.read_events += len(found)
        return found


def test_whether_they_are_of_the_log_is_known_without_reading_it(views: Store) -> None:
    log = CountingLog()
    province(log)
    engine = Engine(views, log, decode_event, PROJECTIONS)
    engine.catch_up()
    engine.catch_up()
    log.read_events = 0
    assert engine.catch_up() == heads(log)
    with engine.serving():
        pass
    assert log.read_events == 0


def test_read_models_of_an_earlier_release_are_taken_over_once_all_their_events_were_compared(views: Store) -> None:
    log = CountingLog()
    province(log)
    Engine(views, log, decode_event, PROJECTIONS).catch_up()
    with views.exclusive_transaction() as writer:
        writer.execute("DROP TABLE views_histories")
    before = dump(Engine(views, log, decode_event, PROJECTIONS))
    log.read_events = 0
    engine = Engine(views, log, decode_event, PROJECTIONS)
    engine.catch_up()
    assert log.read_events >= log.head(0), "all of them are read, for all read models at once"
    assert log.read_events < 3 * log.head(0)
    log.read_events = 0
    again = Engine(views, log, decode_event, PROJECTIONS)
    again.catch_up()
    assert log.read_events <= log.head(0), "the last ones alone"
    again.catch_up()
    assert dump(again) == before


def test_where_an_earlier_release_moves_the_position_what_it_folded_alone_is_compared(views: Store) -> None:
    """The releases of an upgrade run beside each other, and the earlier one keeps no history."""
    log = CountingLog()
    province(log)
    there = log.head(0) - 4
    engine = Engine(views, log, decode_event, PROJECTIONS)
    engine.catch_up({0: there})
    with views.reading() as reader:
        kept = reader.select("SELECT * FROM views_histories")
    engine.catch_up()
    with views.exclusive_transaction() as writer:
        writer.upsert(HISTORIES, HISTORIES.name, [HISTORIES.values_of(row) for row in kept])
    log.read_events = 0
    assert engine.catch_up() == heads(log)
    assert log.read_events == 4
    with views.exclusive_transaction() as writer:
        writer.upsert(HISTORIES, HISTORIES.name, [HISTORIES.values_of(row) for row in kept])
    exchange(log, log.head(0))
    with pytest.raises(ViewsOfAnotherHistory) as caught:
        Engine(views, log, decode_event, PROJECTIONS).catch_up()
    assert (caught.value.details["first"], caught.value.details["last"]) == (there + 1, log.head(0))


@pytest.mark.parametrize("grown", [False, True])
def test_read_models_of_an_earlier_release_and_of_another_history_are_found(
    views: Store, log: FakeLog, grown: bool
) -> None:
    """Neither are they trusted for being old, nor made anew without a word."""
    DossierHistory(log).until("announce")
    Engine(views, log, decode_event, PROJECTIONS).catch_up()
    with views.exclusive_transaction() as writer:
        writer.execute("DROP TABLE views_histories")
    there = log.head(0)
    put_back(log, 5)
    grow(log, there)
    if not grown:
        put_back(log, there)
    engine = Engine(views, log, decode_event, PROJECTIONS)
    before = dump(engine)
    with pytest.raises(ViewsOfAnotherHistory):
        engine.catch_up()
    assert dump(engine) == before
    assert all(outcome.swapped for outcome in Rebuild(engine, NAMES).run())
    assert engine.catch_up() == heads(log)


class MovedLog(FakeLog):
    """The same events in records of their own, as in a log that was written anew."""

    def history(self, partition: int, position: int) -> bytes | None:
        found = super().history(partition, position)
        return None if found is None else sha256(found).digest()


def test_a_log_that_was_written_anew_with_the_same_events_is_gone_on_with(views: Store, log: FakeLog) -> None:
    province(log)
    moved = MovedLog()
    province(moved)
    Engine(views, log, decode_event, PROJECTIONS).catch_up({0: 40})
    engine = Engine(views, moved, decode_event, PROJECTIONS)
    assert engine.catch_up() == heads(moved)
    with engine.reading() as snapshot:
        assert not [each.findings for each in verify(engine, snapshot) if each.findings]


class VoidableLog(FakeLog):
    """A log of which records can be voided: their positions are empty from then on."""

    voided: tuple[int, int] | None = None

    def read(self, partition: int, after: int, limit: int) -> Sequence[Notification]:
        first, last = self.voided or (1, 0)
        return [each for each in self.events[partition] if each.id > after and not first <= each.id <= last][:limit]

    def empty_positions(self, partition: int) -> EmptyPositions:
        del partition
        return [self.voided] if self.voided else []

    def history(self, partition: int, position: int) -> bytes | None:
        found = super().history(partition, position)
        return sha256(found).digest() if found is not None and self.voided and self.voided[0] <= position else found


def test_events_that_were_voided_after_they_were_folded_make_another_history(engine: Engine) -> None:
    """The chain of records is the same: what they hold counts as nothing by now."""
    log = VoidableLog()
    province(log)
    own = Engine(engine.views, log, decode_event, PROJECTIONS)
    own.catch_up()
    log.voided = (8, 10)
    with pytest.raises(ViewsOfAnotherHistory):
        own.catch_up()
    Rebuild(own, NAMES).run()
    assert own.catch_up() == heads(log)


def test_events_that_are_voided_while_they_are_folded_are_read_again(engine: Engine) -> None:
    class VoidedMeanwhile(VoidableLog):
        def read(self, partition: int, after: int, limit: int) -> Sequence[Notification]:
            found = super().read(partition, after, limit)
            self.voided = (8, 10)
            return found

    log = VoidedMeanwhile()
    province(log)
    own = Engine(engine.views, log, decode_event, PROJECTIONS)
    own.catch_up()
    with own.reading() as snapshot:
        assert not [each.findings for each in verify(own, snapshot) if each.findings]
