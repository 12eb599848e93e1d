"""Publishers killed, stopped and woken at random points, while others join and leave: each decision once, in order."""

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
from typing import Any
from uuid import uuid4

from consumers.cloudevents import DecisionSerializer
from consumers.publisher import Publisher
from infra.delivery.kafka.encoding import FingerprintEncoding
from infra.delivery.kafka.stream import OnePublisher, publish_once
from infra.dev.kafka import KafkaCluster, kafka
from infra.kafka.settings import KafkaSettings
from projections.public_decisions.in_memory import InMemoryFold
from schemas.avro.codec import decode_event
from tests.fault.publishing import PARTITIONS, made_log
from tests.support import subscriber
from tests.support.event_builders import FakeLog
from tests.support.units import UNITS
from tests.support.waiting import wait_until

_PUBLISHERS = 2
_PACE = (1.0, 6.0)
"""Seconds between faults: some of them hit while the group is still finding together."""
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
    _publisher(settings, log)
    told = [url, str(units), str(time.time()), str(kills * sum(_PACE) / 2)]
    publishers = [_start(told, folder / f"{number}.log") for number in range(_PUBLISHERS)]
    stopped: list[tuple[float, subprocess.Popen[bytes]]] = []
    try:
        while sum(report.faults.values()) < kills:
            time.sleep(rng.uniform(*_PACE))
            if sum(report.faults.values()) == kills - 1:
                # However slow the machine is: the last fault comes when something has been published.
                wait_until(lambda: subscriber.read_all(settings.bootstrap, f"{settings.app}.decisions", PARTITIONS))
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
                    publishers[place].kill()
                    publishers[place].wait()
                    report.faults["kill -9"] += 1
                case "stop":
                    publishers[place].send_signal(signal.SIGSTOP)
                    stopped.append((time.monotonic() + _STOPPED * rng.random(), publishers[place]))
                    report.faults["SIGSTOP"] += 1
                case _:
                    publishers[place].terminate()
                    publishers[place].wait()
                    report.faults["left the group"] += 1
            publishers[place] = _start(told, folder / f"{uuid4().hex}.log")
            for due, process in list(stopped):
                if time.monotonic() > due:
                    # It wakes up and goes on with what it was about to do.
                    process.send_signal(signal.SIGCONT)
                    stopped.remove((due, process))
                    publishers.append(process)
            report.wrong += _ended_by_itself(publishers[_PUBLISHERS:] + publishers[:_PUBLISHERS])
    finally:
        for process in [*publishers, *(process for _, process in stopped)]:
            process.kill()
            process.wait()
    _finish_and_check(report, settings, log)
    return report


def _start(told: list[str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as errors:
        command = [sys.executable, "-m", "tests.fault.publishing", *told]
        return subprocess.Popen(command, stderr=errors, stdout=subprocess.DEVNULL)


def _publisher(settings: KafkaSettings, log: FakeLog) -> Publisher:
    """A publisher of its own to all partitions; its topics are made."""
    serializer = DecisionSerializer(log.log_id, UNITS)
    stream = OnePublisher(settings, serializer, log.partitions, FingerprintEncoding())
    stream.prepare()
    return Publisher(log, decode_event, stream, serializer)


def _ended_by_itself(publishers: list[subprocess.Popen[bytes]]) -> list[str]:
    return [f"a publisher ended with {process.returncode}" for process in publishers if (process.poll() or 0) > 0]


def _finish_and_check(report: Report, settings: KafkaSettings, log: FakeLog) -> None:
    bootstrap, app, serializer = settings.bootstrap, settings.app, DecisionSerializer(log.log_id, UNITS)
    expected = [serializer.record(decision) for decision in _folded(log)]
    left = publish_once(_publisher(settings, log), settings)
    report.before_the_last_run = len(expected) - left
    if again := publish_once(_publisher(settings, log), settings):
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


def _folded(log: FakeLog) -> list[dict[str, Any]]:
    found = []
    for partition in log.partitions:
        fold = InMemoryFold(partition, log.log_id, decode_event)
        for stored in log.events[partition]:
            found += fold.apply(stored)
    return found


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
