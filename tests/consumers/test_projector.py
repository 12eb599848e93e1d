"""The read models follow the log in the partitions that this process has, until it is told to end."""

from __future__ import annotations

from collections.abc import Collection
from itertools import count
from pathlib import Path

import pytest
from structlog.testing import CapturingLogger

from consumers.projector import project
from infra.views.sqlite import SQLiteViews
from projections.engine.engine import Engine
from projections.public_decisions.read_model import DECISIONS
from schemas.avro.codec import decode_event
from tests.support.event_builders import DossierHistory, FakeLog
from tests.support.units import UNITS

PARTITIONS = 2


def test_it_tells_where_it_begins_and_how_far_it_has_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At most once in ten seconds, and what came in between all the same."""
    log, clock, turns = FakeLog(partitions=1), iter(range(0, 1000, 4)), count()
    communes, told = UNITS.communes_of("140")[:8], CapturingLogger()
    monkeypatch.setattr("consumers.projector._log", told)

    def wait() -> bool:
        if (turn := next(turns)) < len(communes):
            DossierHistory(log, communes[turn]).until("open")
        return turn == 2 * len(communes)

    with SQLiteViews(tmp_path / "views.sqlite") as views:
        project(Engine(views, log, decode_event, (DECISIONS,)), log, lambda: (0,), wait, lambda: next(clock))
    began, *rest = told.calls
    assert (began.args, began.kwargs) == (("projector.began",), {"partition": 0, "position": 0})
    assert {call.args for call in rest} == {("projector.applied",)}
    applied = [call.kwargs for call in rest]
    assert [each["after"] for each in applied] == [0, *(each["position"] for each in applied[:-1])]
    assert applied[-1]["position"] == log.head(0)
    assert 1 < len(applied) < len(communes)


def test_it_applies_what_comes_in_its_partitions_alone_until_the_end(tmp_path: Path) -> None:
    """It goes on with others as soon as it was given others, and applies everything before it ends."""
    log = FakeLog(partitions=PARTITIONS)
    communes = UNITS.communes_of("140")[:4]
    mine: Collection[int] = ()
    reached: list[list[int]] = []
    with SQLiteViews(tmp_path / "views.sqlite") as views:
        engine = Engine(views, log, decode_event, (DECISIONS,))

        def positions() -> list[int]:
            with engine.reading() as read:
                found = read.positions.get(DECISIONS.name, {})
                return [found.get(partition, 0) for partition in log.partitions]

        def wait() -> bool:
            nonlocal mine
            reached.append(positions())
            match len(reached):
                case 1:  # nothing was there, and nothing was given
                    mine = (0,)
                    for commune in communes:
                        DossierHistory(log, commune).until("announce")
                case 2:
                    mine = range(PARTITIONS)
            return len(reached) == 3

        project(engine, log, lambda: mine, wait)

    heads = [log.head(partition) for partition in log.partitions]
    assert all(heads)
    assert reached == [[0, 0], [heads[0], 0], heads]
