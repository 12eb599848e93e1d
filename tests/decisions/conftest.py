"""A log in memory and its decisions, as those who deliver them read them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from consumers.decisions import Decisions
from consumers.public import Publication
from infra.views.sqlite import SQLiteViews
from projections.decisions import DECISIONS
from projections.engine import Engine
from schemas.codec import decode
from tests.projections.story import UNITS, FakeLog


@pytest.fixture
def log() -> FakeLog:
    return FakeLog()


@pytest.fixture
def decisions(log: FakeLog, tmp_path: Path) -> Iterator[Decisions]:
    with SQLiteViews(tmp_path / "views.sqlite") as views:
        yield decisions_of(log, views)


def decisions_of(log: FakeLog, views: SQLiteViews) -> Decisions:
    engine = Engine(views, log, decode, (DECISIONS,))
    return Decisions(engine, log.partitions, Publication(log.log_id, UNITS))
