"""The whole system on a real Kafka under faults: workers, a projector, clients and brokers, at random points.

Clients are `dossier apply` processes; what each has heard stands in its own file. A client that was killed gets the
same file again, until it has every answer. At the end the checker reads everything from offset zero.
"""

from __future__ import annotations

import json
import random
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Timer

import psutil
from kafka import KafkaProducer
from kafka.errors import KafkaError

from infra.bootstrap import Application
from infra.dev.kafka import KafkaCluster
from infra.dev.processes import Processes
from infra.log.format import Place
from infra.settings import load
from infra.timeouts import Timeout
from tests.fault import second_worker
from tests.fault.brokers import coordinator, fill_disk, leader
from tests.fault.checker import check, check_rest
from tests.fault.clients import Client, changed_answers, resolved
from tests.fault.evidence import Evidence, gather
from tests.fault.figures import Report, memory, silence, together, unacknowledged
from tests.fault.hostile_writer import MOLE, SABOTAGE, put_on_head
from tests.fault.killed_apply import commands
from tests.fault.losses import FileCopies, LostQueue, indexes, lose, nobody_uses
from tests.fault.memory import MemoryWatch
from tests.fault.operator import operate
from tests.fault.proxy import Proxy
from tests.fault.read_models import check_read_models
from tests.fault.sigstop import Pauses

_PARTITIONS = 2
_WORKERS = 3
"""The third one reaches the brokers through the proxy, and the second client does so too."""
_WAIT_FOR_END = 180
_SHORTEST_PAUSE = 5.0
_DOSSIERS, _DOSSIERS_A_SECOND = 250, 4
"""More than the clients come through with: there is load until the end."""
_TOGETHER = (3.0, 8.0)
"""Seconds that a second worker stays on a partition."""
_COPIED = 0.3
"""How often files are copied before a fault, to be put back by a later one."""
_NOBODY_ANSWERS = frozenset({"hostile_writer", "kill_leader", "kill_coordinator", "broker_disk_full", "cut_queue"})


class Chaos:
    """One system, and what may be done to it."""

    def __init__(self, cluster: KafkaCluster, folder: Path, seed: int, longest_pause: float) -> None:
        self.rng = random.Random(seed)
        self.cluster = cluster
        self.report = Report(seed, len(cluster.nodes) or 1)
        self._longest_pause = longest_pause
        self.folder = folder
        self.app = f"chaos{seed}"
        options = f"prefix={self.app}&partitions={_PARTITIONS}"
        options += f"&keys={folder / 'keys'}"
        self.url = f"kafka://{cluster.bootstrap}?{options}&index={folder / 'index'}"
        ports = [int(address.rpartition(":")[2]) for address in cluster.bootstrap.split(",")]
        self.proxy = Proxy(ports, random.Random(seed + 1))
        self.through_proxy = f"kafka://{self.proxy.bootstrap}?{options}&index={folder / 'index-proxy'}"
        self._environment = {"DOSSIER_VIEWS": f"sqlite:///{self._views}"}
        self.processes = Processes(self.url, folder, self._environment)
        self.clients: list[Client] = []
        self._pauses = Pauses()
        self._seconds: list[tuple[subprocess.Popen[bytes], int]] = []
        """Every second worker, and its partition."""
        self._timers: list[Timer] = []
        self._drawn: list[Callable[[], str]] = []
        self._copies = FileCopies(folder / "copies")
        self._operate = partial(operate, self.url)
        self._queue = LostQueue(self._operate)
        self._still: list[tuple[float, float]] = []
        """When nobody could be answered."""
        self._memory = MemoryWatch(self._pids)

    @property
    def _views(self) -> Path:
        return self.folder / "views.sqlite"

    @property
    def _backup(self) -> Path:
        return self.folder / "backup"

    def _pids(self) -> Mapping[str, int]:
        names = [*(f"worker-{number}" for number in range(1, _WORKERS + 1)), "projector"]
        return {name: self.processes.pid(name) for name in names}

    def start(self, dossiers: int) -> None:
        """Everything that there is; clients have the ways of so many dossiers to give."""
        self._operate("keys", "init")
        self._operate("keys", "add-writer", MOLE.public.hex())
        for number in range(1, _WORKERS + 1):
            self.start_worker(number)
        self.processes.start("projector", "projector")
        self._memory.start()
        lines = commands(self.rng, dossiers)
        half = len(lines) // 2
        # Both give some of the same commands: whoever comes second gets the first one's answers.
        for name, url, mine in (("one", self.url, lines), ("two", self.through_proxy, lines[half // 2 :])):
            self.clients.append(Client(name, url, self.folder, mine))

    def start_worker(self, number: int) -> None:
        """The last one goes through the proxy."""
        url = self.through_proxy if number == _WORKERS else None
        self.processes.start(f"worker-{number}", "worker", url=url)

    def some_fault(self) -> None:
        """One of them, at random: all come before one comes again, so that a short run has each."""
        if not self._drawn:
            self._drawn = [
                self.kill_worker,
                self.kill_projector,
                self.kill_client,
                self.pause,
                self.bad_network,
                self.stranger,
                self.hostile_writer,
                self.index_disk_full,
                self.two_workers,
                self.older_indexes,
                self.lost_indexes,
                self.older_views,
                self.lost_views,
                self.backup,
            ]
            if self.cluster.nodes:
                self._drawn += [self.kill_leader, self.broker_disk_full, self.cut_queue]
            if len(self.cluster.nodes) > 1:
                self._drawn.append(self.kill_coordinator)
            self.rng.shuffle(self._drawn)
        if self.rng.random() < _COPIED:
            self._copies.take([path for path in (*self._indexes(), self._views) if path.exists()])
        fault, begun = self._drawn.pop(), time.time()
        self.report.faults[fault()] += 1
        if fault.__name__ in _NOBODY_ANSWERS:
            self._still.append((begun, time.time()))

    def kill_worker(self) -> str:
        """And start it again on its own index. It is the writer of its partitions."""
        number = self.rng.randint(1, _WORKERS)
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
        number = self.rng.randint(1, _WORKERS)
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
        partition = self.rng.randrange(_PARTITIONS)
        self._queue.cut(self.cluster, f"{self.app}.commands", partition, self.rng)
        return "queue cut, recovered" if self._queue.recover(partition) else "queue cut behind what was handled"

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
        name = self.rng.choice([*(f"worker-{number}" for number in range(1, _WORKERS + 1)), "projector"])
        process = self.processes.process(name)
        if self._pauses.sleeps(process):
            return "SIGSTOP of one that sleeps already"
        self._pauses.stop(process, self.rng.uniform(_SHORTEST_PAUSE, max(_SHORTEST_PAUSE, self._longest_pause)))
        return f"SIGSTOP {name.partition('-')[0]}"

    def two_workers(self) -> str:
        """A second worker on a partition, without the group: both append for some seconds, then it is ended."""
        partition = self.rng.randrange(_PARTITIONS)
        process = second_worker.start(self.url, partition, self.folder / "second-worker.log", self._environment)
        self._seconds.append((process, partition))
        end = self.rng.choice([process.kill, process.terminate])
        self._timers.append(Timer(self.rng.uniform(*_TOGETHER), end))
        self._timers[-1].start()
        return "two workers on one partition"

    def bad_network(self) -> str:
        self.proxy.weather.chance = self.rng.uniform(0.2, 0.7)
        time.sleep(self.rng.uniform(1, min(20.0, self._longest_pause)))
        self.proxy.weather.chance = 0.0
        return "spell of bad network"

    def stranger(self) -> str:
        """Records that are not ours, in the log and in the queue."""
        with suppress(KafkaError):
            producer = KafkaProducer(bootstrap_servers=self.cluster.bootstrap, acks="all")
            try:
                for topic in ("events", "commands"):
                    for value in (b"", b"{}", bytes(200), b"\xf8" + self.rng.randbytes(8)):
                        producer.send(f"{self.app}.{topic}", value=value, partition=self.rng.randrange(_PARTITIONS))
                producer.flush(10)
            finally:
                producer.close(5)
        return "records of a stranger"

    def hostile_writer(self) -> str:
        """A record with a right signature that stops everybody, until an operator has voided it."""
        place = Place(self.app, _PARTITIONS, self.rng.randrange(_PARTITIONS))
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
        name = f"worker-{self.rng.randint(1, _WORKERS)}"
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
        return f"{self.app}.{topic}", self.rng.randrange(_PARTITIONS)

    def _kill_broker(self, number: int) -> None:
        self.cluster.node(number).kill()
        time.sleep(self.rng.uniform(0, 2))
        self.cluster.start(number)

    def end(self) -> None:
        """Let everything come to rest, stop it, and check."""
        self.come_to_rest()
        report = self.report
        for client in self.clients:
            report.commands += client.given
            report.wrong += client.wrong + list(changed_answers(client))
        lives = [life for client in self.clients for life in client.lives]
        told = [line for life in lives for line in life.heard]
        answers = {answer["command_id"]: bool(answer["ok"]) for answer in map(json.loads, told)}
        report.acknowledged = len(set(told))
        report.refused = sum(not json.loads(line)["ok"] for line in set(told))
        report.unknown = sum(len(life.unknown) for life in lives)
        found = self._gathered(told)
        writers = []
        for evidence in found:
            findings = check(evidence)
            writers.append(findings.writers)
            report.outcomes.update(findings.outcomes)
            report.late_records += findings.ignored
            wrong = findings.wrong + check_rest(evidence)
            report.wrong += [f"partition {evidence.partition}: {each}" for each in wrong]
        report.resolved = resolved(lives, found, answers)
        if report.resolved.total() != report.unknown or report.resolved["never answered"]:
            report.wrong.append(f"{report.unknown} commands were unknown, resolved: {dict(report.resolved)}")
        report.second_workers = together(self._seconds, writers)
        report.appends = unacknowledged(self.folder)
        report.pauses = self._pauses.figures(Timeout.GROUP_SESSION.seconds)
        report.faults.update(self.proxy.done)
        report.silence = silence(found, self._still)
        if self._backup.exists():
            self._operate("verify-backup", str(self._backup))
        settings = load({}, log=self.url, views=self._environment["DOSSIER_VIEWS"])
        with Application(settings) as made:
            report.wrong += check_read_models(made)

    def come_to_rest(self) -> None:
        """No faults any more: all is answered, then all stops."""
        self.report.memory = memory(self._memory.stop())
        begun = time.time()
        self.proxy.weather.chance = 0.0
        self._pauses.wake_all()
        for client in self.clients:
            client.finish()
        for timer in self._timers:
            timer.join()
        deadline = time.monotonic() + _WAIT_FOR_END
        # Workers answer at their start what others had no time to say.
        while time.monotonic() < deadline and any(self._waits()):
            time.sleep(1)
        self._still.append((begun, time.time()))
        self.stop()

    def stop(self) -> None:
        """Leave nothing behind."""
        self._memory.stop()
        self._pauses.wake_all()
        for timer in self._timers:
            timer.cancel()
        for process, _ in self._seconds:
            process.kill()
            process.wait()
        for client in self.clients:
            client.give_up()
        self.processes.stop()
        self.proxy.close()

    def _gathered(self, told: Sequence[str]) -> list[Evidence]:
        found = gather(self.cluster.bootstrap, self.app, _PARTITIONS, told)
        for evidence in found:
            evidence.lost = self._queue.lost.get(evidence.partition, {})
        return found

    def _waits(self) -> Iterator[str]:
        for evidence in self._gathered(()):
            yield from check_rest(evidence)
            yield from (wrong for wrong in check(evidence).wrong if "has no reply" in wrong)


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
            time.sleep(chaos.rng.uniform(0.2, 3.0))
        chaos.end()
    finally:
        chaos.stop()
    chaos.report.seconds = round(time.monotonic() - begun, 1)
    return chaos.report
