"""`dossier projector`: the read models follow the log, in the partitions that this process was given."""

from __future__ import annotations

from collections.abc import Callable, Collection

from projections.engine.engine import Engine
from projections.engine.ports import LogReader


def project(
    engine: Engine,
    log: LogReader,
    assigned: Callable[[], Collection[int]],
    wait: Callable[[], bool],
) -> None:
    """Apply events as they come, until `wait` says that it is over.

    1. Ask how far each partition that is ours goes.
    2. Apply up to there: rows and positions in one transaction, so each event once, whoever else is at work.
    3. Wait a moment, or for the end.

    Raises InfrastructureError: a projection stopped, or the log or the store cannot be used.
    """
    while True:
        targets = {partition: log.head(partition) for partition in sorted(assigned())}  # 1
        if targets:
            engine.catch_up(targets)  # 2
        if wait():  # 3
            return
