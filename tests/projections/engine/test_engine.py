from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from threading import Thread

import pytest
from eventsourcing.persistence import Notification
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.errors import InfrastructureError
from domain.procedure import EVENT_TYPES
from infra.views.errors import ViewsUnavailable
from infra.views.sqlite import SQLiteViews
from projections.engine.empty_positions import EmptyPositions
from projections.engine.engine import Engine
from projections.engine.errors import (
    BrokenChain,
    UnknownEvent,
    ViewsAheadOfLog,
    ViewsNotBuilt,
    ViewsOfAnotherLog,
)
from projections.engine.rebuild import Rebuild
from projections.engine.verification import verify
from projections.read_models import PROJECTIONS
from projections.status import find
from schemas.avro.codec import decode_event
from tests.projections.broken import BrokenViews
from tests.projections.dumps import dump, heads
from tests.support.event_builders import DossierHistory, FakeLog, establish_council, province
from tests.support.stores import Store, Stores
from tests.support.units import COMMUNE

_numbers = count(1)


def test_the_story_of_the_tests_tells_every_type_of_event(log: FakeLog) -> None:
    province(log)
    assert {notification.topic for notification in log.events[0]} == set(EVENT_TYPES)


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_the_size_of_a_batch_never_shows_in_the_rows(views: Store, log: FakeLog, size: int, expected: bytes) -> None:
    province(log)
    engine = Engine(views, log, decode_event, PROJECTIONS, batch_size=size)
    assert engine.catch_up() == heads(log)
    assert dump(engine) == expected


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stops=st.lists(st.integers(0, 300), max_size=6), size=st.integers(1, 90))
def test_rows_do_not_depend_on_where_catching_up_paused(
    stores: Stores, expected: bytes, stops: list[int], size: int
) -> None:
    log = FakeLog()
    province(log)
    engine = Engine(stores.open(f"paused_{next(_numbers)}"), log, decode_event, PROJECTIONS, batch_size=size)
    highest = 0
    for stop in stops:
        highest = max(highest, min(stop, log.head(0)))
        assert engine.catch_up({0: stop}) == {0: highest}
    engine.catch_up()
    assert dump(engine) == expected


def test_partitions_are_applied_each_on_its_own(views: Store, expected: bytes) -> None:
    log = FakeLog(partitions=3)
    province(log)
    engine = Engine(views, log, decode_event, PROJECTIONS, batch_size=5)
    assert engine.catch_up() == heads(log)
    with engine.reading() as snapshot:
        assert len(find(snapshot)) == expected.count(b'["status_dossiers"')
        assert snapshot.positions["status"] == heads(log)


@pytest.mark.parametrize("fails_at", [0, 1, 3, 10, 11, 12, 50])
def test_killed_in_a_batch_leaves_rows_and_position_together(
    views: Store, stores: Stores, log: FakeLog, fails_at: int, expected: bytes
) -> None:
    province(log)
    with pytest.raises(KeyboardInterrupt):
        Engine(BrokenViews(views, fails_at), log, decode_event, PROJECTIONS, batch_size=9).catch_up()
    engine = Engine(views, log, decode_event, PROJECTIONS, batch_size=9)
    with engine.reading() as snapshot:
        reached = {name: at.get(0, 0) for name, at in snapshot.positions.items()}
    assert len(set(reached.values())) == 1
    other = Engine(stores.open("other"), log, decode_event, PROJECTIONS)
    other.catch_up({0: reached["status"]})
    assert dump(engine) == dump(other)
    engine.catch_up()
    assert dump(engine) == expected


def test_an_unknown_event_stops_every_projection_before_it(engine: Engine, log: FakeLog) -> None:
    story = DossierHistory(log).until("assess")
    log.add_raw(story.id, "DossierFramed", b"?")
    story.submit()
    with pytest.raises(UnknownEvent) as caught:
        engine.catch_up()
    assert caught.value.details == {
        "projection": "status", "event": "DossierFramed", "dossier": str(story.id), "version": 3, "partition": 0,
        "position": 3,
    }  # fmt: skip
    with engine.reading() as snapshot:
        assert all(at == {0: 2} for at in snapshot.positions.values())
        assert [row["state"] for row in find(snapshot)] == ["self_assessed"]


def test_two_engines_at_once_apply_each_event_once(views: Store, stores: Stores, log: FakeLog, expected: bytes) -> None:
    """The count of verified criteria would be too high if an event were applied twice."""
    province(log)
    failures: list[InfrastructureError] = []

    def work() -> None:
        with stores.open("views") as mine:
            try:
                Engine(mine, log, decode_event, PROJECTIONS, batch_size=3).catch_up()
            except InfrastructureError as error:
                failures.append(error)

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert dump(Engine(views, log, decode_event, PROJECTIONS)) == expected


def test_views_of_another_log_are_refused(views: Store, engine: Engine, log: FakeLog) -> None:
    engine.catch_up()
    other = Engine(views, FakeLog("log-2"), decode_event, PROJECTIONS)
    with pytest.raises(ViewsOfAnotherLog) as caught:
        other.catch_up()
    assert caught.value.details == {"theirs": "log-1", "log": "log-2"}
    assert "delete" in caught.value.hint("en")
    with pytest.raises(ViewsOfAnotherLog), other.reading():
        pass
    with pytest.raises(ViewsOfAnotherLog):
        Rebuild(other, ["status"]).run()
    assert engine.catch_up() == heads(log)


def test_views_ahead_of_the_log_are_refused(engine: Engine, log: FakeLog) -> None:
    DossierHistory(log).until("submit")
    engine.catch_up()
    del log.events[0][-1]
    for attempt in (engine.catch_up, Rebuild(engine, ["status"]).run):
        with pytest.raises(ViewsAheadOfLog, match="position 5 of partition 0, but the log ends at 4"):
            attempt()


def test_catching_up_with_nothing_to_do_takes_no_lock(views: Store, engine: Engine, log: FakeLog) -> None:
    DossierHistory(log).until("open")
    engine.catch_up()
    with views.exclusive_transaction():
        assert engine.catch_up() == {0: 1}
        assert engine.catch_up({0: 1}) == {0: 1}


def test_a_log_that_skips_a_position_stops_every_projection_there(engine: Engine, log: FakeLog) -> None:
    province(log)
    del log.events[0][7]
    log.events[0].append(log.events[0][-1])
    with pytest.raises(BrokenChain, match="position 9 stands where 8 must follow"):
        Engine(engine.views, log, decode_event, PROJECTIONS, batch_size=7).catch_up()
    with engine.reading() as snapshot:
        assert all(at == {0: 7} for at in snapshot.positions.values())


class VoidedLog(FakeLog):
    """A log whose positions after the seventh are empty up to the tenth, because their records were voided."""

    def head(self, partition: int) -> int:
        return super().head(partition) + 3

    def read(self, partition: int, after: int, limit: int) -> Sequence[Notification]:
        moved = [replace(event, id=event.id + 3 * (event.id > 7)) for event in self.events[partition]]
        return [event for event in moved if event.id > after][:limit]

    def empty_positions(self, partition: int) -> EmptyPositions:
        del partition
        return [(8, 9), (9, 10)]


@pytest.mark.parametrize("batch_size", [1, 3, 7, 500])
def test_voided_records_leave_positions_empty(engine: Engine, batch_size: int) -> None:
    """They are passed over by all, in batches of whatever size, and the check of the read models agrees."""
    log = VoidedLog()
    province(log)
    own = Engine(engine.views, log, decode_event, PROJECTIONS, batch_size=batch_size)
    own.catch_up()
    with own.reading() as snapshot:
        assert all(at == {0: log.head(0)} for at in snapshot.positions.values())
        checked = verify(own, snapshot)
    assert len(checked) == len(PROJECTIONS)
    assert [finding for each in checked for finding in each.findings] == []


def test_a_log_that_holds_less_than_its_head_says_is_broken(engine: Engine) -> None:
    class Short(FakeLog):
        def head(self, partition: int) -> int:
            return super().head(partition) + 1

    with pytest.raises(BrokenChain):
        Engine(engine.views, Short(), decode_event, PROJECTIONS).catch_up()


def test_a_query_before_the_first_catching_up_says_what_to_do(engine: Engine) -> None:
    with engine.reading() as snapshot, pytest.raises(ViewsNotBuilt) as caught:
        find(snapshot)
    assert caught.value.hint() == "run: dossier rebuild status"


def test_a_snapshot_does_not_move_while_another_process_writes(engine: Engine, log: FakeLog) -> None:
    story = DossierHistory(log).until("open")
    engine.catch_up()
    with engine.reading() as snapshot:
        story.assess()
        engine.catch_up()
        Rebuild(engine, ["status"]).run()
        assert [row["state"] for row in find(snapshot, unit=COMMUNE.id)] == ["opened"]
        assert snapshot.positions["status"] == {0: 1}


def test_a_store_is_read_as_it_stood_when_reading_began(views: Store, engine: Engine, log: FakeLog) -> None:
    engine.catch_up()
    with views.reading() as reader:
        establish_council(log)
        engine.catch_up()
        assert reader.select("SELECT * FROM council_compositions_g1") == []


def test_a_file_that_is_no_store_is_named(tmp_path: Path, log: FakeLog) -> None:
    path = tmp_path / "views.sqlite"
    path.write_bytes(b"no database at all" * 100)
    with SQLiteViews(path) as views, pytest.raises(ViewsUnavailable, match=r"views\.sqlite"):
        Engine(views, log, decode_event, PROJECTIONS).catch_up()
    with SQLiteViews(tmp_path / "missing" / "views.sqlite") as views, pytest.raises(ViewsUnavailable):
        Engine(views, log, decode_event, PROJECTIONS).catch_up()
