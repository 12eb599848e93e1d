"""The public stream beside a bare producer and a bare consumer on the same Kafka, with records of the same size."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from threading import Event, Thread
from time import perf_counter
from typing import Any, Self
from uuid import uuid4

from confluent_kafka import Consumer

from consumers.publisher import BATCH
from infra.delivery.kafka.producer import transactional_producer
from infra.delivery.kafka.stream import publish_once
from infra.delivery.kafka.topics import ensure
from infra.dev.kafka import kafka
from infra.kafka.settings import KafkaSettings
from schemas.command_parser import read_command
from schemas.public_decision import example, single_object
from tests.benchmarks.results import Results
from tests.support.event_builders import DossierHistory, FakeLog
from tests.support.publishers import publishers, stream_of
from tests.support.units import UNITS
from tests.support.workload import application, lines

_LATENCIES = 300
_PAUSE = 0.03
_TRANSACTIONS = 300
_DOSSIERS = 7000
_CHAIRMANS = {"ApproveRecognition", "AnnounceRecognition"}


def run(results: Results, folder: Path) -> None:
    """From acknowledgement to receipt; then decisions a second."""
    with kafka(nodes=1, data_dir=folder / "kafka") as cluster:
        transaction = _bare_transaction(results, KafkaSettings(cluster.bootstrap, "bare"))
        _from_acknowledgement_to_receipt(results, folder, cluster.bootstrap, transaction)
        _rate(results, KafkaSettings(cluster.bootstrap, "rate"))


class Subscriber:
    """A librdkafka consumer that notes when each key or dossier first came."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self.seen: dict[str, float] = {}
        self._end = Event()
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": f"bench-{uuid4()}",
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 100,
            }
        )
        self._consumer.subscribe([topic])
        self._thread = Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        self._consumer.close()

    def wait_for(self, name: str, seconds: float = 60) -> float:
        """When a name came."""
        end = perf_counter() + seconds
        while name not in self.seen:
            assert perf_counter() < end, f"{name} did not come"
            time.sleep(0.0005)
        return self.seen[name]

    def _read(self) -> None:
        while not self._end.is_set():
            message: Any = self._consumer.poll(0.1)
            if message is not None and message.error() is None:
                headers = dict(message.headers() or ())
                name = headers["ce_logposition"].split(b".")[0] if headers else message.key()
                self.seen.setdefault(name.decode(), perf_counter())


def _bare_transaction(results: Results, settings: KafkaSettings) -> float:
    """Milliseconds of one transaction with one record, by the same producer with nothing around it (p50)."""
    ensure(settings, 1)
    topic, value = f"{settings.app}.decisions", single_object(example("approved"))
    producer = transactional_producer(settings, "bare")
    producer.init_transactions()
    spent, receipts = [], []
    with Subscriber(settings.bootstrap, topic) as subscriber:
        for number in range(_TRANSACTIONS):
            begun = perf_counter()
            producer.begin_transaction()
            producer.send(topic, value, str(number).encode(), partition=0).get(timeout=10)
            producer.commit_transaction()
            spent.append((perf_counter() - begun) * 1000)
            receipts.append((subscriber.wait_for(str(number)) - begun) * 1000)
    producer.close(timeout=1)
    # The first ones find the coordinator and the group.
    results.add("bare transaction, one record, p50", median(spent[20:]), "ms")
    results.add("bare transaction, one record, p99", _p99(spent[20:]), "ms")
    results.add("bare transaction to receipt, p50", median(receipts[20:]), "ms")
    results.add("bare transaction to receipt, p99", _p99(receipts[20:]), "ms")
    return median(spent[20:])


def _from_acknowledgement_to_receipt(results: Results, folder: Path, bootstrap: str, transaction: float) -> None:
    """Approvals one by one on the embedded log, a publisher in a process of its own, a subscriber beside it."""
    ways = [json.loads(line) for line in lines(_LATENCIES)]
    before = [command for command in ways if command["command"] not in _CHAIRMANS]
    approvals = [command for command in ways if command["command"] == "ApproveRecognition"]
    (folder / "log").mkdir()
    with application(folder / "log") as made:
        handler = made.handler
        for start in range(0, len(before), 1000):
            handler.handle([read_command(json.dumps(each)) for each in before[start : start + 1000]])
        with _publisher(folder / "log", bootstrap), Subscriber(bootstrap, "dossier.decisions") as subscriber:
            spent = []
            for approval in approvals:
                (answer,) = handler.handle([read_command(json.dumps(approval))])
                acknowledged = perf_counter()
                position = str(json.loads(answer.line)["position"])
                spent.append((subscriber.wait_for(position) - acknowledged) * 1000)
                time.sleep(_PAUSE)
    # The first ones wait for the publisher to start and for the subscriber's group.
    spent = spent[20:]
    results.add("decision acknowledged to received, p50", median(spent), "ms")
    results.add("decision acknowledged to received, p99", _p99(spent), "ms")
    results.compare(
        "receipts one after another at that p99",
        1000 / _p99(spent),
        "1/s",
        peer="bare transactions one after another (p50)",
        peer_value=1000 / transaction,
        aim=0.25,
    )


@contextmanager
def _publisher(folder: Path, bootstrap: str) -> Iterator[None]:
    command = [str(Path(sys.executable).with_name("dossier")), "--log", f"sqlite:///{folder}/log.sqlite", "publisher"]
    process = subprocess.Popen([*command, "--stream", f"kafka://{bootstrap}"], stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _rate(results: Results, settings: KafkaSettings) -> None:
    """Decisions a second from a log that is there, and the same number of records by the bare producer and consumer."""
    log = FakeLog()
    communes = [unit for unit in UNITS if unit.parent_id is not None]
    for number in range(_DOSSIERS):
        turn, place = divmod(number, len(communes))
        story = DossierHistory(log, communes[place], "basic", 2022 + turn % 4, 1 + turn // 4)
        story.open()
        story.approve()
        story.announce()
    stream = stream_of(settings, log)
    begun = perf_counter()
    count = publish_once(publishers(log, stream), stream)
    ours = count / (perf_counter() - begun)
    bare = KafkaSettings(settings.bootstrap, "rate-bare")
    ensure(bare, 1)
    theirs = _bare_producer(bare, [single_object(example("approved"))] * count)
    results.add("decisions published, from the log to the commit", ours, "decisions/s")
    results.add(f"bare transactional producer, {BATCH} records a transaction", theirs, "records/s")
    consumed = _bare_consumer(settings, count)
    results.add("bare consumer of the stream (librdkafka), without decoding", consumed, "records/s")


def _bare_producer(settings: KafkaSettings, values: Sequence[bytes]) -> float:
    producer = transactional_producer(settings, "bare-rate")
    producer.init_transactions()
    begun = perf_counter()
    for start in range(0, len(values), BATCH):
        producer.begin_transaction()
        chunk = values[start : start + BATCH]
        sent = [producer.send(f"{settings.app}.decisions", value, b"04630", partition=0) for value in chunk]
        for each in sent:
            each.get(timeout=20)
        producer.commit_transaction()
    rate = len(values) / (perf_counter() - begun)
    producer.close(timeout=1)
    return rate


def _bare_consumer(settings: KafkaSettings, count: int) -> float:
    consumer = Consumer(
        {
            "bootstrap.servers": settings.bootstrap,
            "group.id": f"bench-{uuid4()}",
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([f"{settings.app}.decisions"])
    # The clock runs from the first records on: joining the group is not reading.
    got = first = len(consumer.consume(1, 60))
    begun = perf_counter()
    while got < count:
        got += len(consumer.consume(min(1000, count - got), 10))
    rate = (got - first) / (perf_counter() - begun)
    consumer.close()
    return rate


def _p99(spent: Sequence[float]) -> float:
    return quantiles(spent, n=100)[98]
