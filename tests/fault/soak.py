"""`python -m tests.fault.soak --seconds N`: worker, projector and publisher under steady load, without faults.

Whether their memory grows is told in quarters of the time, with how many commands were answered in each of them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from domain.catalogue import Level, UnitKind
from domain.units import Units
from infra.dev.kafka import BOOTSTRAP_SERVERS, kafka
from infra.dev.processes import Processes
from tests.fault.memory import MemoryWatch
from tests.support.command_builders import Drafts, council
from tests.support.histories import commands_up_to

_YEARS = range(2022, 2026)
_PARTITIONS = 4


def endless_lines() -> Iterator[str]:
    """Ways of communes as far as the sending to the province, each withdrawn and begun anew, without an end."""
    communes = Units.load().of_kind(UnitKind.COMMUNE)
    numbers = count(1)

    def line(draft: dict[str, object]) -> str:
        command_id = UUID(int=next(numbers) * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128, version=4)
        return json.dumps({"command_id": str(command_id), **draft}, ensure_ascii=False)

    yield line(council("2022-01-05"))
    for attempt in count():
        for year in _YEARS:
            for unit in communes:
                drafts = Drafts(unit, Level.BASIC, year)
                # The first way of each goes to its end, so that there are decisions too.
                if not attempt:
                    yield from map(line, commands_up_to(drafts, "announced"))
                    continue
                drafts = Drafts(unit, Level.ADVANCED, year)
                yield from map(line, commands_up_to(drafts, "submitted_to_district"))
                yield line(drafts.withdraw(f"{year}-07-01"))


def main() -> int:
    """Run, and print what was found as JSON; 1 where a command was not answered."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--rate", type=float, default=200.0, help="commands a second")
    asked = parser.parse_args()
    os.environ.pop(BOOTSTRAP_SERVERS, None)
    Path("build").mkdir(exist_ok=True)
    with TemporaryDirectory(dir="build", prefix="soak-") as name:
        folder = Path(name).resolve()
        with kafka(nodes=1, data_dir=folder / "kafka") as cluster:
            found = _run(cluster.bootstrap, folder, asked.seconds, asked.rate)
    print(json.dumps(found, indent=1))
    return 0 if found["given"] == found["answered"] else 1


def _run(bootstrap: str, folder: Path, seconds: float, rate: float) -> dict[str, object]:
    url = f"kafka://{bootstrap}?prefix=soak&partitions={_PARTITIONS}&index={folder / 'index'}&keys={folder / 'keys'}"
    started = Processes(url, folder, {"DOSSIER_VIEWS": f"sqlite:///{folder / 'views.sqlite'}"})
    dossier = Path(sys.executable).with_name("dossier")
    subprocess.run([dossier, "--log", url, "keys", "init"], check=True, stdout=subprocess.DEVNULL)
    names = {"worker": ("worker",), "projector": ("projector",), "publisher": ("publisher",)}
    pids = {name: started.start(name, *arguments).pid for name, arguments in names.items()}
    watch = MemoryWatch(lambda: pids)
    answers = folder / "answers"
    try:
        with answers.open("wb") as out, (folder / "apply.log").open("wb") as errors:
            client = subprocess.Popen(
                [dossier, "--log", url, "apply", "-"], stdin=subprocess.PIPE, stdout=out, stderr=errors
            )
            assert client.stdin is not None
            watch.start()
            begun = time.monotonic()
            given = 0
            for each in endless_lines():
                due = begun + given / rate
                if due > begun + seconds:
                    break
                time.sleep(max(0.0, due - time.monotonic()))
                client.stdin.write(each.encode() + b"\n")
                client.stdin.flush()
                given += 1
            client.stdin.close()
            client.wait()
        usage = watch.stop()
    finally:
        started.stop()
    lines = answers.read_bytes().splitlines()
    accepted = sum(bool(json.loads(each)["ok"]) for each in lines)
    return {
        "seconds": round(time.monotonic() - begun),
        "given": given,
        "answered": len(lines),
        "accepted": accepted,
        "memory": {
            name: {
                "quarters": [round(each, 1) for each in use.quarters],
                "highest": round(use.highest, 1),
                "growth": round(use.growth, 3),
            }
            for name, use in usage.items()
        },
    }


if __name__ == "__main__":
    sys.exit(main())
