"""`make chaos SECONDS=N`: faults for as long as asked; figures on the screen and in `build/chaos.json`.

First `dossier apply` on the embedded log and rebuilds into both stores, each killed a hundred times; then publishers
and falsified logs, on one broker and on three; then, until the time is over, the whole system on Kafka in rounds, in
turn on one broker and on three. Each has a seed of its own, and comes once at least. `--whole 3`: the whole system
alone, all the time in one round.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from itertools import count
from pathlib import Path
from random import SystemRandom
from tempfile import TemporaryDirectory
from typing import Any

import psycopg

from infra.dev.kafka import BOOTSTRAP_SERVERS, KafkaCluster, kafka
from infra.dev.postgres import PostgresServer, postgres
from infra.logging import log_warnings
from tests.fault import falsified_log, kafka_chaos, killed_apply, killed_publisher, killed_rebuild
from tests.fault.expectations import PROMISES

_KILLS_A_ROUND = 25
_EMBEDDED_ROUNDS = 4
_ROUND = 240.0
_SHORTEST_ROUND = 60.0
_SHARE = 0.125
"""Of all the time, that each of the first two rounds on Kafka gets."""
_LONG = 2400.0
"""Seconds from which on every way to falsify a log is tried on one broker and on three; else each on one of them."""
_PUBLISHER_KILLS = range(8, 25)
_SECONDS_A_PUBLISHER_KILL = 60


def main() -> int:
    """Run all rounds; 1 when anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=SystemRandom().getrandbits(24))
    parser.add_argument(
        "--whole", type=int, choices=[1, 3], help="only the whole system, in one round on 1 or 3 brokers"
    )
    asked = parser.parse_args()
    # Brokers are killed: only ones of our own.
    os.environ.pop(BOOTSTRAP_SERVERS, None)
    log_warnings()
    print(f"seed {asked.seed}", flush=True)
    Path("build").mkdir(exist_ok=True)
    begun = time.monotonic()
    found: dict[str, list[dict[str, Any]]] = {}
    rounds = _rounds(asked.seed, asked.seconds, begun)
    if asked.whole:
        rounds = iter([("kafka", partial(_on_kafka, asked.seed, asked.whole, asked.seconds))])
    for name, go in rounds:
        try:
            reports = go()
        except Exception as error:  # noqa: BLE001  # whatever broke one round off is told, and the others go on
            traceback.print_exc()
            reports = [{"wrong": [f"a round of {name} broke off: {error!r}"]}]
        found.setdefault(name, []).extend(reports)
    wrong = [each for reports in found.values() for report in reports for each in report["wrong"]]
    figures = {"seed": asked.seed, "seconds": round(time.monotonic() - begun), "wrong": wrong, **found}
    Path("build/chaos.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(f"{len(wrong)} wrong", flush=True)
    for each in wrong[:20]:
        print(each)
    return 1 if wrong else 0


def _rounds(seed: int, seconds: float, begun: float) -> Iterator[tuple[str, Callable[[], list[dict[str, Any]]]]]:
    """All rounds of all campaigns, each with its seed."""
    for number in range(_EMBEDDED_ROUNDS):
        yield "embedded", partial(_embedded, seed + number)
    yield "rebuilds", partial(_rebuilds, seed)
    for nodes in (1, 3):
        yield "publishers", partial(_publishers, seed + nodes, nodes, seconds)
    for nodes in (1, 3):
        yield "falsified", partial(_falsified, seed + nodes, nodes, seconds)
    shortest = max(_SHORTEST_ROUND, _SHARE * seconds)
    for number in count():
        left = seconds - (time.monotonic() - begun)
        if number > 1 and left <= 0:
            return
        lasts = min(_ROUND, max(shortest, left / max(1, 2 - number)))
        yield "kafka", partial(_on_kafka, seed + number, 3 if number % 2 else 1, lasts)


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


def _embedded(seed: int) -> list[dict[str, Any]]:
    with TemporaryDirectory(dir="build", prefix="chaos-") as folder:
        report = killed_apply.run(Path(folder).resolve(), kills=_KILLS_A_ROUND, seed=seed)
    print(
        f"embedded, seed {report.seed}: {report.kills} kills, {report.commands} commands ({report.accepted} accepted, "
        f"{report.refused} refused), {report.answered_before_a_kill} answers seen before a kill, "
        f"{len(report.wrong)} wrong",
        flush=True,
    )
    return [asdict(report)]


def _publishers(seed: int, nodes: int, seconds: float) -> list[dict[str, Any]]:
    kills = min(_PUBLISHER_KILLS[-1], max(_PUBLISHER_KILLS[0], int(seconds / _SECONDS_A_PUBLISHER_KILL)))
    with _cluster(nodes) as (cluster, folder):
        report = killed_publisher.run(cluster, folder, kills=kills, seed=seed)
    print(
        f"publishers, {_brokers(nodes)}, seed {seed}: {_counted(report.faults)}; {report.decisions} decisions "
        f"published, {report.before_the_last_run} of them amid faults, {report.aborted} aborted, "
        f"{len(report.wrong)} wrong",
        flush=True,
    )
    return [asdict(replace(report, faults=Counter())) | {"nodes": nodes, "faults": dict(report.faults)}]


def _falsified(seed: int, nodes: int, seconds: float) -> list[dict[str, Any]]:
    faults = list(PROMISES)
    if seconds < _LONG:
        faults = faults[::2] if nodes == 1 else faults[1::2]
    reports = []
    with _cluster(nodes) as (cluster, folder):
        for number, fault in enumerate(faults):
            report = falsified_log.run(cluster, folder / str(number), fault=fault, seed=seed + number)
            reports.append(asdict(report))
            halted = "; ".join(f"{who}: {how}" for who, how in report.halted.items())
            print(
                f"falsified, {_brokers(nodes)}, seed {report.seed}, {report.seconds:.0f} s: {fault} ({report.place})\n"
                f"  {report.acknowledged} acknowledged; {halted}; "
                f"found by the checks {', '.join(report.found) or 'none'}; {len(report.wrong)} wrong",
                flush=True,
            )
    return reports


def _on_kafka(seed: int, nodes: int, seconds: float) -> list[dict[str, Any]]:
    with _cluster(nodes) as (cluster, folder):
        report = kafka_chaos.run(cluster, folder, seed=seed, seconds=seconds)
    pauses, together = report.pauses, report.second_workers
    print(
        f"kafka, {_brokers(nodes)}, seed {seed}, {report.seconds:.0f} s: {_counted(report.faults)}\n"
        f"  {pauses['count']} pauses of {pauses['shortest']} to {pauses['longest']} s, {pauses['beyond_session']} of "
        f"them longer than the group waits; {together['spells']} second workers appended {together['records']} "
        f"records, in {together['both_appended']} spells both did\n"
        f"  {report.commands} commands given, {report.acknowledged} acknowledged ({report.refused} of them refused), "
        f"{report.unknown} unknown to their client for a while ({_counted(report.resolved)})\n"
        f"  writers: {_counted(report.appends) or 'every record acknowledged'}; {report.late_records} records ignored; "
        f"{report.gone} acknowledged commands gone with the log's end, and back\n"
        f"  longest silence but for brokers and hostile writers: {report.silence} s; memory (MiB in quarters, last to "
        f"second): {report.memory}; {len(report.wrong)} wrong",
        flush=True,
    )
    return [report.as_json()]


@contextmanager
def _cluster(nodes: int) -> Iterator[tuple[KafkaCluster, Path]]:
    """Brokers of its own, and a folder."""
    with TemporaryDirectory(dir="build", prefix="chaos-kafka-") as name:
        folder = Path(name).resolve()
        with kafka(nodes=nodes, data_dir=folder / "kafka") as cluster:
            yield cluster, folder


def _brokers(nodes: int) -> str:
    return "one broker" if nodes == 1 else f"{nodes} brokers"


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{kind}: {count}" for kind, count in sorted(counts.items()))


if __name__ == "__main__":
    sys.exit(main())
