"""`make chaos SECONDS=N`: faults for as long as asked; figures on the screen and in `build/chaos.json`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from random import SystemRandom
from tempfile import TemporaryDirectory
from typing import Any

import psycopg

from infra.servers.postgres import PostgresServer, postgres
from tests.faults import killed_apply, killed_rebuild

_KILLS_A_ROUND = 25
_ROUNDS = 4
"""At least: a hundred kills of each campaign."""


def main() -> int:
    """Run rounds of each campaign until the time is over, at least four; 1 when anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=SystemRandom().getrandbits(32))
    asked = parser.parse_args()
    print(f"seed {asked.seed}", flush=True)
    begun = time.monotonic()
    rounds: dict[str, list[dict[str, Any]]] = {"killed_apply": [], "killed_rebuild": []}
    Path("build").mkdir(exist_ok=True)
    with TemporaryDirectory(dir="build", prefix="chaos-postgres-") as data, postgres(Path(data) / "data") as server:
        number = 0
        while number < _ROUNDS or time.monotonic() - begun < asked.seconds:
            rounds["killed_apply"].append(_killed_apply(asked.seed + number))
            rounds["killed_rebuild"].append(_killed_rebuild(asked.seed + number, server if number % 2 else None))
            number += 1
    wrong = [found for made in rounds.values() for each in made for found in each["wrong"]]
    kills = {campaign: sum(each["kills"] for each in made) for campaign, made in rounds.items()}
    Path("build/chaos.json").write_text(
        json.dumps({"seed": asked.seed, "kills": kills, "wrong": wrong, "rounds": rounds}, indent=1) + "\n",
        encoding="utf-8",
    )
    print(f"{kills} kills in all, {len(wrong)} wrong", flush=True)
    return 1 if wrong else 0


def _killed_apply(seed: int) -> dict[str, Any]:
    with TemporaryDirectory(dir="build", prefix="chaos-") as folder:
        report = killed_apply.run(Path(folder).resolve(), kills=_KILLS_A_ROUND, seed=seed)
    print(
        f"apply, seed {report.seed}: {report.kills} kills, {report.commands} commands ({report.accepted} accepted, "
        f"{report.refused} refused), {report.answered_before_a_kill} answers seen before a kill, "
        f"{len(report.wrong)} wrong",
        flush=True,
    )
    return asdict(report)


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


if __name__ == "__main__":
    sys.exit(main())
