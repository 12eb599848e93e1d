"""The whole system on a real Kafka under faults: workers, a projector, clients and brokers, at random points.

Clients are `dossier apply` processes; what each has heard stands in its own file. A client that was killed gets the
same file again, until it has every answer. At the end the checker reads everything from offset zero.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from threading import Event, Thread
from typing import Any

import psutil
from kafka import KafkaProducer
from kafka.errors import KafkaError

from infra.composition import Installation
from infra.servers.kafka import KafkaCluster
from infra.servers.processes import Processes
from infra.settings import load
from projections.registry import PROJECTIONS
from tests.faults.checker import check
from tests.faults.evidence import gather
from tests.faults.killed_apply import commands
from tests.faults.proxy import Proxy

_PARTITIONS = 2
_WORKERS = 3
"""The third one reaches the brokers through the proxy, and the clients do so too."""
_PATIENCE = {"DOSSIER_ANSWER_WITHIN": "120"}
_FILE = 150
_WAIT_FOR_END = 180


@dataclass(slots=True)
class Report:
    """What a run found. `wrong` holds what must not be, in words; it is empty when all is well."""

    seed: int
    nodes: int
    faults: Counter[str] = field(default_factory=Counter)
    commands: int = 0
    acknowledged: int = 0
    refused: int = 0
    unknown: int = 0
    resolved: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    late_records: int = 0
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        counted = {"faults": dict(self.faults), "resolved": dict(self.resolved), "outcomes": dict(self.outcomes)}
        # `asdict` cannot make a Counter again.
        return asdict(replace(self, faults=Counter(), resolved=Counter(), outcomes=Counter())) | counted


class Client:
    """Gives files of commands, one after another, each until all of its answers are there."""

    def __init__(self, name: str, url: str, folder: Path, lines: list[str]) -> None:
        self.name = name
        self._url = url
        self._folder = folder
        self._files = [lines[start : start + _FILE] for start in range(0, len(lines), _FILE)]
        self.heard: list[tuple[str, list[str]]] = []
        """For every life, its commands' file and the whole lines that it heard."""
        self.given = 0
        self.unknown = 0
        self.wrong: list[str] = []
        self.process: subprocess.Popen[bytes] | None = None
        self._over = Event()
        self._thread = Thread(target=self._run, name=name)
        self._thread.start()

    def finish(self) -> None:
        """Begin no further file; wait until the one under way is answered."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        for number, lines in enumerate(self._files):
            if self._over.is_set():
                return
            file = self._folder / f"{self.name}-{number}.jsonl"
            file.write_text("\n".join(lines) + "\n", encoding="utf-8")
            self.given += len(lines)
            for life in range(200):
                heard = self._life(file, life)
                self.heard.append((file.name, heard))
                if len(heard) == len(lines):
                    break
                self.unknown += len(lines) - len(heard)
            else:
                self.wrong.append(f"{file.name} was never answered")

    def _life(self, file: Path, life: int) -> list[str]:
        answers = file.with_suffix(f".{life}.answers")
        program = Path(sys.executable).with_name("dossier")
        environment = dict(psutil.Process().environ()) | _PATIENCE
        errors = (self._folder / f"{self.name}.log").open("ab")
        with answers.open("wb") as out, errors:
            self.process = subprocess.Popen(
                [program, "--log", self._url, "apply", str(file)], stdout=out, stderr=errors, env=environment
            )
            self.process.wait()
        return [line.decode() for line in answers.read_bytes().split(b"\n")[:-1]]


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
        self.url = f"kafka://{cluster.bootstrap}?{options}&index={folder / 'index'}"
        ports = [int(address.rpartition(":")[2]) for address in cluster.bootstrap.split(",")]
        self.proxy = Proxy(ports, random.Random(seed + 1))
        self.through_proxy = f"kafka://{self.proxy.bootstrap}?{options}&index={folder / 'index-proxy'}"
        self.processes = Processes(self.url, folder, {"DOSSIER_VIEWS": f"sqlite:///{folder / 'views.sqlite'}"})
        self.clients: list[Client] = []
        self._resume: list[Callable[[], None]] = []

    def start(self) -> None:
        """Everything that there is."""
        for number in range(1, _WORKERS + 1):
            self.start_worker(number)
        self.processes.start("projector", "projector")
        lines = commands(self.rng, 250)
        half = len(lines) // 2
        # Both give some of the same commands: whoever comes second gets the first one's answers.
        for name, url, mine in (("one", self.url, lines), ("two", self.through_proxy, lines[half // 2 :])):
            self.clients.append(Client(name, url, self.folder, mine))

    def start_worker(self, number: int) -> None:
        """The last one goes through the proxy."""
        url = self.through_proxy if number == _WORKERS else None
        self.processes.start(f"worker-{number}", "worker", url=url)

    def some_fault(self) -> None:
        """One of them, at random."""
        faults: list[Callable[[], str]] = [
            self.kill_worker,
            self.kill_worker,
            self.kill_projector,
            self.kill_client,
            self.pause_worker,
            self.bad_network,
            self.stranger,
            self.index_disk_full,
        ]
        if self.cluster.nodes:
            faults.append(self.kill_broker)
        name = self.rng.choice(faults)()
        self.report.faults[name] += 1

    def kill_worker(self) -> str:
        """And start it again on its own index."""
        number = self.rng.randint(1, _WORKERS)
        self.processes.kill(f"worker-{number}")
        time.sleep(self.rng.uniform(0, 0.5))
        self.start_worker(number)
        return "kill -9 worker"

    def kill_projector(self) -> str:
        self.processes.kill("projector")
        self.processes.start("projector", "projector")
        return "kill -9 projector"

    def kill_client(self) -> str:
        process = self.rng.choice(self.clients).process
        if process is not None:
            with suppress(ProcessLookupError):
                process.kill()
        return "kill -9 client"

    def pause_worker(self) -> str:
        """SIGSTOP: the others go on with its partitions, and it wakes up later."""
        name = f"worker-{self.rng.randint(1, _WORKERS)}"
        seconds = self.rng.uniform(self._longest_pause / 3, self._longest_pause)
        self.processes.signal(name, signal.SIGSTOP)
        time.sleep(seconds)
        self.processes.signal(name, signal.SIGCONT)
        return "SIGSTOP worker"

    def bad_network(self) -> str:
        self.proxy.weather.chance = self.rng.uniform(0.2, 0.7)
        time.sleep(self.rng.uniform(1, self._longest_pause))
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

    def kill_broker(self) -> str:
        """The one that leads a partition of the log, and start it again."""
        number = self.rng.choice(self.cluster.nodes).number
        self.cluster.node(number).kill()
        time.sleep(self.rng.uniform(0, 2))
        self.cluster.start(number)
        return "kill -9 broker"

    def end(self) -> None:
        """Let everything come to rest, stop it, and check."""
        self.proxy.weather.chance = 0.0
        for client in self.clients:
            client.finish()
        self._wait_for_replies()
        self.processes.stop()
        self.proxy.close()
        told = [line for client in self.clients for _, heard in client.heard for line in heard]
        for client in self.clients:
            self.report.commands += client.given
            self.report.unknown += client.unknown
            self.report.wrong += client.wrong + list(_changed_answers(client))
        answers = [json.loads(line) for line in set(told)]
        self.report.acknowledged = len(answers)
        self.report.refused = sum(not answer["ok"] for answer in answers)
        for evidence in gather(self.cluster.bootstrap, self.app, _PARTITIONS, told):
            findings = check(evidence)
            self.report.outcomes.update(findings.outcomes)
            self.report.late_records += findings.ignored
            self.report.wrong += [f"partition {evidence.partition}: {wrong}" for wrong in findings.wrong]
        # A command whose first copy had acted gets its first answer again: that is how an unknown outcome is settled.
        self.report.resolved["had been handled: answered again"] = self.report.outcomes["REPEATED"]
        self.report.wrong += self._read_models()
        self.report.faults.update(self.proxy.done)

    def _wait_for_replies(self) -> None:
        """Workers answer at their start what others had no time to say."""
        deadline = time.monotonic() + _WAIT_FOR_END
        while time.monotonic() < deadline:
            wrong = [
                wrong
                for evidence in gather(self.cluster.bootstrap, self.app, _PARTITIONS, ())
                for wrong in check(evidence).wrong
                if "has no reply" in wrong
            ]
            if not wrong:
                return
            time.sleep(1)

    def _read_models(self) -> Iterator[str]:
        """Whether what the projectors made equals a rebuild."""
        settings = load({}, log=self.url, views=f"sqlite:///{self.folder / 'views.sqlite'}")
        with Installation(settings) as made:
            before = _rows(made)
            made.rebuild([projection.name for projection in PROJECTIONS]).run()
            for old, new in zip(before, _rows(made), strict=True):
                if old != new:
                    yield f"a read model has {old}, a rebuild makes {new}"


def _changed_answers(client: Client) -> Iterator[str]:
    """Every life of a client hears the same answers, as far as it lives."""
    longest: dict[str, list[str]] = {}
    for file, heard in client.heard:
        known = longest.setdefault(file, heard)
        for first, again in zip(known, heard, strict=False):
            if first != again:
                yield f"{file}: {first} was answered again as {again}"
        if len(heard) > len(known):
            longest[file] = heard


def _rows(made: Installation) -> list[str]:
    with made.current() as views:
        return [
            f"{table.name} {json.dumps(row, sort_keys=True, default=str)}"
            for projection in PROJECTIONS
            for table in projection.tables
            for row in views.select(f"SELECT * FROM {{{table.name}}} ORDER BY {', '.join(table.key)}")  # noqa: S608
        ]


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
    chaos.start()
    try:
        time.sleep(6)
        while time.monotonic() - begun < seconds or chaos.report.faults.total() < faults:
            chaos.some_fault()
            time.sleep(chaos.rng.uniform(0.2, 3.0))
        chaos.end()
    finally:
        chaos.processes.stop()
        chaos.proxy.close()
    chaos.report.seconds = round(time.monotonic() - begun, 1)
    return chaos.report
