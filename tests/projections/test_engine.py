from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest
from eventsourcing.persistence import Notification
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.errors import InfrastructureError
from domain.events import EVENT_TYPES
from infra.views.sqlite import SQLiteViews, ViewsUnavailable
from projections.audit import AUDIT
from projections.engine import Engine
from projections.errors import (
    CannotApply,
    UnknownEvent,
    ViewsAheadOfLog,
    ViewsNotBuilt,
    ViewsOfAnotherLog,
)
from projections.projection import Event, Projection
from projections.registry import PROJECTIONS
from projections.rows import Rows
from projections.status import DOSSIERS, STATUS, find
from schemas.codec import decode
from tests.projections.broken import BrokenViews
from tests.projections.dumps import dump, heads
from tests.projections.story import COMMUNE, UNITS, FakeLog, Story, establish_council, province


@pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda projection: projection.name)
def test_every_type_of_event_is_handled_or_explicitly_ignored(projection: Projection) -> None:
    assert set(projection.handlers) | projection.ignored == set(EVENT_TYPES)
    assert not set(projection.handlers) & projection.ignored


def test_the_story_of_the_tests_tells_every_type_of_event(log: FakeLog) -> None:
    province(log)
    assert {notification.topic for notification in log.events[0]} == set(EVENT_TYPES)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The rows of the province's story, in one batch."""
    log = FakeLog()
    province(log)
    with SQLiteViews(tmp_path_factory.mktemp("expected") / "views.sqlite") as views:
        engine = Engine(views, log, decode, PROJECTIONS, batch_size=100_000)
        engine.catch_up()
        return dump(engine)


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_the_size_of_a_batch_never_shows_in_the_rows(
    views: SQLiteViews, log: FakeLog, size: int, expected: bytes
) -> None:
    province(log)
    engine = Engine(views, log, decode, PROJECTIONS, batch_size=size)
    assert engine.catch_up() == heads(log)
    assert dump(engine) == expected


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stops=st.lists(st.integers(0, 300), max_size=6), size=st.integers(1, 90))
def test_rows_do_not_depend_on_where_catching_up_paused(
    tmp_path_factory: pytest.TempPathFactory, expected: bytes, stops: list[int], size: int
) -> None:
    log = FakeLog()
    province(log)
    with SQLiteViews(tmp_path_factory.mktemp("paused") / "views.sqlite") as views:
        engine = Engine(views, log, decode, PROJECTIONS, batch_size=size)
        highest = 0
        for stop in stops:
            highest = max(highest, min(stop, log.head(0)))
            assert engine.catch_up({0: stop}) == {0: highest}
        engine.catch_up()
        assert dump(engine) == expected


def test_partitions_are_applied_each_on_its_own(views: SQLiteViews, expected: bytes) -> None:
    log = FakeLog(partitions=3)
    province(log)
    engine = Engine(views, log, decode, PROJECTIONS, batch_size=5)
    assert engine.catch_up() == heads(log)
    with engine.reading() as snapshot:
        assert len(find(snapshot)) == expected.count(b'["status_dossiers"')
        assert snapshot.positions["status"] == {at: head for at, head in heads(log).items() if head}


@pytest.mark.parametrize("fails_at", [0, 1, 3, 10, 11, 12, 50])
def test_killed_in_a_batch_leaves_rows_and_position_together(
    views: SQLiteViews, log: FakeLog, fails_at: int, expected: bytes, tmp_path: Path
) -> None:
    province(log)
    with pytest.raises(KeyboardInterrupt):
        Engine(BrokenViews(views, fails_at), log, decode, PROJECTIONS, batch_size=9).catch_up()
    engine = Engine(views, log, decode, PROJECTIONS, batch_size=9)
    with engine.reading() as snapshot:
        reached = {name: at.get(0, 0) for name, at in snapshot.positions.items()}
    assert len(set(reached.values())) == 1
    with SQLiteViews(tmp_path / "other.sqlite") as others:
        other = Engine(others, log, decode, PROJECTIONS)
        other.catch_up({0: reached["status"]})
        assert dump(engine) == dump(other)
    engine.catch_up()
    assert dump(engine) == expected


def test_an_unknown_event_stops_every_projection_before_it(engine: Engine, log: FakeLog) -> None:
    story = Story(log).until("assess")
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


def test_an_event_that_cannot_be_applied_stops_its_projection_and_no_other(views: SQLiteViews, log: FakeLog) -> None:
    def fails_half_way(rows: Rows, event: Event) -> None:
        row = rows.need(DOSSIERS, event.dossier_id)
        row["state"] = "half"
        rows.put(DOSSIERS, row)
        raise ZeroDivisionError("a bug")

    broken = replace(STATUS, handlers={**STATUS.handlers, "DossierReceived": fails_half_way})
    others = [projection for projection in PROJECTIONS if projection is not STATUS]
    engine = Engine(views, log, decode, [broken, *others], batch_size=4)
    first = Story(log).until("forward")
    Story(log, UNITS.get("so-nv")).until("open")
    for _ in range(2):
        with pytest.raises(CannotApply) as caught:
            engine.catch_up()
        assert caught.value.details == {
            "projection": "status", "event": "DossierReceived", "dossier": str(first.id), "version": 6,
            "partition": 0, "position": 6, "cause": "ZeroDivisionError: a bug",
        }  # fmt: skip
    with engine.reading() as snapshot:
        assert snapshot.positions["status"] == {0: 5}
        assert all(snapshot.positions[other.name] == heads(log) for other in others)
        assert [row["state"] for row in find(snapshot)] == ["forwarded_to_province"]


def test_a_projection_that_stopped_goes_on_alone_once_it_is_mended(
    views: SQLiteViews, log: FakeLog, tmp_path: Path
) -> None:
    """The others are ahead of it in the same batch, and must not take the events between again."""

    def fails(_: Rows, event: Event) -> None:
        raise ValueError(event.name)

    broken = replace(AUDIT, handlers={**AUDIT.handlers, "DossierForwardedToCouncil": fails})
    story = Story(log).until("forward")
    story.verify_one("I.2")
    with pytest.raises(CannotApply):
        Engine(views, log, decode, [broken, STATUS]).catch_up()
    story.verify_one("I.3")
    mended = Engine(views, log, decode, [AUDIT, STATUS])
    mended.catch_up()
    with SQLiteViews(tmp_path / "clean.sqlite") as clean:
        other = Engine(clean, log, decode, [AUDIT, STATUS])
        other.catch_up()
        assert dump(mended, AUDIT, STATUS) == dump(other, AUDIT, STATUS)


def test_an_event_that_cannot_be_decoded_is_named_too(engine: Engine, log: FakeLog) -> None:
    story = Story(log).until("open")
    log.add_raw(story.id, "DossierReceived", b"\xc3\x01nonsense")
    with pytest.raises(CannotApply, match=r"DossierReceived of dossier .* position 2"):
        engine.catch_up()


def test_two_engines_at_once_apply_each_event_once(views: SQLiteViews, log: FakeLog, expected: bytes) -> None:
    """The count of verified criteria would be too high if an event were applied twice."""
    province(log)
    failures: list[InfrastructureError] = []

    def work() -> None:
        with SQLiteViews(views.path) as mine:
            try:
                Engine(mine, log, decode, PROJECTIONS, batch_size=3).catch_up()
            except InfrastructureError as error:
                failures.append(error)

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert dump(Engine(views, log, decode, PROJECTIONS)) == expected


def test_views_of_another_log_are_refused(views: SQLiteViews, engine: Engine, log: FakeLog) -> None:
    engine.catch_up()
    other = Engine(views, FakeLog("log-2"), decode, PROJECTIONS)
    with pytest.raises(ViewsOfAnotherLog) as caught:
        other.catch_up()
    assert caught.value.details == {"theirs": "log-1", "log": "log-2"}
    assert "delete" in caught.value.hint("en")
    with pytest.raises(ViewsOfAnotherLog), other.reading():
        pass
    with pytest.raises(ViewsOfAnotherLog):
        other.rebuild("status")
    assert engine.catch_up() == heads(log)


def test_views_ahead_of_the_log_are_refused(engine: Engine, log: FakeLog) -> None:
    Story(log).until("submit")
    engine.catch_up()
    del log.events[0][-1]
    for attempt in (engine.catch_up, lambda: engine.rebuild("status")):
        with pytest.raises(ViewsAheadOfLog, match="position 5 of partition 0, but the log ends at 4"):
            attempt()


def test_catching_up_with_nothing_to_do_takes_no_lock(views: SQLiteViews, engine: Engine, log: FakeLog) -> None:
    Story(log).until("open")
    engine.catch_up()
    with views.writing():
        assert engine.catch_up() == {0: 1}
        assert engine.catch_up({0: 1}) == {0: 1}


def test_numbers_that_the_log_skips_are_no_obstacle(views: SQLiteViews) -> None:
    class Sparse(FakeLog):
        def head(self, partition: int) -> int:
            return 10 * super().head(partition)

        def read(self, partition: int, after: int, limit: int) -> Sequence[Notification]:
            found = super().read(partition, after // 10, limit)
            return [replace(notification, id=notification.id * 10) for notification in found]

    sparse = Sparse()
    province(sparse)
    engine = Engine(views, sparse, decode, PROJECTIONS, batch_size=4)
    assert engine.catch_up({0: 25}) == {0: 25}
    assert engine.catch_up() == heads(sparse)


def test_a_query_before_the_first_catching_up_says_what_to_do(engine: Engine) -> None:
    with engine.reading() as snapshot, pytest.raises(ViewsNotBuilt) as caught:
        find(snapshot)
    assert caught.value.hint() == "run: dossier rebuild status"


def test_a_snapshot_does_not_move_while_another_process_writes(engine: Engine, log: FakeLog) -> None:
    story = Story(log).until("open")
    engine.catch_up()
    with engine.reading() as snapshot:
        story.assess()
        engine.catch_up()
        engine.rebuild("status")
        assert [row["state"] for row in find(snapshot, unit=COMMUNE.id)] == ["opened"]
        assert snapshot.positions["status"] == {0: 1}


def test_a_store_is_read_as_it_stood_when_reading_began(views: SQLiteViews, engine: Engine, log: FakeLog) -> None:
    engine.catch_up()
    with views.reading() as reader:
        establish_council(log)
        engine.catch_up()
        assert reader.select("SELECT * FROM council_compositions_g1") == []


def test_a_file_that_is_no_store_is_named(tmp_path: Path, log: FakeLog) -> None:
    path = tmp_path / "views.sqlite"
    path.write_bytes(b"no database at all" * 100)
    with SQLiteViews(path) as views, pytest.raises(ViewsUnavailable, match=r"views\.sqlite"):
        Engine(views, log, decode, PROJECTIONS).catch_up()
    with SQLiteViews(tmp_path / "missing" / "views.sqlite") as views, pytest.raises(ViewsUnavailable):
        Engine(views, log, decode, PROJECTIONS).catch_up()
