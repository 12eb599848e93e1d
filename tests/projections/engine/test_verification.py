"""Planted defects: each is found, and named for what it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from domain.dossier.appraisal import CriterionVerified
from domain.errors import InfrastructureError
from projections.engine import hashchain, verification
from projections.engine.engine import Engine
from projections.engine.errors import ViewsAheadOfLog, ViewsOfAnotherHistory
from projections.engine.hashchain import extend_all, initial
from projections.engine.projection import Event
from projections.engine.rebuild import Rebuild
from projections.engine.rows import RowCache
from projections.engine.verification import verify
from projections.read_models import PROJECTIONS
from projections.status import STATUS
from schemas.avro.codec import decode_event
from tests.projections.dumps import heads
from tests.support.event_builders import DossierHistory, FakeLog, province
from tests.support.stores import Store

EVERY = 100
"""Events from one hash that is noted to the next: fewer than the product has, whose search takes seconds."""


def findings(engine: Engine) -> dict[str, list[InfrastructureError]]:
    """Read model → what was found of it; nothing for those that are whole."""
    with engine.reading() as snapshot:
        return {each.projection: each.findings for each in verify(engine, snapshot) if each.findings}


def tamper(views: Store, sql: str, *parameters: Any) -> None:
    with views.exclusive_transaction() as writer:
        assert writer.execute(sql, parameters) > 0


def test_what_is_whole_is_proven_whole(engine: Engine, log: FakeLog) -> None:
    province(log)
    engine.catch_up()
    with engine.reading() as snapshot:
        found = verify(engine, snapshot)
    assert [each.projection for each in found] == [projection.name for projection in PROJECTIONS]
    for each in found:
        assert not each.findings
        assert each.checkpoint.applied + each.checkpoint.ignored == each.events == log.head(0)
        assert each.hash == extend_all(initial(0), log.events[0])[0].hex()
        assert each.as_json()["complete"] is True


def test_partitions_are_proven_apart(views: Store) -> None:
    log = FakeLog(partitions=3)
    province(log)
    engine = Engine(views, log, decode_event, PROJECTIONS, batch_size=7)
    engine.catch_up()
    assert not findings(engine)
    assert extend_all(initial(0), [])[0] != extend_all(initial(1), [])[0]
    tamper(views, "UPDATE views_positions SET position = position - 1 WHERE partition = 2 AND projection = 'audit'")
    assert {finding.details["partition"] for finding in findings(engine)["audit"]} == {2}


@pytest.mark.parametrize("position", [1, 40, EVERY, EVERY + 1, 2 * EVERY + 10])
def test_a_skipped_event_is_named_and_a_check_shows_the_rows(
    views: Store, log: FakeLog, position: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it is noted with its hash, which is so for one of many alone, comes just after that, or far from it."""
    for module in (hashchain, verification):
        monkeypatch.setattr(module, "MARK", EVERY)
    for attempt in range(1, 5):
        DossierHistory(log, attempt=attempt).until("announce")
    assert log.head(0) > 2 * EVERY + 10
    skipped = log.events[0][position - 1]

    class Skipping(Engine):
        """Folds one event into nothing: neither rows, nor counts, nor hash."""

        def _folded(self, *given: Any, **named: Any) -> Any:
            folds = super()._folded(*given, **named)
            for each in folds:
                if each.before.position < position <= each.after.position:
                    events = [e for e in log.events[0] if each.before.position < e.id <= each.after.position]
                    without = [e for e in events if e.id != position]
                    digest, marks = extend_all(each.before.digest, without)
                    each.after = replace(each.after, applied=each.after.applied - 1, digest=digest)
                    each._marks = marks
            return folds

    Skipping(views, log, decode_event, [STATUS], batch_size=2 * EVERY).catch_up()
    honest = Engine(views, log, decode_event, [STATUS])
    named, counted = findings(honest)["status"]
    assert named.code == "EVENT_SKIPPED"
    assert named.details == {
        "projection": "status", "partition": 0, "position": position, "event": skipped.topic,
        "dossier": str(skipped.originator_id),
    }  # fmt: skip
    assert counted.code == "MISCOUNTED"


def test_an_event_folded_twice_is_named_and_its_rows_are_listed(views: Store, log: FakeLog) -> None:
    province(log)
    twice = next(event for event in log.events[0] if event.topic == "CriterionVerified")

    def handler(rows: RowCache, event: Event[Any]) -> None:
        STATUS.handlers[CriterionVerified](rows, event)
        if event.position == twice.id:
            STATUS.handlers[CriterionVerified](rows, event)

    class Twice(Engine):
        def _folded(self, *given: Any, **named: Any) -> Any:
            folds = super()._folded(*given, **named)
            for each in folds:
                events = [e for e in log.events[0] if each.before.position < e.id <= each.after.position]
                place = [e.id for e in events].index(twice.id)
                digest, _ = extend_all(each.before.digest, [*events[: place + 1], *events[place:]])
                each.after = replace(each.after, applied=each.after.applied + 1, digest=digest)
            return folds

    faulty = replace(STATUS, handlers={**STATUS.handlers, CriterionVerified: handler})
    Twice(views, log, decode_event, [faulty]).catch_up()
    honest = Engine(views, log, decode_event, [STATUS])
    named, counted = findings(honest)["status"]
    assert (named.code, named.details["position"]) == ("EVENT_FOLDED_TWICE", twice.id)
    assert counted.code == "MISCOUNTED"
    (outcome,) = Rebuild(honest, ["status"], check=True).run()
    assert outcome.comparison is not None
    books, row = outcome.comparison.listed
    assert books.table == "views_positions"
    applied = counted.details["applied"]
    assert isinstance(applied, int)
    assert books.columns["applied"] == (applied, applied - 1)
    assert (row.table, row.key, set(row.columns)) == (
        "status_dossiers", (str(twice.originator_id),), {"criteria_verified"},
    )  # fmt: skip


@pytest.mark.parametrize("ahead", [1, 30])
def test_a_position_moved_ahead_is_named(views: Store, engine: Engine, log: FakeLog, ahead: int) -> None:
    province(log)
    there = log.head(0) - 50
    engine.catch_up({0: there})
    tamper(views, "UPDATE views_positions SET position = position + ? WHERE projection = 'status'", ahead)
    named = findings(engine)["status"][0]
    assert named.code == "POSITION_MOVED_AHEAD"
    assert (named.details["position"], named.details["folded"]) == (there + ahead, there)
    with pytest.raises(ViewsOfAnotherHistory):
        Rebuild(engine, ["status"], check=True).run()
    (outcome,) = Rebuild(engine, ["status"]).run()
    assert outcome.swapped
    assert not findings(engine)


def test_a_position_ahead_of_the_log_is_named(views: Store, engine: Engine, log: FakeLog) -> None:
    province(log)
    engine.catch_up()
    tamper(views, "UPDATE views_positions SET position = position + 5 WHERE projection = 'council'")
    assert [finding.code for finding in findings(engine)["council"]] == ["POSITION_AHEAD_OF_LOG"]
    with pytest.raises(ViewsAheadOfLog):
        Rebuild(engine, ["council"], check=True).run()


def test_an_event_of_the_log_that_was_changed_afterwards_is_found(engine: Engine, log: FakeLog) -> None:
    province(log)
    engine.catch_up()
    event = log.events[0][20]
    log.events[0][20] = replace(event, state=event.state + b"!")
    assert {name: [each.code for each in found] for name, found in findings(engine).items()} == {
        projection.name: ["OTHER_EVENTS_FOLDED"] for projection in PROJECTIONS
    }


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("UPDATE views_positions SET applied = applied + 1 WHERE projection = 'audit'", "MISCOUNTED"),
        (
            "UPDATE views_positions SET ignored = ignored - 1, applied = applied + 1 WHERE projection = 'council'",
            "MISCOUNTED",
        ),
        (
            "UPDATE views_positions SET parked = parked + 1, applied = applied - 1 WHERE projection = 'audit'",
            "PARKED_OTHERWISE",
        ),
    ],
)
def test_counts_that_do_not_add_up_are_found(views: Store, engine: Engine, log: FakeLog, sql: str, code: str) -> None:
    province(log)
    engine.catch_up()
    tamper(views, sql)
    assert [each.code for found in findings(engine).values() for each in found] == [code]


def test_a_row_changed_by_hand_is_listed_by_a_check_with_both_values(
    views: Store, engine: Engine, log: FakeLog
) -> None:
    province(log)
    engine.catch_up()
    tamper(views, "UPDATE status_dossiers_g1 SET holds = 1 - holds WHERE number = '04630-CB-2024-1'")
    tamper(views, "DELETE FROM status_dossiers_g1 WHERE number = '135-CB-2024-1'")
    assert not findings(engine), "it was folded from every event: the rows are another question"
    (outcome,) = Rebuild(engine, ["status"], check=True).run()
    found = outcome.comparison
    assert found is not None
    assert (found.different, found.rows["status_dossiers"][0] + 1) == (2, found.rows["status_dossiers"][1])
    assert {each.kind for each in found.listed} == {"changed", "only_rebuilt"}
    (changed,) = [each for each in found.listed if each.kind == "changed"]
    assert set(changed.columns) == {"holds"}
    assert found.hashes["status_dossiers"][0] != found.hashes["status_dossiers"][1]
    (mended,) = Rebuild(engine, ["status"]).run()
    assert mended.swapped
    (again,) = Rebuild(engine, ["status"], check=True).run()
    assert again.comparison is not None
    assert again.comparison.equal
    assert again.comparison.as_json()["tables"]["status_dossiers"]["hash"]["live"] == found.hashes["status_dossiers"][1]
    with engine.reading() as snapshot:
        assert snapshot.positions["status"] == heads(log)
