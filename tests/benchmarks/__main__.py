"""`make bench`: every benchmark, one after another, into `build/bench.json`. Names on the command line choose some."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks import backup, decisions, embedded_log, kafka_log, queue, rebuild
from tests.benchmarks.results import Results

BENCHMARKS: dict[str, Callable[[Results, Path], None]] = {
    "embedded_log": embedded_log.run,
    "kafka_log": kafka_log.run,
    "rebuild": rebuild.run,
    "decisions": decisions.run,
    "queue": queue.run,
    "backup": backup.run,
}


def main(names: list[str]) -> None:
    """Run the benchmarks of these names, or all."""
    results = Results()
    for name in names or BENCHMARKS:
        # Beside the project, not in a memory file system: what is measured is durable.
        Path("build").mkdir(exist_ok=True)
        with TemporaryDirectory(dir="build", prefix=f"bench-{name}-") as folder:
            BENCHMARKS[name](results, Path(folder).resolve())
    results.write(Path("build/bench.json"))


if __name__ == "__main__":
    main(sys.argv[1:])
