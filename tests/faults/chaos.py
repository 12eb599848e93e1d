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

from tests.faults import killed_apply

_KILLS_A_ROUND = 25


def main() -> int:
    """Run rounds until the time is over, at least four; 1 when anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=SystemRandom().getrandbits(32))
    asked = parser.parse_args()
    print(f"seed {asked.seed}", flush=True)
    begun = time.monotonic()
    rounds: list[dict[str, object]] = []
    wrong: list[str] = []
    while len(rounds) < 4 or time.monotonic() - begun < asked.seconds:
        Path("build").mkdir(exist_ok=True)
        with TemporaryDirectory(dir="build", prefix="chaos-") as folder:
            report = killed_apply.run(Path(folder).resolve(), kills=_KILLS_A_ROUND, seed=asked.seed + len(rounds))
        rounds.append(asdict(report))
        wrong += report.wrong
        print(
            f"seed {report.seed}: {report.kills} kills, {report.commands} commands ({report.accepted} accepted, "
            f"{report.refused} refused), {report.answered_before_a_kill} answers seen before a kill, "
            f"{len(report.wrong)} wrong",
            flush=True,
        )
    kills = sum(_KILLS_A_ROUND for _ in rounds)
    Path("build/chaos.json").write_text(
        json.dumps({"seed": asked.seed, "kills": kills, "wrong": wrong, "rounds": rounds}, indent=1) + "\n",
        encoding="utf-8",
    )
    print(f"{kills} kills in all, {len(wrong)} wrong", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
