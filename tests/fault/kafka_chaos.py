"""Faults on the whole system, at random points: processes, brokers, networks, disks, strangers, and what is lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import psutil
from kafka import KafkaProducer
from kafka.errors import KafkaError

from infra.dev.kafka import KafkaCluster
from infra.log.format import Place
from tests.fault import second_worker
from tests.fault.brokers import coordinator, fill_disk, leader
from tests.fault.chaos_system import PARTITIONS, WORKERS, ChaosSystem
from tests.fault.figures import Report
from tests.fault.hostile_writer import SABOTAGE, put_on_head
from tests.fault.losses import (
    FileCopies,
    indexes,
    lose,
    lose_power,
    nobody_uses,
    one_of_the_last,
    one_that_is_handled_alike,
)
from tests.fault.operator import operate

_SHORTEST_PAUSE = 5.0
_DOSSIERS, _DOSSIERS_A_SECOND = 250, 4
"""More than the clients come through with: there is load until the end."""
_TOGETHER = (3.0, 8.0)
"""Seconds that a second worker stays on a partition."""
_COPIED = 0.3
"""How often files are copied before a fault, to be put back by a later one."""
_NOBODY_ANSWERS = frozenset(
    {"hostile_writer", "kill_leader", "kill_coordinator", "broker_disk_full", "cut_queue", "cut_log"}
)
_OUT = frozenset({"NO_WORKER", "LOG_CHANGED", "QUEUE_CUT"})
"""What the doctor says while nobody can be answered."""


class Chaos(ChaosSystem):
    """One system, and what may be done to it."""

    def __init__(self, cluster: KafkaCluster, folder: Path, seed: int, longest_pause: float) -> None:
        super().__init__(cluster, folder, seed)
        self._longest_pause = longest_pause
        self._drawn: list[Callable[[], str]] = []
        self._decks = 0
        """How often all have been drawn."""
        self._copies = FileCopies(folder / "copies")

    def some_fault(self) -> None:
        """One of them, at random: all come before one comes again, so that a short run has each."""
        if not self._drawn:
            self._drawn = self._deck()
        if self.rng.random() < _COPIED:
            self._copies.take([path for path in (*self._indexes(), self._views) if path.exists()])
        fault, begun = self._drawn.pop(), time.time()
        self.report.faults[fault()] += 1
        if fault.__name__ in _NOBODY_ANSWERS:
            self._still.append((begun, time.time()))

    def _deck(self) -> list[Callable[[], str]]:
        """Every fault once; from the second time on those twice that take a moment, and the longest now and then."""
        short = [
            self.kill_worker,
            self.kill_projector,
            self.kill_client,
            self.pause,
            self.bad_network,
            self.stranger,
            self.index_disk_full,
            self.two_workers,
            self.older_indexes,
            self.lost_indexes,
            self.older_views,
            self.lost_views,
        ]
        deck = [*short, *(short if self._decks else ()), self.hostile_writer, self.backup]
        if self.cluster.nodes:
            deck += [self.kill_leader, self.broker_disk_full]
            deck += [cut for every, cut in ((2, self.cut_queue), (4, self.cut_log)) if self._decks % every == 0]
        if len(self.cluster.nodes) > 1:
            deck.append(self.kill_coordinator)
        self._decks += 1
        self.rng.shuffle(deck)
        return deck

    def kill_worker(self) -> str:
        """And start it again on its own index. It is the writer of its partitions."""
        number = self.rng.randint(1, WORKERS)
        self.processes.kill(f"worker-{number}")
        time.sleep(self.rng.uniform(0, 0.5))
        self.start_worker(number)
        return "kill -9 worker"

    def older_indexes(self) -> str:
        """A worker is killed; whatever index nobody uses then is as it was some time ago."""
        return self._without_a_worker(self._copies.put_back, "older indexes put back")

    def lost_indexes(self) -> str:
        """The same, and those are gone."""
        return self._without_a_worker(lose, "indexes lost")

    def _without_a_worker(self, change: Callable[[Path], object], name: str) -> str:
        number = self.rng.randint(1, WORKERS)
        self.processes.kill(f"worker-{number}")
        for index in self._indexes():
            with nobody_uses(index) as is_free:
                if is_free:
                    change(index)
        self.start_worker(number)
        return name

    def _indexes(self) -> list[Path]:
        return [path for name in ("index", "index-proxy") for path in indexes(self.folder / name)]

    def older_views(self) -> str:
        """The projector is killed, and the read models are as they were some time ago."""
        self.processes.kill("projector")
        put_back = self._copies.put_back(self._views)
        self.processes.start("projector", "projector")
        return "older read models put back" if put_back else "kill -9 projector"

    def lost_views(self) -> str:
        """The same, and they are gone."""
        self.processes.kill("projector")
        lose(self._views)
        self.processes.start("projector", "projector")
        return "read models lost"

    def cut_queue(self) -> str:
        """All brokers lose their power, and one partition of the queue its end; the operator follows the page."""
        partition = self.rng.randrange(PARTITIONS)
        lose_power(self.cluster, f"{self.app}.commands", partition, partial(one_of_the_last, self.rng))
        return "queue cut, recovered" if self._queue.recover(partition) else "queue cut behind what was handled"

    def cut_log(self) -> str:
        """Everything loses its power, and one partition of the log its end; the operator follows the page."""
        partition = self.rng.randrange(PARTITIONS)
        self._pauses.wake_all()
        self._end_bad_network()
        for process in [*map(self.processes.process, self._pids()), *(process for process, _ in self._seconds)]:
            process.kill()
            process.wait()
        lose_power(self.cluster, f"{self.app}.events", partition, partial(one_that_is_handled_alike, self.rng))
        # Of the two machines one does not come back with what it had.
        for index in indexes(self.folder / "index-proxy"):
            lose(index)
        gone = self._recover()
        self.report.gone += gone
        # Both are of a log that went on otherwise.
        self._copies = FileCopies(self.folder / f"copies-{self.report.faults.total()}")
        self._backup = self.folder / f"backup-{self.report.faults.total()}"
        self._start_all()
        operate(self.url, "doctor", until=lambda told: not any(each["code"] in _OUT for each in told["wrong"]))
        return "log cut, recovered" if gone else "log cut behind what a command was answered"

    def _recover(self) -> int:
        """How many acknowledged commands were gone."""
        recover = partial(operate, self.url, "log", "recover", environment=self._environment)
        shown = recover()
        if not shown["needed"]:
            return 0
        if shown["losing"]:
            self.report.wrong.append(f"{shown['losing']} acknowledged commands would stay lost, and the queue has all")
        recover(f"--losing={shown['losing']}", until=lambda told: bool(told.get("recovered")))
        return sum(len(each["commands"]) for each in shown["partitions"])

    def backup(self) -> str:
        """Of the running system, on top of the one before."""
        self._operate("backup", str(self._backup))
        return "backup"

    def kill_projector(self) -> str:
        self.processes.kill("projector")
        self.processes.start("projector", "projector")
        return "kill -9 projector"

    def kill_client(self) -> str:
        self.rng.choice(self.clients).kill()
        return "kill -9 client"

    def pause(self) -> str:
        """SIGSTOP of a worker or the projector: the others go on, and it wakes up later, while other faults fall."""
        name = self.rng.choice([*(f"worker-{number}" for number in range(1, WORKERS + 1)), "projector"])
        process = self.processes.process(name)
        if self._pauses.sleeps(process):
            return "SIGSTOP of one that sleeps already"
        self._pauses.stop(process, self.rng.uniform(_SHORTEST_PAUSE, max(_SHORTEST_PAUSE, self._longest_pause)))
        return f"SIGSTOP {name.partition('-')[0]}"

    def two_workers(self) -> str:
        """A second worker on a partition, without the group: both append for some seconds, then it is ended."""
        partition = self.rng.randrange(PARTITIONS)
        process = second_worker.start(self.url, partition, self.folder / "second-worker.log", self._environment)
        self._seconds.append((process, partition))
        end = self.rng.choice([process.kill, process.terminate])
        self._later(self.rng.uniform(*_TOGETHER), end)
        return "two workers on one partition"

    def bad_network(self) -> str:
        self.proxy.weather.chance = self.rng.uniform(0.2, 0.7)
        self._later(self.rng.uniform(1, min(20.0, self._longest_pause)), self._end_bad_network)
        return "spell of bad network"

    def stranger(self) -> str:
        """Records that are not ours, in the log and in the queue."""
        with suppress(KafkaError):
            producer = KafkaProducer(bootstrap_servers=self.cluster.bootstrap, acks="all")
            try:
                for topic in ("events", "commands"):
                    for value in (b"", b"{}", bytes(200), b"\xf8" + self.rng.randbytes(8)):
                        producer.send(f"{self.app}.{topic}", value=value, partition=self.rng.randrange(PARTITIONS))
                producer.flush(10)
            finally:
                producer.close(5)
        return "records of a stranger"

    def hostile_writer(self) -> str:
        """A record with a right signature that stops everybody, until an operator has voided it."""
        place = Place(self.app, PARTITIONS, self.rng.randrange(PARTITIONS))
        number = put_on_head(self.cluster.bootstrap, place, self.rng.choice(list(SABOTAGE)))
        time.sleep(self.rng.uniform(0, 2))
        partition = f"--partition={place.partition}"
        (record, *_) = self._operate("log", "void", partition)["records"]
        if record["number"] != number:
            self.report.wrong.append(f"record {number} was to be voided, and {record['number']} was shown")
        named = (f"--number={record['number']}", f"--hash={record['hash']}")
        self._operate("log", "void", partition, *named, "--reason=hostile")
        return "record of a hostile writer, voided"

    def index_disk_full(self) -> str:
        """No file of a worker may grow."""
        name = f"worker-{self.rng.randint(1, WORKERS)}"
        with suppress(psutil.Error):
            process = psutil.Process(self.processes.pid(name))
            before = process.rlimit(psutil.RLIMIT_FSIZE)
            process.rlimit(psutil.RLIMIT_FSIZE, (4096, before[1]))
            time.sleep(self.rng.uniform(0.5, 2))
            process.rlimit(psutil.RLIMIT_FSIZE, before)
        return "disk full for the index"

    def kill_leader(self) -> str:
        """The broker that leads a partition of the log or of the queue just now, and start it again."""
        self._kill_broker(leader(self.cluster, *self._place()))
        return "kill -9 leading broker"

    def kill_coordinator(self) -> str:
        """The broker that keeps the group of workers, and start it again."""
        self._kill_broker(coordinator(self.cluster, f"{self.app}.worker"))
        return "kill -9 coordinator of the workers"

    def broker_disk_full(self) -> str:
        """Writes of a leading broker fail, some within a record; it gives up, and starts on a disk with room."""
        topic, partition = self._place()
        number = leader(self.cluster, topic, partition)
        given_up = fill_disk(self.cluster.node(number), topic, partition, self.rng)
        self.cluster.start(number)
        return "disk full for a broker" if given_up else "disk full for a broker that wrote nothing"

    def _place(self) -> tuple[str, int]:
        topic = self.rng.choice(["events", "events", "commands"])
        return f"{self.app}.{topic}", self.rng.randrange(PARTITIONS)

    def _kill_broker(self, number: int) -> None:
        self.cluster.node(number).kill()
        time.sleep(self.rng.uniform(0, 2))
        self.cluster.start(number)


def run(
    cluster: KafkaCluster,
    folder: Path,
    *,
    seed: int,
    seconds: float = 0.0,
    faults: int = 0,
    longest_pause: float = 60.0,
) -> Report:
    """Faults for so many seconds, and at least so many of them."""
    chaos = Chaos(cluster, folder, seed, longest_pause)
    begun = time.monotonic()
    try:
        chaos.start(max(_DOSSIERS, int(_DOSSIERS_A_SECOND * seconds)))
        time.sleep(6)
        while time.monotonic() - begun < seconds or chaos.report.faults.total() < faults:
            chaos.some_fault()
            time.sleep(chaos.rng.uniform(0.1, 1.5))
        chaos.end()
    finally:
        chaos.stop()
    chaos.report.seconds = round(time.monotonic() - begun, 1)
    return chaos.report
