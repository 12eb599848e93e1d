"""`make chaos SECONDS=N`: faults for as long as asked; figures on the screen and in `build/chaos.json`.

First `dossier apply` on the embedded log and rebuilds into both stores, each killed a hundred times; then, until the
time is over, the whole system on Kafka in rounds, in turn on one broker and on three, each with a seed of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from random import SystemRandom
from tempfile import TemporaryDirectory
from typing import Any

import psycopg

from infra.servers.kafka import BOOTSTRAP_SERVERS, kafka
from infra.servers.postgres import PostgresServer, postgres
from tests.faults import kafka_chaos, killed_apply, killed_rebuild

_KILLS_A_ROUND = 25
_EMBEDDED_ROUNDS = 4
_ROUND = 240.0
_SHORTEST_ROUND = 60.0


def main() -> int:
    """Run all rounds; 1 when anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=SystemRandom().getrandbits(24))
    asked = parser.parse_args()
    # Brokers are killed: only ones of our own.
    os.environ.pop(BOOTSTRAP_SERVERS, None)
    print(f"seed {asked.seed}", flush=True)
    Path("build").mkdir(exist_ok=True)
    begun = time.monotonic()
    embedded = [_embedded(asked.seed + number) for number in range(_EMBEDDED_ROUNDS)]
    rebuilds = _rebuilds(asked.seed)
    on_kafka: list[dict[str, Any]] = []
    while len(on_kafka) < 2 or time.monotonic() - begun < asked.seconds:
        left = asked.seconds - (time.monotonic() - begun)
        seconds = min(_ROUND, max(_SHORTEST_ROUND, left / max(1, 2 - len(on_kafka))))
        on_kafka.append(_on_kafka(asked.seed + len(on_kafka), 3 if len(on_kafka) % 2 else 1, seconds))
    wrong = [each for report in (*embedded, *rebuilds, *on_kafka) for each in report["wrong"]]
    figures = {"seed": asked.seed, "wrong": wrong, "embedded": embedded, "rebuilds": rebuilds, "kafka": on_kafka}
    Path("build/chaos.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(f"{len(wrong)} wrong", flush=True)
    for each in wrong[:20]:
        print(each)
    return 1 if wrong else 0


def _rebuilds(seed: int) -> list[dict[str, Any]]:
    with TemporaryDirectory(dir="build", prefix="chaos-postgres-") as data, postgres(Path(data) / "data") as server:
        return [_killed_rebuild(seed + number, server if number % 2 else None) for number in range(_EMBEDDED_ROUNDS)]


def _killed_rebuild(seed: int, server: PostgresServer | None) -> dict[str, Any]:
    with TemporaryDirectory(dir="build", prefix="chaos-") as folder:
        views = _schema(server, f"chaos_{seed}") if server else None
        report = killed_rebuild.run(Path(folder).resolve(), kills=_KILLS_A_ROUND, seed=seed, views=views)
    print(
        f"rebuild into {report.store}, seed {report.seed}: {report.kills} kills ({report.left_unfinished} left a build "
        f"unfinished), {report.rebuilds} got through ({report.continued} read models continued), "
        f"{report.events} events, {len(report.wrong)} wrong",
        flush=True,
    )
    return asdict(report)


def _schema(server: PostgresServer, name: str) -> str:
    """The connection string of an empty schema."""
    with psycopg.connect(server.uri, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    return f"{server.uri}&options=-csearch_path%3D{name}"


def _embedded(seed: int) -> dict[str, Any]:
    with TemporaryDirectory(dir="build", prefix="chaos-") as folder:
        report = killed_apply.run(Path(folder).resolve(), kills=_KILLS_A_ROUND, seed=seed)
    print(
        f"embedded, seed {report.seed}: {report.kills} kills, {report.commands} commands ({report.accepted} accepted, "
        f"{report.refused} refused), {report.answered_before_a_kill} answers seen before a kill, "
        f"{len(report.wrong)} wrong",
        flush=True,
    )
    return asdict(report)


def _on_kafka(seed: int, nodes: int, seconds: float) -> dict[str, Any]:
    with TemporaryDirectory(dir="build", prefix="chaos-kafka-") as name:
        folder = Path(name).resolve()
        with kafka(nodes=nodes, data_dir=folder / "kafka") as cluster:
            report = kafka_chaos.run(cluster, folder, seed=seed, seconds=seconds)
    faults = ", ".join(f"{kind} {count}" for kind, count in sorted(report.faults.items()))
    resolved = ", ".join(f"{how}: {count}" for how, count in sorted(report.resolved.items()))
    print(
        f"kafka, {nodes} broker{'s' * (nodes > 1)}, seed {seed}, {report.seconds:.0f} s: {faults}\n"
        f"  {report.commands} commands given, {report.acknowledged} acknowledged ({report.refused} of them refused), "
        f"{report.unknown} unknown to their client for a while ({resolved}), {report.late_records} records ignored, "
        f"{len(report.wrong)} wrong",
        flush=True,
    )
    return report.as_json()


if __name__ == "__main__":
    sys.exit(main())
