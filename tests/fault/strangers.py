"""A stranger who may produce to every topic sends what can be sent; after each burst an official's command is answered.

    python -m tests.fault.strangers [--kafka HOST:PORT] [--megabytes 500]

A worker runs as a process of its own. For each burst and topic the table says how many batches the brokers took, how
long the next command waited for its answer, the most memory that the worker has had so far, and how many entries more
the doctor counts as none of ours. Exit code: 0 when each was answered and counted, and the worker stayed under 300 MB,
else 1.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from confluent_kafka import Producer
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from infra.bootstrap import Application
from infra.dev.kafka import KafkaCluster, kafka
from infra.dev.processes import Processes, processes
from infra.kafka.topics import Topic
from infra.log.format import Format
from infra.queue.diagnose import diagnose
from infra.queue.passed_over import count_passed_over
from infra.settings import load
from tests.support.stranger import (
    CODECS,
    batch,
    batch_of,
    gzip_bomb,
    malformed_batches,
    produce,
    produce_packed,
    random_values,
    record,
)
from tests.support.workload import lines

MOST_MEGABYTES = 300
_SEED = 20260

Burst = Callable[["Installation", Topic], Sequence[int | str]]
"""Sends something to a topic; what became of each batch: its offset, or the name of the broker's refusal."""


@dataclass(frozen=True)
class Result:
    """After a burst: how many batches were taken and refused, seconds until an answer, bytes that the worker had.

    `seen` is how many entries more the doctor counts in that topic as none of ours.
    """

    burst: str
    topic: str
    taken: int
    refused: int
    seconds: float
    memory: int
    seen: int

    @property
    def is_seen(self) -> bool:
        """Whether the doctor saw it, where the brokers took any of it."""
        return self.seen > 0 or not self.taken


class Installation:
    """A log on Kafka with one worker, an official who gives commands, and the memory of the worker."""

    def __init__(self, made: Application, running: Processes) -> None:
        self.made = made
        self.running = running
        self.bootstrap = made.kafka.bootstrap
        self._commands = lines(40)

    def answer(self) -> float:
        """Give the next command; the seconds until it was accepted. Raises what the gateway raises."""
        line = next(self._commands).encode()
        began = time.monotonic()
        (answer,) = self.made.gateway.submit([line])()
        if answer.outcome != "accepted":
            raise AssertionError(answer.line)
        return time.monotonic() - began

    def memory(self) -> int:
        """The most bytes that the worker has had. As the system counts it for the whole life of the process."""
        status = Path(f"/proc/{self.running.pid('worker-1')}/status").read_text(encoding="ascii")
        (peak,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
        return int(peak) * 1024

    def seen(self) -> dict[str, int]:
        """Topic → entries that the doctor counts as none of ours."""
        facts, topics = diagnose(self.made).facts, self.made.topics
        (partition,), (answers,) = facts["partitions"], facts["passed_over"]
        return {
            topics.commands.name: answers["letters"],
            topics.events.name: partition["ignored"]["foreign"],
            # Of these the doctor counts the last alone, which may all be none already.
            topics.replies.name: count_passed_over(self.made, 0, whole=True).no_reply_lines,
            topics.dead_letters.name: answers["no_letters"],
        }

    @contextmanager
    def packed_as_sent(self, topic: Topic) -> Iterator[None]:
        """While somebody has set the topic so that the broker keeps what is compressed."""
        self._set_compression(topic, "producer")
        try:
            yield
        finally:
            self._set_compression(topic, "uncompressed")

    def _set_compression(self, topic: Topic, kind: str) -> None:
        admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        try:
            resource = ConfigResource(ConfigResourceType.TOPIC, topic.name, configs={"compression.type": kind})
            admin.alter_configs([resource])
            # The brokers take it up a moment later.
            time.sleep(1.0)
        finally:
            admin.close()


def bursts(megabytes: int, empty: int = 100_000) -> dict[str, Burst]:
    """Name → burst. `megabytes`: what a bomb unpacks to; `empty`: how many empty records are sent."""

    def sent(*batches: bytes) -> Burst:
        return lambda system, topic: produce(system.made.kafka, topic, 0, *batches)

    def packed(system: Installation, topic: Topic) -> Sequence[int | str]:
        values = random_values(_SEED, 100)
        return [each for codec in CODECS for each in produce_packed(system.bootstrap, topic.name, 0, codec, values)]

    def kept_packed(system: Installation, topic: Topic) -> Sequence[int | str]:
        with system.packed_as_sent(topic):
            return packed(system, topic)

    def bomb(system: Installation, topic: Topic) -> Sequence[int | str]:
        return produce(system.made.kafka, topic, 0, gzip_bomb(megabytes))

    def kept_bomb(system: Installation, topic: Topic) -> Sequence[int | str]:
        with system.packed_as_sent(topic):
            return bomb(system, topic)

    def claimed(system: Installation, topic: Topic) -> Sequence[int | str]:
        """Records that look like ones of the log, under the name of its writer: each signature must be looked at."""
        (key,) = system.made.active_writers(0, read_on=True)
        numbers = range(1 << 40, (1 << 40) + 6_000)
        made_up = [bytes([Format.APPENDS]) + bytes(32) + number.to_bytes(8) + bytes(12) + key for number in numbers]
        return produce(system.made.kafka, topic, 0, batch_of([each + bytes(80) for each in made_up]))

    values = random_values(_SEED, 1_000)
    return {
        "1,000 random byte strings": sent(*(batch_of([value]) for value in values)),
        "the same in few batches": sent(*(batch_of(values[start : start + 250]) for start in range(0, 1_000, 250))),
        "malformed batches": sent(*malformed_batches()),
        "plain records of 0.8 to 2 MB": sent(*(batch_of([b"x" * size]) for size in (800_000, 1_000_000, 2_000_000))),
        "5,000 records of a byte": sent(batch_of([b"x"] * 5_000)),
        f"{empty:,} empty records": sent(batch(b"".join(record(b"", place) for place in range(empty)), empty)),
        "malformed commands of 600 KB": sent(*(batch_of([malformed_command()]) for _ in range(3))),
        "6,000 records under a writer's name": claimed,
        "transactions": _transactions,
        "batches of every codec": packed,
        "batches kept packed": kept_packed,
        f"a bomb of {megabytes} MB": bomb,
        f"a bomb of {megabytes} MB kept packed": kept_bomb,
    }


def malformed_command() -> bytes:
    """A command whose parts are all wrong."""
    head = b'{"command":"RecordCouncilMeeting","dossier":"x","on":"2024-01-01","actor":{},"data":{"present":['
    return head + b",".join([b"{}"] * 200_000) + b"]}}"


def _transactions(system: Installation, topic: Topic) -> Sequence[int | str]:
    """One that is committed, one that is aborted, and one that is left open."""
    found: list[int | str] = []
    for end in ("commit_transaction", "abort_transaction", None):
        producer = Producer({"bootstrap.servers": system.bootstrap, "transactional.id": f"stranger-{uuid4().hex}"})
        producer.init_transactions()
        producer.begin_transaction()
        for value in random_values(_SEED, 20):
            producer.produce(topic.name, value, partition=0)
        producer.flush()
        if end is not None:
            getattr(producer, end)()
        found.append(0)
    return found


@contextmanager
def installation(cluster: KafkaCluster, folder: Path) -> Iterator[Installation]:
    """A new one; its council is established."""
    url = f"kafka://{cluster.bootstrap}?prefix=h{uuid4().hex[:12]}&index={folder / 'index'}"
    with Application(load({}, log=url), create=True) as made, processes(url, folder / "log", projectors=0) as running:
        system = Installation(made, running)
        system.answer()
        yield system


def run(system: Installation, wanted: dict[str, Burst]) -> Iterator[Result]:
    """Send each burst into each topic, and give a command after it."""
    topics, seen = system.made.topics, system.seen()
    for topic in (topics.commands, topics.events, topics.replies, topics.dead_letters):
        for name, burst in wanted.items():
            sent = burst(system, topic)
            refused = sum(isinstance(each, str) for each in sent)
            seconds = system.answer()
            short = topic.name.partition(".")[2]
            before, seen = seen, system.seen()
            more = seen[topic.name] - before[topic.name]
            yield Result(name, short, len(sent) - refused, refused, seconds, system.memory(), more)


def main() -> int:
    """The command line: see the module's own words."""
    parser = argparse.ArgumentParser(prog="python -m tests.fault.strangers")
    parser.add_argument("--kafka", help="host:port of a broker that is there; without it one is started")
    parser.add_argument("--megabytes", type=int, default=500, help="what a bomb unpacks to")
    options = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name)
        if options.kafka:
            return _report(KafkaCluster(options.kafka), folder, options.megabytes)
        with kafka(nodes=1, data_dir=folder / "kafka") as cluster:
            return _report(cluster, folder, options.megabytes)


def _report(cluster: KafkaCluster, folder: Path, megabytes: int) -> int:
    well = True
    with installation(cluster, folder) as system:
        for found in run(system, bursts(megabytes)):
            well = well and found.is_seen and found.memory < MOST_MEGABYTES << 20
            sys.stdout.write(
                f"{found.topic:13}{found.burst:40}{found.taken:6} taken {found.refused:5} refused"
                f"{found.seconds:8.2f} s {found.memory >> 20:5} MB{found.seen:8} seen\n"
            )
            sys.stdout.flush()
    return int(not well)


if __name__ == "__main__":
    sys.exit(main())
