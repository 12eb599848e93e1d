"""Publishers killed, stopped and woken at random points, while others join and leave: each decision once, in order.

They stand on several hosts: a partition goes from one to another and back, to whom an old fold is then left. Some of
these are lost, damaged, or put back as they were before.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import SystemRandom
from shutil import copy
from uuid import uuid4

from consumers.cloudevents import DecisionSerializer
from infra.delivery.kafka.stream import publish_once
from infra.dev.kafka import KafkaCluster, kafka
from infra.kafka.settings import KafkaSettings
from tests.fault.publishing import PARTITIONS, made_log
from tests.support import subscriber
from tests.support.event_builders import FakeLog
from tests.support.fold_stores import folded
from tests.support.publishers import publishers, stream_of
from tests.support.units import UNITS
from tests.support.waiting import wait_until

_PUBLISHERS = 2
_HOSTS = 3
_PACE = (1.0, 6.0)
"""Seconds between faults: some of them hit while the group is still finding together."""
_SPOILT = 0.5
"""How often the folds on a host are spoilt before a publisher starts there."""
_SETTLED = 3
"""Before each fault of so many, publishers get the time that it takes them to find together and to publish."""
_SAFE = 3
_STOPPED = 12.0
"""Seconds: longer than the group waits for a member, so that its partitions go to another meanwhile."""


@dataclass(slots=True)
class Report:
    """What a run did and found; `wrong` is empty when all is well."""

    seed: int
    faults: Counter[str] = field(default_factory=Counter)
    decisions: int = 0
    before_the_last_run: int = 0
    aborted: int = 0
    wrong: list[str] = field(default_factory=list)


def run(cluster: KafkaCluster, folder: Path, *, kills: int, seed: int, units: int = 60) -> Report:
    """Break publishers `kills` times, let one finish, run it again, and read the stream with another client.

    Of three brokers, one at a time is killed as well.
    """
    rng = random.Random(seed)
    report = Report(seed)
    brokers = len(cluster.nodes)
    settings = KafkaSettings(cluster.bootstrap, f"f{uuid4().hex[:12]}", replication=max(1, brokers))
    url = f"kafka://{settings.bootstrap}?prefix={settings.app}&replication={settings.replication}"
    log = made_log(units)
    # The topics are there before anybody looks into them.
    stream_of(settings, log)
    hosts = [folder / f"host-{number}" for number in range(_HOSTS)]
    told = [url, str(units), str(time.time()), str(kills * sum(_PACE) / 2)]
    running = [_start(told, hosts[number], folder / f"{number}.log") for number in range(_PUBLISHERS)]
    stopped: list[tuple[float, subprocess.Popen[bytes]]] = []
    published, whole = 0, sum(1 for partition in log.partitions for _ in folded(log, partition))
    try:
        while _kills(report) < kills:
            time.sleep(rng.uniform(*_PACE))
            if _kills(report) % _SETTLED == _SETTLED - 1 or _kills(report) == kills - 1:
                # However slow the machine is: some faults come when something more has been published.
                published = _wait_for_more(settings, published, whole)
            place = rng.randrange(_PUBLISHERS)
            match rng.choices(["kill", "stop", "leave", "broker"], [6, 2, 2, 3 if brokers >= _SAFE else 0])[0]:
                case "broker":
                    number = rng.randint(1, brokers)
                    cluster.node(number).kill()
                    report.faults["broker kill -9"] += 1
                    time.sleep(rng.uniform(0, 4))
                    cluster.start(number)
                    continue
                case "kill":
                    running[place].kill()
                    running[place].wait()
                    report.faults["kill -9"] += 1
                case "stop":
                    running[place].send_signal(signal.SIGSTOP)
                    stopped.append((time.monotonic() + _STOPPED * rng.random(), running[place]))
                    report.faults["SIGSTOP"] += 1
                case _:
                    running[place].terminate()
                    running[place].wait()
                    report.faults["left the group"] += 1
            running[place] = _start(told, _host(hosts, rng, report), folder / f"{uuid4().hex}.log")
            for due, process in list(stopped):
                if time.monotonic() > due:
                    # It wakes up and goes on with what it was about to do.
                    process.send_signal(signal.SIGCONT)
                    stopped.remove((due, process))
                    running.append(process)
            report.wrong += _ended_by_itself(running)
    finally:
        for process in [*running, *(process for _, process in stopped)]:
            process.kill()
            process.wait()
    _finish_and_check(report, settings, log)
    return report


def _wait_for_more(settings: KafkaSettings, published: int, whole: int) -> int:
    """Wait until more was published than before, or everything; returns how much that is."""
    found = published

    def is_more() -> bool:
        nonlocal found
        found = len(subscriber.read_all(settings.bootstrap, f"{settings.app}.decisions", PARTITIONS))
        return found > published or found == whole

    wait_until(is_more)
    return found


def _kills(report: Report) -> int:
    return sum(count for fault, count in report.faults.items() if not fault.startswith("folds"))


def _start(told: list[str], host: Path, log: Path) -> subprocess.Popen[bytes]:
    host.mkdir(exist_ok=True)
    with log.open("wb") as errors:
        command = [sys.executable, "-m", "tests.fault.publishing", *told, str(host)]
        return subprocess.Popen(command, stderr=errors, stdout=subprocess.DEVNULL)


def _host(hosts: list[Path], rng: random.Random, report: Report) -> Path:
    """Where the next publisher stands; now and then the folds that are kept there are spoilt."""
    host = rng.choice(hosts)
    if rng.random() < _SPOILT:
        report.faults[_spoil(host, rng)] += 1
    return host


def _spoil(host: Path, rng: random.Random) -> str:
    """Do something to the folds that are kept on a host; a publisher that has one open keeps the file that it had."""
    kept = sorted(host.glob("*-state/publisher-*.sqlite"))
    before = host / "before"
    match rng.choice(["lost", "damaged", "of before"]):
        case "lost":
            for path in kept:
                path.unlink()
            return "folds lost"
        case "damaged":
            for path in kept:
                contents = bytearray(path.read_bytes())
                for _ in range(8):
                    contents[rng.randrange(len(contents))] ^= 1 << rng.randrange(8)
                spoilt = path.with_name("spoilt")
                spoilt.write_bytes(contents)
                spoilt.replace(path)
            return "folds damaged"
        case _:
            if before.is_dir():
                for path in before.iterdir():
                    path.replace(host / "log-state" / path.name)
                before.rmdir()
                return "folds put back as they were before"
            before.mkdir(parents=True)
            for path in kept:
                copy(path, before)
            return "folds copied"


def _ended_by_itself(publishers: list[subprocess.Popen[bytes]]) -> list[str]:
    return [f"a publisher ended with {process.returncode}" for process in publishers if (process.poll() or 0) > 0]


def _finish_and_check(report: Report, settings: KafkaSettings, log: FakeLog) -> None:
    bootstrap, app, serializer = settings.bootstrap, settings.app, DecisionSerializer(log.log_id, UNITS)
    expected = [serializer.record(each) for partition in log.partitions for each in folded(log, partition)]
    stream = stream_of(settings, log)
    left = publish_once(publishers(log, stream), stream)
    report.before_the_last_run = len(expected) - left
    if again := publish_once(publishers(log, stream), stream):
        report.wrong.append(f"a run from zero published {again} again")
    known = subscriber.schemas(bootstrap, app)
    topic = f"{app}.decisions"
    seen = subscriber.read_all(bootstrap, topic, PARTITIONS)
    records = [subscriber.decode(each.value, known) for each in seen]
    report.decisions = len(records)
    report.aborted = len(subscriber.read_all(bootstrap, topic, PARTITIONS, committed=False)) - len(records)
    report.wrong += subscriber.faults(records)
    for partition in range(PARTITIONS):
        ours = [record for record in records if record["log"]["partition"] == partition]
        if ours != [record for record in expected if record["log"]["partition"] == partition]:
            report.wrong.append(f"partition {partition} is not what the log leads to")


def main() -> int:
    """`python -m tests.fault.killed_publisher --kills N`: 1 when anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--brokers", type=int, default=1, choices=[1, 3])
    parser.add_argument("--seed", type=int, default=SystemRandom().getrandbits(32))
    asked = parser.parse_args()
    folder = Path("build") / f"publisher-{uuid4().hex[:8]}"
    folder.mkdir(parents=True)
    with kafka(nodes=asked.brokers, data_dir=folder / "kafka") as cluster:
        report = run(cluster, folder, kills=asked.kills, seed=asked.seed, units=170)
    print(asdict(report) | {"faults": dict(report.faults)})
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
