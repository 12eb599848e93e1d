"""A log in memory and its decisions, as those who deliver them read them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from consumers.feed import DecisionFeed
from infra.views.sqlite import SQLiteViews
from tests.support.event_builders import FakeLog
from tests.support.feeds import decisions_of


@pytest.fixture
def log() -> FakeLog:
    return FakeLog()


@pytest.fixture
def decisions(log: FakeLog, tmp_path: Path) -> Iterator[DecisionFeed]:
    with SQLiteViews(tmp_path / "views.sqlite") as views:
        yield decisions_of(log, views)
