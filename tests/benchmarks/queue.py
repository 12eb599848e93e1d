"""Commands from the queue to their replies, over the whole domain, beside the library's application on PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from threading import Thread
from time import perf_counter
from uuid import UUID, uuid4

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate

from domain.catalogue import Level
from domain.commands import Command, UnitReference
from domain.context import VIETNAM, DecisionContext
from domain.cross_dossier import CrossDossierFacts
from domain.dossier.aggregate import Dossier
from domain.identity import DossierKey, partition_of, routing_id
from domain.procedure import COUNCIL, CREATE, ON_DOSSIER
from domain.units import Units
from infra.bootstrap import Application as InstalledApplication
from infra.clock import utc_now
from infra.dev.kafka import kafka
from infra.dev.postgres import postgres
from infra.dev.processes import processes
from infra.kafka.client import KafkaPartitionClient
from infra.log.format import Place
from infra.queue.replies import read_replies
from infra.settings import load
from schemas.command_parser import read_command
from tests.benchmarks.results import Results, call_concurrently
from tests.support.workload import lines

_DOSSIERS = 346
_LIBRARY_DOSSIERS = 40
_SENT_TOGETHER = 250
_WARM_UP = 3.0
_CALLERS = (1, 16)


def run(results: Results, folder: Path) -> None:
    """The library first, then one worker on one partition, and two workers on two."""
    library, callers = _library(folder)
    with kafka(nodes=1, data_dir=folder / "kafka") as cluster:
        for workers in (1, 2):
            results.compare(
                f"commands through the queue, {workers} worker{'s' * (workers > 1)}",
                _queue(cluster.bootstrap, folder, workers),
                "commands/s",
                peer=f"library Application.save, PostgreSQL, {callers} callers",
                peer_value=library,
                aim=5.0,
            )


def _queue(bootstrap: str, folder: Path, workers: int) -> float:
    """From the first command that is sent to the last reply that is read."""
    url = f"kafka://{bootstrap}?prefix=b{uuid4().hex[:8]}&partitions={workers}&index={folder / f'index-{workers}'}"
    units = Units.load()
    with InstalledApplication(load({}, log=url), create=True) as made:
        topics, settings = made.topics, made.kafka
        by_partition: dict[int, list[bytes]] = {number: [] for number in range(workers)}
        council, *rest = lines(_DOSSIERS)
        for line in rest:
            number = partition_of(routing_id(read_command(line).dossier, units), workers)
            by_partition[number].append(line.encode())
        with processes(url, folder / f"log-{workers}", workers=workers, projectors=0):
            # The council is there, and the workers are up, before the clock starts.
            made.gateway.submit([council.encode()])()
            time.sleep(_WARM_UP)
            readers = [_Reader(made, p, len(mine)) for p, mine in by_partition.items()]
            senders = [
                Thread(target=_send, args=(KafkaPartitionClient(settings, topics.commands, p), mine))
                for p, mine in by_partition.items()
            ]
            begun = perf_counter()
            for thread in [*readers, *senders]:
                thread.start()
            for thread in [*senders, *readers]:
                thread.join()
            elapsed = perf_counter() - begun
        assert all(reader.accepted == reader.expected for reader in readers), "a command was not accepted"
        return len(rest) / elapsed


class _Reader(Thread):
    """Counts the replies of a partition from now on."""

    def __init__(self, made: InstalledApplication, partition: int, expected: int) -> None:
        super().__init__()
        self.expected = expected
        self.accepted = 0
        self._place = Place(made.kafka.app, made.kafka.partitions, partition)
        self._writers = made.active_writers(partition, read_on=True)
        self._client = KafkaPartitionClient(made.kafka, made.topics.replies, partition)
        self._next = self._client.end()

    def run(self) -> None:
        seen = 0
        while seen < self.expected:
            fetched = self._client.follow(self._next, 0.5)
            self._next = fetched.next_offset
            for entry in fetched.records:
                for reply in read_replies(entry.value, self._place, self._writers.get)[0]:
                    seen += 1
                    self.accepted += reply.answer.outcome == "accepted"
        self._client.close()


def _send(client: KafkaPartitionClient, commands: Sequence[bytes]) -> None:
    for start in range(0, len(commands), _SENT_TOGETHER):
        client.send_durably([(None, line) for line in commands[start : start + _SENT_TOGETHER]])
    client.close()


class DossierApplication(Application[UUID]):
    """The library's application over our aggregates."""

    name = "dossier"


def _library(folder: Path) -> tuple[float, int]:
    """The same commands, each decided on its aggregate and saved, with the library's cache and defaults.

    The rate, and the number of callers at which it was best; each caller has dossiers of its own.
    """
    units = Units.load()
    rates: dict[int, float] = {}
    for callers in _CALLERS:
        with postgres(folder / f"postgres-{callers}") as server:
            environment = {
                **server.environment,
                "MAPPER_TOPIC": "schemas.avro.codec:AvroMapper",
                "AGGREGATE_CACHE_MAXSIZE": "512",
                "POSTGRES_POOL_SIZE": "32",
            }
            application = DossierApplication(env=environment)
            reference = CrossDossierFacts()
            council, *rest = [read_command(line) for line in lines(_LIBRARY_DOSSIERS)]
            _give(application, [council], units, reference)
            ways: dict[object, list[Command]] = {}
            for command in rest:
                ways.setdefault(command.dossier, []).append(command)
            calls = [partial(_give, application, way, units, reference) for way in ways.values()]
            begun = perf_counter()
            call_concurrently(calls, callers)
            rates[callers] = len(rest) / (perf_counter() - begun)
            application.close()
    best = max(rates, key=lambda callers: rates[callers])
    return rates[best], best


def _give(
    application: DossierApplication, commands: Sequence[Command], units: Units, reference: CrossDossierFacts
) -> None:
    for command in commands:
        aggregate = _decided(application, command, units, reference)
        for event in aggregate.pending_events:
            reference.evolve(event)
        application.save(aggregate)


def _decided(
    application: DossierApplication, command: Command, units: Units, reference: CrossDossierFacts
) -> Aggregate:
    now = utc_now()
    moment = DecisionContext(now, (now + VIETNAM).date(), units, reference)
    if not isinstance(command.dossier, UnitReference):
        return COUNCIL[command.name].take(None, command, moment)
    name = DossierKey(command.dossier.unit, Level(command.dossier.level), command.dossier.year, 1)
    if command.name == "OpenDossier":
        return CREATE[command.name].take(None, name, units.get(name.unit_id), command, moment)
    dossier: Dossier = application.repository.get(name.id)
    ON_DOSSIER[command.name].take(dossier, command, moment)
    return dossier
