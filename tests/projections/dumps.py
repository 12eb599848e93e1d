"""The rows of read models as bytes, to compare two builds."""

from __future__ import annotations

import json

from projections.engine.engine import Engine
from projections.engine.projection import Projection
from projections.read_models import PROJECTIONS
from tests.support.event_builders import FakeLog


def dump(engine: Engine, *projections: Projection) -> bytes:
    """Every live row of the given projections (all, when none is given), in the order of the keys."""
    lines = []
    with engine.reading() as snapshot:
        for projection in projections or PROJECTIONS:
            for table in projection.tables:
                order = ", ".join(table.key)
                rows = snapshot.select(f"SELECT * FROM {{{table.name}}} ORDER BY {order}")  # noqa: S608
                lines += [json.dumps([table.name, row], ensure_ascii=False) for row in rows]
    return "\n".join(lines).encode()


def heads(log: FakeLog) -> dict[int, int]:
    return {partition: log.head(partition) for partition in log.partitions}
