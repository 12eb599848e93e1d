from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from infra.views.sqlite import SQLiteViews
from projections.engine import Engine
from projections.errors import RebuildSuperseded, ViewsNotBuilt
from projections.projection import Event, Projection
from projections.registry import PROJECTIONS
from projections.rows import Rows
from projections.status import DOSSIERS, STATUS, find
from schemas.codec import decode
from tests.projections.broken import BrokenViews
from tests.projections.dumps import dump, heads
from tests.projections.story import FakeLog, Story, establish_council, province


@pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda projection: projection.name)
def test_a_rebuild_gives_the_live_rows_byte_for_byte(engine: Engine, log: FakeLog, projection: Projection) -> None:
    establish_council(log)
    for attempt in range(1, 4):
        Story(log, attempt=attempt).until("announce")
        engine.catch_up()
    before = dump(engine)
    told: list[tuple[int, int, int]] = []
    engine.rebuild(projection.name, lambda *at: told.append(at))
    assert dump(engine) == before
    assert told[-1] == (0, log.head(0), log.head(0))
    with engine.reading() as snapshot:
        assert snapshot.positions[projection.name] == heads(log)


def test_a_rebuild_leaves_no_table_of_the_old_generation(engine: Engine, log: FakeLog, views: SQLiteViews) -> None:
    establish_council(log)
    engine.catch_up()
    engine.rebuild("council")
    engine.rebuild("council")
    with views.reading() as reader:
        made = reader.select("SELECT name FROM sqlite_master WHERE name LIKE 'council%' AND type = 'table'")
    assert made == [{"name": "council_compositions_g3"}]


def test_a_failed_rebuild_leaves_the_live_rows(views: SQLiteViews, engine: Engine, log: FakeLog) -> None:
    province(log)
    engine.catch_up()
    before = dump(engine)
    with pytest.raises(KeyboardInterrupt):
        Engine(BrokenViews(views, 4), log, decode, PROJECTIONS, batch_size=9).rebuild("status")
    assert dump(engine) == before
    with views.reading() as reader:
        assert len(reader.select("SELECT * FROM views_generations")) == len(PROJECTIONS)


def test_a_reader_never_sees_a_half_built_table(views: SQLiteViews, engine: Engine, log: FakeLog) -> None:
    province(log)
    engine.catch_up()
    before = dump(engine, STATUS)
    seen: set[bytes] = set()
    Engine(views, log, decode, PROJECTIONS, batch_size=3).rebuild("status", lambda *_: seen.add(dump(engine, STATUS)))
    assert seen == {before}


def test_a_rebuild_never_serves_less_than_was_served_before(views: SQLiteViews, engine: Engine, log: FakeLog) -> None:
    story = Story(log).until("assess")
    engine.catch_up()
    grown = iter(("submit", "receive", "forward"))

    def meanwhile(_: int, reached: int, target: int) -> None:
        if reached == target and (step := next(grown, None)):
            getattr(story, step)()
            engine.catch_up()

    Engine(views, log, decode, PROJECTIONS).rebuild("status", meanwhile)
    with engine.reading() as snapshot:
        assert snapshot.positions["status"] == heads(log)


@pytest.mark.parametrize(
    ("told", "last"),
    [(province, False), (province, True), (lambda _: None, True)],
    ids=["while it builds", "just before its swap", "of an empty log"],
)
def test_an_older_rebuild_gives_way_to_one_that_finished_first(
    views: SQLiteViews, engine: Engine, log: FakeLog, told: Callable[[FakeLog], None], last: bool
) -> None:
    told(log)
    engine.catch_up()
    before = dump(engine)
    done = False

    def meanwhile(_: int, reached: int, target: int) -> None:
        nonlocal done
        if not done and (reached == target) is last:
            done = True
            engine.rebuild("audit")

    with pytest.raises(RebuildSuperseded):
        Engine(views, log, decode, PROJECTIONS, batch_size=9).rebuild("audit", meanwhile)
    assert dump(engine) == before


def test_a_projection_of_another_revision_is_rebuilt_before_it_is_served(
    views: SQLiteViews, engine: Engine, log: FakeLog
) -> None:
    def shouts(rows: Rows, event: Event) -> None:
        STATUS.handlers["DossierOpened"](rows, event)
        row = rows.need(DOSSIERS, event.dossier_id)
        row["number"] = row["number"] + "!"
        rows.put(DOSSIERS, row)

    Story(log).until("open")
    engine.catch_up()
    newer = Engine(
        views, log, decode, [replace(STATUS, version=2, handlers={**STATUS.handlers, "DossierOpened": shouts})]
    )
    with newer.reading() as snapshot, pytest.raises(ViewsNotBuilt, match="status"):
        find(snapshot)
    newer.catch_up()
    with newer.reading() as snapshot:
        assert [row["number"] for row in find(snapshot)] == ["04630-CB-2024-1!"]


def test_another_table_or_event_is_another_revision() -> None:
    assert replace(STATUS).revision == STATUS.revision
    assert replace(STATUS, ignored=frozenset()).revision != STATUS.revision
    assert replace(STATUS, tables=()).revision != STATUS.revision
