"""What the tests of read models share: a store in a temporary file and an engine over a log in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.views.sqlite import SQLiteViews
from projections.engine import Engine
from projections.registry import PROJECTIONS
from schemas.codec import decode
from tests.projections.story import FakeLog


@pytest.fixture
def views(tmp_path: Path) -> Iterator[SQLiteViews]:
    with SQLiteViews(tmp_path / "views.sqlite") as store:
        yield store


@pytest.fixture
def log() -> FakeLog:
    return FakeLog()


@pytest.fixture
def engine(views: SQLiteViews, log: FakeLog) -> Engine:
    return Engine(views, log, decode, PROJECTIONS)
