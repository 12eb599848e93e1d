"""The whole system on a real Kafka: brokers, workers, a projector, clients, and the check of what they left behind.

Clients are `dossier apply` processes; what each has heard stands in its own file. A client that was killed gets the
same file again, until it has every answer. At the end the checker reads everything from offset zero.
"""

from __future__ import annotations

import json
import random
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from threading import Timer

from infra.bootstrap import Application
from infra.dev.kafka import KafkaCluster
from infra.dev.processes import Processes
from infra.settings import load
from infra.timeouts import Timeout
from tests.fault.checker import check, check_rest
from tests.fault.clients import Client, changed_answers, resolved
from tests.fault.evidence import Evidence, gather
from tests.fault.figures import Report, memory, silence, together, unacknowledged
from tests.fault.hostile_writer import MOLE
from tests.fault.killed_apply import commands
from tests.fault.losses import LostQueue
from tests.fault.memory import MemoryWatch
from tests.fault.operator import operate
from tests.fault.proxy import Proxy
from tests.fault.read_models import check_read_models
from tests.fault.sigstop import Pauses

PARTITIONS = 2
WORKERS = 3
"""The third one reaches the brokers through the proxy, and the second client does so too."""
_WAIT_FOR_END = 180


class ChaosSystem:
    """Everything that runs, from its start to its check."""

    def __init__(self, cluster: KafkaCluster, folder: Path, seed: int) -> None:
        self.rng = random.Random(seed)
        self.cluster = cluster
        self.report = Report(seed, len(cluster.nodes) or 1)
        self.folder = folder
        self.app = f"chaos{seed}"
        options = f"prefix={self.app}&partitions={PARTITIONS}"
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
        self._operate = partial(operate, self.url)
        self._queue = LostQueue(self._operate)
        self._backup = folder / "backup"
        self._still: list[tuple[float, float]] = []
        """When nobody could be answered."""
        self._memory = MemoryWatch(self._pids)

    @property
    def _views(self) -> Path:
        return self.folder / "views.sqlite"

    def _pids(self) -> Mapping[str, int]:
        names = [*(f"worker-{number}" for number in range(1, WORKERS + 1)), "projector"]
        return {name: self.processes.pid(name) for name in names}

    def start(self, dossiers: int) -> None:
        """Everything that there is; clients have the ways of so many dossiers to give."""
        self._operate("keys", "init")
        self._operate("keys", "add-writer", MOLE.public.hex())
        self._start_all()
        self._memory.start()
        lines = commands(self.rng, dossiers)
        half = len(lines) // 2
        # Both give some of the same commands: whoever comes second gets the first one's answers.
        for name, url, mine in (("one", self.url, lines), ("two", self.through_proxy, lines[half // 2 :])):
            self.clients.append(Client(name, url, self.folder, mine))

    def _start_all(self) -> None:
        for number in range(1, WORKERS + 1):
            self.start_worker(number)
        self.processes.start("projector", "projector")

    def start_worker(self, number: int) -> None:
        """The last one goes through the proxy."""
        url = self.through_proxy if number == WORKERS else None
        self.processes.start(f"worker-{number}", "worker", url=url)

    def _later(self, seconds: float, action: Callable[[], object]) -> None:
        """Other faults fall meanwhile."""
        self._timers.append(Timer(seconds, action))
        self._timers[-1].start()

    def _end_bad_network(self) -> None:
        self.proxy.weather.chance = 0.0

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
        self._end_bad_network()
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
        found = gather(self.cluster.bootstrap, self.app, PARTITIONS, told)
        for evidence in found:
            evidence.lost = self._queue.lost.get(evidence.partition, {})
        return found

    def _waits(self) -> Iterator[str]:
        for evidence in self._gathered(()):
            yield from check_rest(evidence)
            yield from (wrong for wrong in check(evidence).wrong if "has no reply" in wrong)
