"""The short version; `make chaos` kills a hundred times and more, on both stores."""

from __future__ import annotations

from pathlib import Path
from random import SystemRandom

import pytest

from infra.dev.postgres import postgres
from tests.fault.killed_rebuild import run


@pytest.mark.parametrize("store", ["sqlite", "postgres"])
def test_a_rebuild_killed_ten_times_gives_the_rows_of_a_clean_one(tmp_path: Path, store: str) -> None:
    """SIGKILL at random points, then the same rebuild again; the seed of a failure is in its message."""
    seed = SystemRandom().getrandbits(32)
    if store == "sqlite":
        report = run(tmp_path, kills=10, seed=seed)
    else:
        with postgres(tmp_path / "postgres") as server:
            report = run(tmp_path, kills=10, seed=seed, views=server.uri)
    assert not report.wrong, (report.seed, report.wrong[:5])
    assert report.kills >= 10
    assert report.left_unfinished, "no kill left a build behind: the run proved nothing"
