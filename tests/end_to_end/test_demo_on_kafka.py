"""The demonstration through the queue of a real Kafka: the same figures, and the same events per dossier."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

from infra.bootstrap import Application
from infra.demo.province import DEFAULT_SEED, simulation
from infra.demo.run import Outcomes, feed
from infra.demo.summary import summarise
from infra.dev.kafka import KafkaCluster
from infra.dev.processes import processes
from infra.settings import load
from projections.read_models import PROJECTIONS

_PARTITIONS = 4
# What says where or when something was recorded, and so differs.
_RECORDED = {"timestamp", "read_at", "recorded_at", "moment", "partition", "position", "own_position"}


def _without(value: Any) -> Any:
    """A value without positions and recorded moments."""
    if isinstance(value, dict):
        return {key: _without(item) for key, item in value.items() if key not in _RECORDED}
    if isinstance(value, list | tuple):
        return [_without(item) for item in value]
    return value


def _facts(application: Application) -> dict[str, list[Any]]:
    """Dossier → its events in order."""
    facts: dict[str, list[Any]] = defaultdict(list)
    for partition in application.log.partitions:
        for stored in application.log.read(partition, 0, 10**9):
            event = application.mapper.to_domain_event(stored)
            facts[str(event.originator_id)].append((type(event).__name__, _without(vars(event))))
    return facts


def _rows(application: Application) -> Iterator[str]:
    with application.read_models() as views:
        for projection in PROJECTIONS:
            for table in projection.tables:
                for row in views.select(f"SELECT * FROM {{{table.name}}} ORDER BY {', '.join(table.key)}"):  # noqa: S608
                    yield f"{table.name} {json.dumps(row, sort_keys=True, default=str)}"


def test_it_gives_the_figures_and_events_of_the_embedded_one(broker: KafkaCluster, tmp_path: Path) -> None:
    simulated = simulation(DEFAULT_SEED)
    url = f"kafka://{broker.bootstrap}?prefix=d{uuid4().hex[:12]}&partitions={_PARTITIONS}&index={tmp_path}"
    with processes(url, tmp_path, workers=2), Application(load({}, log=url), create=True) as queued:
        outcomes = feed(queued, simulated.steps)
        events, figures = _facts(queued), summarise(queued, simulated.showcase)
        rows = list(_rows(queued))
        queued.rebuild([projection.name for projection in PROJECTIONS]).run()
        assert list(_rows(queued)) == rows
    embedded_outcomes, embedded_events, embedded_figures = _embedded(tmp_path, simulated)
    assert outcomes == embedded_outcomes
    assert events.keys() == embedded_events.keys()
    assert events == embedded_events
    assert _without(figures) == _without(embedded_figures)


def _embedded(folder: Path, simulated: Any) -> tuple[Outcomes, Any, Any]:
    with Application(load({}, log=f"sqlite:///{folder / 'demo.sqlite'}"), create=True) as embedded:
        outcomes = feed(embedded, simulated.steps)
        return outcomes, _facts(embedded), summarise(embedded, simulated.showcase)
