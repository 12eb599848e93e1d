"""A real unclean election: a replica that lacks what was acknowledged is made the leader, and the others follow it.

    1. Give commands while all three replicas of the topic of events are in sync.
    2. Kill one replica, and give more: the other two acknowledge them.
    3. Kill these two, start the first one, and have it elected although it is not in sync. Start the others.
    4. Worker and projector, which ran all the time, say within `Report.told` seconds what is wrong; so do questions
       and the doctor, and nobody answers from what is gone.
    5. `dossier log recover`: service is back, and so is every acknowledged command, with its id and its answer.

Five brokers, so that those that are left can elect: a cluster of three whose two are dead decides nothing.

    python -m tests.fault.unclean_election
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError
from kafka.protocol.admin.topics import ElectionType

from infra.bootstrap import Application
from infra.dev.kafka import KafkaCluster, kafka
from infra.dev.processes import Processes, processes
from infra.diagnosis.halts import halts
from infra.settings import load
from tests.support.terminal import Terminal
from tests.support.waiting import wait_until
from tests.support.workload import lines

NODES: Final = 5
_GIVEN: Final = (20, 50)
"""How many commands are given before, and before the election altogether."""
_COMMANDS: Final = 60


@dataclass(slots=True)
class Report:
    """What was seen. `told`: process → seconds after the election in which it said what is wrong."""

    acknowledged: int = 0
    gone: int = 0
    told: dict[str, float] = field(default_factory=dict)
    found: list[str] = field(default_factory=list)
    back: int = 0
    wrong: list[str] = field(default_factory=list)

    def expect(self, holds: object, what: str) -> None:
        """Note what does not hold."""
        if not holds:
            self.wrong.append(what)


def run(cluster: KafkaCluster, folder: Path) -> Report:
    """The whole of it, once."""
    report = Report()
    terminal = Terminal(folder)
    url = f"kafka://{cluster.bootstrap}?prefix=unclean&replication=3&index={folder / 'index'}"
    # The read models stand beside the indexes, where the projector has them too.
    terminal.environment["DOSSIER_LOG"] = url
    way = [line.encode() for line in islice(lines(2), _COMMANDS)]
    with Application(load(terminal.environment), create=True) as made:
        topic = made.topics.events.name
    with processes(url, folder / "logs") as running:
        answers = _given(terminal, way[: _GIVEN[0]])  # 1
        terminal.run("status")
        isr, stale = _in_sync(cluster, topic)
        cluster.node(stale).kill()
        answers |= _given(terminal, way[_GIVEN[0] : _GIVEN[1]])  # 2
        terminal.run("status")
        report.acknowledged = len(answers)
        for number in isr:  # 3
            cluster.node(number).kill()
        cluster.start(stale)
        _elect(cluster, topic, stale)
        elected = time.monotonic()
        for number in isr:
            cluster.start(number)
        _wait_for_halts(terminal, report, elected)  # 4
        _look(terminal, report)
        _recover(terminal, running, report)  # 5
        again = _given(terminal, way[: _GIVEN[1]])
        report.back = sum(again[key] == line for key, line in answers.items())
        report.expect(report.back == len(answers), "an acknowledged command got another answer afterwards")
        more = _given(terminal, way[_GIVEN[1] :])
        report.expect(all(json.loads(line)["ok"] for line in more.values()), "a command after it was refused")
        left = {each["code"] for each in terminal.ask("doctor", "--json").json["wrong"]}
        report.expect(not left, f"the doctor finds {sorted(left)} in the end")
        report.expect(terminal.rows("status"), "the read models are empty")
    return report


def _given(terminal: Terminal, commands: list[bytes]) -> dict[str, str]:
    """Command id → answer."""
    found: dict[str, str] = {}
    with Application(load(terminal.environment)) as client:
        for answer in client.gateway.submit(commands)():
            found[json.loads(answer.line)["command_id"]] = answer.line
    return found


def _in_sync(cluster: KafkaCluster, topic: str) -> tuple[list[int], int]:
    """The replicas that stay in sync, the leader among them, and the one that will not."""

    def look(admin: KafkaAdminClient) -> tuple[list[int], int] | None:
        (described,) = admin.describe_topics([topic])
        (found,) = described["partitions"]
        replicas, leader = [int(each) for each in found["replica_nodes"]], int(found["leader_id"])
        if len(found["isr_nodes"]) < len(replicas):
            return None
        stale = next(each for each in replicas if each != leader)
        return [each for each in replicas if each != stale], stale

    found: tuple[list[int], int] = _asked(cluster, look)
    return found


def _elect(cluster: KafkaCluster, topic: str, stale: int) -> None:
    """Have the replica elected that is not in sync; it is the only one that lives."""

    def elect(admin: KafkaAdminClient) -> bool:
        admin.elect_leaders(ElectionType.UNCLEAN, {topic: [0]}, raise_errors=False)
        (described,) = admin.describe_topics([topic])
        return int(described["partitions"][0]["leader_id"]) == stale

    _asked(cluster, elect)


def _asked(cluster: KafkaCluster, question: Callable[[KafkaAdminClient], Any]) -> Any:
    """The first answer that is something, while the cluster finds together."""
    found: list[Any] = []

    def ask() -> bool:
        alive = ",".join(node.address for node in cluster.nodes if node.pid() is not None)
        try:
            admin = KafkaAdminClient(bootstrap_servers=alive, request_timeout_ms=5000)
            try:
                found.append(question(admin))
            finally:
                admin.close()
        except KafkaError:
            return False
        return bool(found[-1])

    wait_until(ask, pause=0.5)
    return found[-1]


def _wait_for_halts(terminal: Terminal, report: Report, since: float) -> None:
    state = load(terminal.environment).state_dir

    def look() -> bool:
        for each in halts(state):
            if each.code in ("LOG_CHANGED", "LOG_BROKEN"):
                report.told.setdefault(each.process, round(time.monotonic() - since, 1))
        return report.told.keys() >= {"worker", "projector"}

    wait_until(look, pause=0.2)


def _look(terminal: Terminal, report: Report) -> None:
    """Nobody answers as if nothing were gone."""
    said = terminal.ask("status")
    report.expect(said.code == 4 and "LOG_CHANGED" in said.err, f"a question was answered: {said.out[:200]}")
    found = terminal.ask("doctor", "--json").json["wrong"]
    report.found = sorted({each["code"] for each in found})
    report.expect("LOG_CHANGED" in report.found, f"the doctor found {report.found}")


def _recover(terminal: Terminal, running: Processes, report: Report) -> None:
    """As the page says: stop the processes of this machine, recover, start them again."""
    for name in ("worker-1", "projector-1"):
        running.process(name).terminate()
        running.process(name).wait()
    shown = terminal.json("log", "recover")
    commands = [each for partition in shown["partitions"] for each in partition["commands"]]
    report.gone = len(commands)
    report.expect(report.gone > 0, "the election lost nothing: the run proved nothing")
    report.expect(shown["losing"] == 0, f"{shown['losing']} commands would stay lost")
    done = terminal.ask("log", "recover", "--losing=0", "--json")
    left = {each["code"] for each in done.json["wrong"]}
    report.expect(left <= {"NO_WORKER", "PROCESS_HALTED"}, f"after the recovery the doctor finds {sorted(left)}")
    running.start("worker-1", "worker")
    running.start("projector-1", "projector")
    wait_until(lambda: not terminal.ask("doctor", "--json").json["wrong"], pause=1.0)


@contextmanager
def five_brokers(folder: Path) -> Iterator[KafkaCluster]:
    """Brokers of its own."""
    with kafka(nodes=NODES, data_dir=folder / "kafka") as cluster:
        yield cluster


def main() -> int:
    """Once, with its figures on the screen."""
    with TemporaryDirectory(dir="build", prefix="unclean-") as name:
        folder = Path(name).resolve()
        with five_brokers(folder) as cluster:
            report = run(cluster, folder)
    print(
        f"unclean election: {report.acknowledged} acknowledged, {report.gone} of them gone; said what is wrong after "
        f"{', '.join(f'{seconds} s ({who})' for who, seconds in report.told.items())}; the doctor found "
        f"{', '.join(report.found)}; {report.back} are back with their answers; {len(report.wrong)} wrong"
    )
    for each in report.wrong:
        print(f"  {each}")
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
