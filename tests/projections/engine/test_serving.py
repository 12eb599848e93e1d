"""Readers through rebuild, swap, undo and drop: whole rows and no error; positions that are waited for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Event as Flag
from threading import Thread

import pytest

from projections.engine.engine import Engine
from projections.engine.errors import (
    NoOldGeneration,
    NotYetReflected,
    OldOfAnotherVersion,
    ViewsOfNewerProgram,
)
from projections.engine.rebuild import Rebuild, drop, undo
from projections.read_models import PROJECTIONS
from projections.status import STATUS, find
from schemas.avro.codec import decode_event
from tests.projections.dumps import dump, heads
from tests.support.event_builders import DossierHistory, FakeLog, establish_council, province
from tests.support.stores import Store, Stores
from tests.support.waiting import GUARD


@contextmanager
def polling(stores: Stores, log: FakeLog, expected: bytes) -> Iterator[list[int]]:
    """A reader that asks all the time from a thread; what it saw is checked when the block ends."""
    over, answers, wrong = Flag(), [0], []

    def poll() -> None:
        with stores.open("views") as mine:
            engine = Engine(mine, log, decode_event, PROJECTIONS)
            while not over.is_set():
                try:
                    seen = dump(engine)
                except Exception as error:  # noqa: BLE001  # any error at all is the failure that is looked for
                    wrong.append(repr(error))
                    return
                answers[0] += 1
                if seen != expected:
                    wrong.append(f"answer {answers[0]} differs")

    thread = Thread(target=poll)
    thread.start()
    try:
        yield answers
    finally:
        over.set()
        thread.join()
    assert not wrong
    assert answers[0] > 0


def test_a_reader_that_polls_throughout_sees_whole_answers_and_no_error(
    stores: Stores, views: Store, engine: Engine, log: FakeLog, expected: bytes
) -> None:
    province(log)
    engine.catch_up()
    names = [projection.name for projection in PROJECTIONS]
    with polling(stores, log, expected) as answers:
        for round_ in range(4):
            before = answers[0]
            Rebuild(Engine(views, log, decode_event, PROJECTIONS, batch_size=20), names).run()
            for name in names:
                undo(engine, name)
            drop(engine, names[: 2 * (round_ % 2)])
            while answers[0] < before + 2:
                engine.catch_up()
            assert dump(engine) == expected


def test_a_snapshot_that_began_before_a_swap_and_a_drop_reads_whole_rows(
    views: Store, engine: Engine, log: FakeLog, expected: bytes
) -> None:
    """On PostgreSQL the drop gives up after two seconds, and the tables go the next time."""
    province(log)
    engine.catch_up()
    with engine.reading() as snapshot:
        Rebuild(engine, ["status"]).run()
        drop(engine, ["status"])
        assert len(find(snapshot)) == expected.count(b'["status_dossiers"')
    drop(engine, ["status"])
    with views.reading() as reader:
        assert not reader.has_table("status_dossiers_g1")
    assert dump(engine) == expected


def test_undo_serves_the_old_rows_brought_up_to_the_served_position(engine: Engine, log: FakeLog) -> None:
    story = DossierHistory(log).until("assess")
    engine.catch_up()
    Rebuild(engine, ["status"]).run()
    story.submit()
    engine.catch_up()
    before = dump(engine)
    assert undo(engine, "status") == 1
    assert dump(engine) == before
    with engine.reading() as snapshot:
        assert snapshot.builds["status"].generation == 1
        assert snapshot.positions["status"] == heads(log)
    assert undo(engine, "status") == 2, "a second undo takes the first one back"
    drop(engine, ["status"])
    with pytest.raises(NoOldGeneration):
        undo(engine, "status")
    with pytest.raises(NoOldGeneration):
        undo(engine, "audit")
    assert dump(engine) == before


def test_a_check_leaves_nothing_behind_and_serves_nothing_new(engine: Engine, views: Store, log: FakeLog) -> None:
    province(log)
    engine.catch_up()
    outcomes = Rebuild(engine, [projection.name for projection in PROJECTIONS], check=True).run()
    assert all(outcome.comparison and outcome.comparison.equal for outcome in outcomes)
    assert not any(outcome.swapped for outcome in outcomes)
    with engine.reading() as snapshot:
        assert {build.generation for build in snapshot.builds.values()} == {1}
    with views.reading() as reader:
        assert not reader.has_table("status_dossiers_g2")
    with pytest.raises(NoOldGeneration):
        undo(engine, "status")


def test_a_rebuild_is_compared_where_the_live_rows_stand_and_goes_on_to_the_head(engine: Engine, log: FakeLog) -> None:
    story = DossierHistory(log).until("forward")
    engine.catch_up({0: 3})
    (outcome,) = Rebuild(engine, ["status"]).run()
    assert outcome.comparison is not None
    assert outcome.comparison.equal
    assert outcome.comparison.positions == heads(log)
    assert outcome.events == log.head(0)
    story.verify_one("I.2")
    assert engine.catch_up() == heads(log)


def test_an_older_program_does_not_build_back_what_a_newer_one_serves(
    views: Store, engine: Engine, log: FakeLog
) -> None:
    DossierHistory(log).until("assess")
    newer = Engine(views, log, decode_event, [replace(STATUS, version=2), *PROJECTIONS[1:]])
    newer.catch_up()
    with pytest.raises(ViewsOfNewerProgram):
        engine.catch_up()
    (outcome,) = Rebuild(engine, ["status"]).run()
    assert outcome.comparison is None, "rows of another version are no measure"
    with pytest.raises(OldOfAnotherVersion):
        undo(engine, "status")
    assert undo(newer, "status") == 1


def test_an_unfinished_build_of_another_version_is_begun_anew(views: Store, engine: Engine, log: FakeLog) -> None:
    province(log)
    engine.catch_up()
    newer = Engine(views, log, decode_event, [replace(STATUS, version=2)], batch_size=9)

    def interrupted(_: int, reached: int, __: int) -> None:
        if reached > 50:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Rebuild(newer, ["status"], progress=interrupted).run()
    (outcome,) = Rebuild(engine, ["status"]).run()
    assert (outcome.continued, outcome.generation) == (False, 3)


def test_waiting_ends_when_another_process_has_come_so_far(stores: Stores, engine: Engine) -> None:
    log = FakeLog(partitions=3)
    establish_council(log)
    DossierHistory(log).until("assess")
    waiter = Engine(stores.open("views"), log, decode_event, PROJECTIONS)
    with pytest.raises(NotYetReflected) as caught:
        waiter.wait(heads(log), 0.05)
    assert isinstance(caught.value, TimeoutError)
    assert caught.value.details["projection"] == "status"
    worker = Engine(engine.views, log, decode_event, PROJECTIONS)
    thread = Thread(target=worker.catch_up)
    thread.start()
    waiter.wait(heads(log), GUARD)
    thread.join()
    with waiter.reading() as snapshot:
        assert snapshot.positions["status"] == heads(log)
    partition = log.partition_of(DossierHistory(log).id)
    waiter.wait({partition: 1}, 0, ["status"])
    with pytest.raises(NotYetReflected, match=f"of partition {partition}; 99 was not reached"):
        waiter.wait({partition: 99}, 0.01, ["audit"])


def test_queries_answer_while_a_rebuild_runs_in_the_middle_of_new_events(
    views: Store, engine: Engine, log: FakeLog
) -> None:
    """Each batch of the rebuild is followed by a new event and a query that must show it."""
    story = DossierHistory(log).until("forward")
    engine.catch_up()
    criteria = iter(["I.2", "I.3", "I.4"])
    seen: list[int] = []

    def meanwhile(*_: int) -> None:
        if criterion := next(criteria, None):
            story.verify_one(criterion)
            engine.catch_up()
            with engine.reading() as snapshot:
                seen.append(find(snapshot)[0]["criteria_verified"])

    Rebuild(Engine(views, log, decode_event, PROJECTIONS, batch_size=2), ["status"], progress=meanwhile).run()
    assert seen == [1, 2, 3]
    with engine.reading() as snapshot:
        assert find(snapshot)[0]["criteria_verified"] == 3
        assert snapshot.builds["status"].generation == 2
