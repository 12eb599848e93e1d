"""Whether read models are what the log says. Two checks, numbered on from the checker's.

11 the rows are those of a rebuild
12 the counts and the running hash of each are those of the log: no event left out, none folded twice
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from domain.errors import InfrastructureError
from infra.bootstrap import Application
from projections.engine.verification import verify
from projections.read_models import PROJECTIONS


def check_read_models(made: Application) -> Iterator[str]:
    """What is wrong with them, in words that begin with the check's number. They are brought to the end of the log."""
    try:
        before = _rows(made)
        with made.read_models() as views:
            for verified in verify(made.engine, views):
                yield from (f"12 {finding.code}: {finding}" for finding in verified.findings)
    except InfrastructureError as error:
        yield f"12 {error.code}: {error}"
        return
    made.rebuild([projection.name for projection in PROJECTIONS]).run()
    after = _rows(made)
    for name, old in before.items():
        new = after[name]
        if len(old) != len(new):
            yield f"11 {name} has {len(old)} rows, a rebuild makes {len(new)}"
        for mine, theirs in zip(old, new, strict=False):
            if mine != theirs:
                yield f"11 {name} has {mine}, a rebuild makes {theirs}"
                break


def _rows(made: Application) -> dict[str, list[str]]:
    with made.read_models() as views:
        return {
            table.name: [
                json.dumps(row, sort_keys=True, default=str)
                for row in views.select(f"SELECT * FROM {{{table.name}}} ORDER BY {', '.join(table.key)}")  # noqa: S608
            ]
            for projection in PROJECTIONS
            for table in projection.tables
        }
