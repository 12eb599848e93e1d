from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from domain.dossier.application import DossierOpened
from projections.engine.engine import Engine
from projections.engine.errors import RebuildSuperseded, ViewsNotBuilt
from projections.engine.projection import Event, Projection
from projections.engine.rebuild import Rebuild, drop
from projections.engine.rows import RowCache
from projections.read_models import PROJECTIONS
from projections.status import DOSSIERS, STATUS, find
from schemas.avro.codec import decode_event
from tests.projections.broken import BrokenViews
from tests.projections.dumps import dump, heads
from tests.support.event_builders import DossierHistory, FakeLog, establish_council, province
from tests.support.stores import Store


@pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda projection: projection.name)
def test_a_rebuild_gives_the_live_rows_byte_for_byte(engine: Engine, log: FakeLog, projection: Projection) -> None:
    establish_council(log)
    for attempt in range(1, 4):
        DossierHistory(log, attempt=attempt).until("announce")
        engine.catch_up()
    before = dump(engine)
    told: list[tuple[int, int, int]] = []
    Rebuild(engine, [projection.name], progress=lambda *at: told.append(at)).run()
    assert dump(engine) == before
    assert told[-1] == (0, log.head(0), log.head(0))
    with engine.reading() as snapshot:
        assert snapshot.positions[projection.name] == heads(log)


def test_one_old_generation_is_kept_and_older_ones_go(engine: Engine, log: FakeLog, views: Store) -> None:
    establish_council(log)
    engine.catch_up()
    for _ in range(3):
        Rebuild(engine, ["council"]).run()
    assert tables(views) == ["council_compositions_g3", "council_compositions_g4"]
    drop(engine, ["council"])
    assert tables(views) == ["council_compositions_g4"]


def tables(views: Store) -> list[str]:
    names = [f"council_compositions_g{number}" for number in range(1, 9)]
    with views.reading() as reader:
        return [name for name in names if reader.has_table(name)]


def test_a_failed_rebuild_leaves_the_live_rows_and_is_continued(views: Store, engine: Engine, log: FakeLog) -> None:
    province(log)
    engine.catch_up()
    before = dump(engine)
    with pytest.raises(KeyboardInterrupt):
        Rebuild(Engine(BrokenViews(views, 4), log, decode_event, PROJECTIONS, batch_size=9), ["status"]).run()
    assert dump(engine) == before
    (outcome,) = Rebuild(engine, ["status"]).run()
    assert outcome.continued
    assert outcome.generation == 2
    assert outcome.comparison is not None
    assert outcome.comparison.equal
    assert dump(engine) == before


def test_a_reader_never_sees_a_half_built_table(views: Store, engine: Engine, log: FakeLog) -> None:
    province(log)
    engine.catch_up()
    before = dump(engine, STATUS)
    seen: set[bytes] = set()
    slow = Engine(views, log, decode_event, PROJECTIONS, batch_size=3)
    Rebuild(slow, ["status"], progress=lambda *_: seen.add(dump(engine, STATUS))).run()
    assert seen == {before}


def test_a_rebuild_never_serves_less_than_was_served_before(engine: Engine, log: FakeLog) -> None:
    story = DossierHistory(log).until("assess")
    engine.catch_up()
    grown = iter(("submit", "receive", "forward"))

    def meanwhile(_: int, reached: int, target: int) -> None:
        if reached == target and (step := next(grown, None)):
            getattr(story, step)()
            engine.catch_up()

    Rebuild(engine, ["status"], progress=meanwhile).run()
    with engine.reading() as snapshot:
        assert snapshot.positions["status"] == heads(log)


def test_two_rebuilds_at_once_build_the_same_generation(
    views: Store, engine: Engine, log: FakeLog, expected: bytes
) -> None:
    province(log)
    engine.catch_up()
    done: list[int] = []

    def meanwhile(*_: int) -> None:
        if not done:
            done.append(0)
            done[0] = Rebuild(engine, ["audit"]).run()[0].generation

    small = Engine(views, log, decode_event, PROJECTIONS, batch_size=9)
    (outcome,) = Rebuild(small, ["audit"], progress=meanwhile).run()
    assert outcome.generation == done[0] == 2
    assert dump(engine) == expected


def test_a_rebuild_that_was_dropped_meanwhile_says_so(
    views: Store, engine: Engine, log: FakeLog, expected: bytes
) -> None:
    province(log)
    engine.catch_up()
    slow = Engine(views, log, decode_event, PROJECTIONS, batch_size=9)

    def meanwhile(*_: int) -> None:
        drop(engine, ["audit"])

    with pytest.raises(RebuildSuperseded):
        Rebuild(slow, ["audit"], progress=meanwhile).run()
    assert dump(engine) == expected


def test_a_projection_of_another_revision_is_rebuilt_before_it_is_served(
    views: Store, engine: Engine, log: FakeLog
) -> None:
    def shouts(rows: RowCache, event: Event[Any]) -> None:
        STATUS.handlers[DossierOpened](rows, event)
        row = rows.require(DOSSIERS, event.dossier_id)
        row["number"] = row["number"] + "!"
        rows.upsert_row(DOSSIERS, row)

    DossierHistory(log).until("open")
    engine.catch_up()
    newer = Engine(
        views, log, decode_event, [replace(STATUS, version=2, handlers={**STATUS.handlers, DossierOpened: shouts})]
    )
    with newer.reading() as snapshot, pytest.raises(ViewsNotBuilt, match="status"):
        find(snapshot)
    newer.catch_up()
    with newer.reading() as snapshot:
        assert [row["number"] for row in find(snapshot)] == ["04630-CB-2024-1!"]


def test_another_table_or_event_is_another_revision() -> None:
    assert replace(STATUS).revision == STATUS.revision
    assert replace(STATUS, handlers={DossierOpened: STATUS.handlers[DossierOpened]}).revision != STATUS.revision
    assert replace(STATUS, tables=()).revision != STATUS.revision
