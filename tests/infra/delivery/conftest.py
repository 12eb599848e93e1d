"""A log in memory and its decisions, as those who deliver them read them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from consumers.cloudevents import DecisionSerializer
from consumers.feed import DecisionFeed
from infra.views.sqlite import SQLiteViews
from projections.engine.engine import Engine
from projections.public_decisions.read_model import DECISIONS
from schemas.avro.codec import decode_event
from tests.support.event_builders import FakeLog
from tests.support.units import UNITS


@pytest.fixture
def log() -> FakeLog:
    return FakeLog()


@pytest.fixture
def decisions(log: FakeLog, tmp_path: Path) -> Iterator[DecisionFeed]:
    with SQLiteViews(tmp_path / "views.sqlite") as views:
        yield decisions_of(log, views)


def decisions_of(log: FakeLog, views: SQLiteViews) -> DecisionFeed:
    engine = Engine(views, log, decode_event, (DECISIONS,))
    return DecisionFeed(engine, log.partitions, DecisionSerializer(log.log_id, UNITS))
