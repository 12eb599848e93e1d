"""Logs to work on: an empty one, and copies of one on which a commune's dossier stands somewhere."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support import terminal as way
from tests.support.terminal import Terminal


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    """A terminal on a log that does not exist yet."""
    return Terminal(tmp_path)


@pytest.fixture(scope="session")
def stages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Name of a stage → the folder of a log that stands there."""
    kept: dict[str, Path] = {}
    folder = tmp_path_factory.mktemp("commune")
    terminal = Terminal(folder)

    def keep(name: str) -> None:
        kept[name] = tmp_path_factory.mktemp(name)
        shutil.copytree(folder, kept[name], dirs_exist_ok=True)

    way.established(terminal)
    way.self_assessed(terminal)
    keep("self_assessed")
    way.at_province(terminal)
    keep("received")
    way.forwarded(terminal)
    keep("forwarded")
    way.verified(terminal)
    keep("verified")
    way.proposed(terminal)
    keep("proposed")
    way.announced(terminal)
    keep("announced")
    return kept


@pytest.fixture
def stage(request: pytest.FixtureRequest, stages: dict[str, Path], tmp_path: Path) -> Terminal:
    """A terminal on a copy of the log of the stage that the test names by indirect parametrisation."""
    shutil.copytree(stages[request.param], tmp_path, dirs_exist_ok=True)
    return Terminal(tmp_path)


@pytest.fixture(scope="session")
def finished(stages: dict[str, Path]) -> Terminal:
    """A terminal on the log of the announced dossier, for questions only."""
    return Terminal(stages["announced"])
