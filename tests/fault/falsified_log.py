"""A log that is falsified under a running system: everybody stops and says so, and nobody builds on it.

Five faults, none of which can be survived:

    an accepted record altered         one byte, under a checksum that fits, on every broker
    the last accepted record altered   the same, where nothing follows that was built on it
    the tail cut                       everything from an accepted record on is gone
    records deleted                    from the beginning, by DeleteRecords
    the topic made anew                deleted, and another one created under its name

What must hold, for those that run, for those that are started again on their indexes (warm), and for those on a new
machine with the same read models (cold): they halt with an error that names the fault, `dossier doctor` and questions
end with exit code 4, nothing more is answered or appended, the read models stay where they were, and the checker finds
it too. What the log cannot tell is left out, see `promises`. At the end the records are put back as they were: then
everything is whole, and everything that was acknowledged is there.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import SystemRandom
from uuid import uuid4

from kafka import TopicPartition
from kafka.admin import KafkaAdminClient

from infra.bootstrap import Application
from infra.dev.kafka import KafkaCluster, kafka
from infra.dev.processes import Processes
from infra.kafka.settings import from_url
from infra.kafka.topics import ensure, log_topic
from infra.settings import load
from projections.read_models import PROJECTIONS
from tests.fault import second_worker
from tests.fault.checker import check, check_rest
from tests.fault.clients import Client
from tests.fault.evidence import Accepted, Evidence, accepted, gather, read_topic
from tests.fault.expectations import BROKEN, CHANGED, PROMISES
from tests.fault.killed_apply import commands
from tests.fault.read_models import check_read_models
from tests.fault.segments import Segments

_WITHIN = 180.0
_LOAD = (2.0, 8.0)


@dataclass(slots=True)
class Report:
    """What a run did and found; `wrong` is empty when all is well. `halted`: who → code."""

    fault: str
    seed: int
    nodes: int
    acknowledged: int = 0
    records: int = 0
    place: str = ""
    halted: dict[str, str] = field(default_factory=dict)
    found: list[str] = field(default_factory=list)
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)


class Campaign:
    """One system of one partition, and one fault."""

    def __init__(self, cluster: KafkaCluster, folder: Path, fault: str, seed: int) -> None:
        self.report = Report(fault, seed, len(cluster.nodes))
        self.promise = PROMISES[fault]
        self.rng = random.Random(seed)
        self.cluster = cluster
        self.folder = folder
        self.app = f"f{uuid4().hex[:12]}"
        self.topic = f"{self.app}.events"
        self.url = f"kafka://{cluster.bootstrap}?prefix={self.app}&index={folder / 'index'}"
        # The keys that the first worker made serve the host's other processes.
        keys = folder / "index" / "keys"
        self.cold_url = f"kafka://{cluster.bootstrap}?prefix={self.app}&index={folder / 'cold'}&keys={keys}"
        self.views = folder / "views.sqlite"
        self._environment = {"DOSSIER_VIEWS": f"sqlite:///{self.views}", "DOSSIER_ANSWER_WITHIN": "5"}
        self.running = Processes(self.url, folder, self._environment)
        self._second: subprocess.Popen[bytes] | None = None
        self._client: Client | None = None
        self._originals: dict[Path, bytes] = {}

    def go(self) -> None:
        """The whole way."""
        promise = self.promise
        self.load()
        if promise.warm and not promise.running:
            self._come_to_rest()
        logs = {file.name: file.stat().st_size for file in self.folder.glob("*.log") if file.name != "client.log"}
        self.falsify()
        # 1. Those that are at work. Until they have noticed, one record of each writer may have come, and no answer.
        if promise.running:
            self.expect("running", promise.running, logs)
            self.ask("running", self.url, promise.running)
        else:
            time.sleep(self.rng.uniform(*_LOAD))
            self.look_at_the_whole()
        self._client_gives_up()
        settled = self._end(), self._positions(), self._told()
        # 2. Those that are started again on their indexes, and 3. those that begin with none.
        if promise.warm:
            self.start_again("warm", self.url, promise.warm)
        if promise.cold:
            self.start_again("cold", self.cold_url, promise.cold)
        self.stop()
        if (now := (self._end(), self._positions(), self._told())) != settled:
            self.report.wrong.append(f"end of the log, read models and answers moved from {settled} to {now}")
        self.check()
        if self._originals:
            self.put_back()

    def _come_to_rest(self) -> None:
        """Every index holds the last record; then all stop."""
        self._client_gives_up()
        deadline = time.monotonic() + _WITHIN
        while not self._is_at_rest() and time.monotonic() < deadline:
            time.sleep(0.5)
        self.stop()

    def _is_at_rest(self) -> bool:
        (evidence,) = gather(self.cluster.bootstrap, self.app, 1, ())
        records, _ = accepted(evidence)
        return not check_rest(evidence) and self._known() == records[-1].position + records[-1].counted - 1

    def load(self) -> None:
        """Workers on the partition, a projector, a client; until there is something to falsify."""
        self.running.start("worker", "worker")
        if self.promise.running or not self.promise.warm:
            self._second = second_worker.start(self.url, 0, self.folder / "second-worker.log", self._environment)
        self.running.start("projector", "projector")
        self._client = Client("client", self.url, self.folder, commands(self.rng, 100))
        deadline = time.monotonic() + _WITHIN
        while not self._told() or self._end() < 6 or not self._seen_by_all(self._accepted()):
            if time.monotonic() > deadline:
                raise TimeoutError("nothing was answered")
            time.sleep(0.5)
        time.sleep(self.rng.uniform(*_LOAD))

    def falsify(self) -> None:
        """Commit the fault."""
        match self.report.fault:
            case "records deleted":
                end = self._end()
                offset = self.rng.randrange(1, end)
                self.report.place = f"up to offset {offset} of {end}"
                self._admin(lambda admin: admin.delete_records({TopicPartition(self.topic, 0): offset}))
            case "the topic made anew":
                self.report.place = f"after offset {self._end() - 1}"
                self._admin(lambda admin: admin.delete_topics([self.topic]))
                time.sleep(self.rng.uniform(0, 3))
                settings = from_url(self.url, {})
                ensure(settings, [log_topic(settings, self.topic)])
            case _:
                self.cluster.stop()
                self._falsify_files()
                self.cluster.start()

    def _falsify_files(self) -> None:
        segments = Segments.of(self.cluster.nodes, self.topic, 0)
        records, _ = accepted(Evidence(self.app, 1, 0, segments.records(), [], []))
        self._originals = segments.originals()
        self.report.records = len(records)
        if self.report.fault == "the tail cut":
            # What an index or a read model has not seen, it cannot miss.
            offset = self.rng.choice(self._seen_by_all(records)).offset
            segments.cut(offset)
            self.report.place = f"from offset {offset} on"
        else:
            last = self.report.fault == "the last accepted record altered"
            offset = records[-1].offset if last else self.rng.choice(records[:-1]).offset
            self.report.place = f"byte {segments.alter(offset, self.rng)} of the record at offset {offset}"

    def expect(self, when: str, codes: frozenset[str], logs: dict[str, int]) -> None:
        """Every process that logs says one of these codes."""
        for name, start in logs.items():
            who = f"{name}, {when}"
            deadline = time.monotonic() + _WITHIN
            found: set[str] = set()
            while time.monotonic() < deadline and not found & codes:
                time.sleep(0.2)
                found = set(_codes(self.folder / name, start))
            self.report.halted[who] = ", ".join(sorted(found & codes))
            if not found & codes:
                self.report.wrong.append(f"{who}: said {sorted(found)}, none of {sorted(codes)}")

    def start_again(self, when: str, url: str, codes: frozenset[str]) -> None:
        """A worker and a projector, new ones; then those who ask and who give a command."""
        self.stop()
        names = {name: f"{when}-{name}" for name in ("worker", "projector")}
        for kind, name in names.items():
            self.running.start(name, kind, url=url)
        giving = self._give(url)
        self.expect(when, codes, {f"{name}.log": 0 for name in names.values()})
        out, _ = giving.communicate()
        self.stop()
        self.ask(when, url, codes)
        self.report.halted[f"a command, {when}"] = f"exit code {giving.returncode}"
        if giving.returncode != 4 or out:
            self.report.wrong.append(f"a command, {when}: ended with {giving.returncode}, answered {out[:200]!r}")

    def look_at_the_whole(self) -> None:
        """Whoever reads every record again finds what no index looks back at."""
        done = self._dossier(self.url, "doctor", "--whole")
        said = (done.stdout + done.stderr).decode(errors="replace")
        self.report.halted["dossier doctor --whole"] = f"exit code {done.returncode}"
        if done.returncode != 4 or not any(code in said for code in BROKEN | CHANGED):
            self.report.wrong.append(f"dossier doctor --whole: exit code {done.returncode}: {said[-400:]}")

    def ask(self, when: str, url: str, codes: frozenset[str]) -> None:
        """`dossier doctor` names it, and a question is not answered."""
        for words in (("doctor",), ("status", "--limit", "1")):
            done = self._dossier(url, *words)
            said = [code for code in sorted(codes) if code.encode() in done.stdout + done.stderr]
            who = f"dossier {words[0]}, {when}"
            self.report.halted[who] = f"exit code {done.returncode}, {', '.join(said)}"
            if done.returncode != 4 or not said:
                words_said = (done.stdout + done.stderr).decode(errors="replace")[-400:]
                self.report.wrong.append(f"{who}: exit code {done.returncode}, none of {sorted(codes)}: {words_said}")

    def check(self) -> None:
        """The checker finds the fault."""
        told = [line for life in self._lives() for line in life]
        self.report.acknowledged = len(set(told))
        (evidence,) = gather(self.cluster.bootstrap, self.app, 1, told)
        self.report.found = sorted({wrong.split()[0] for wrong in check(evidence).wrong}, key=int)
        if self.promise.checks and not self.promise.checks & set(self.report.found):
            self.report.wrong.append(f"the checker found {self.report.found}, none of {sorted(self.promise.checks)}")

    def put_back(self) -> None:
        """As it was before: whole, with everything that was acknowledged, and read models that say so."""
        self.cluster.stop()
        keep = self.report.fault != "the tail cut"
        Segments.of(self.cluster.nodes, self.topic, 0).put_back(self._originals, keep=keep)
        self.cluster.start()
        # Answers what its predecessors had no time to answer. An index that took what was altered stays unusable.
        fresh = self.cold_url.replace(str(self.folder / "cold"), str(self.folder / "fresh"))
        self.running.start("last-worker", "worker", url=fresh)
        told = [line for life in self._lives() for line in life]
        deadline = time.monotonic() + _WITHIN
        wrong = [""]
        while wrong and time.monotonic() < deadline:
            time.sleep(1)
            (evidence,) = gather(self.cluster.bootstrap, self.app, 1, told)
            wrong = check(evidence).wrong + check_rest(evidence)
        self.stop()
        with Application(load({}, log=fresh, views=self._environment["DOSSIER_VIEWS"])) as made:
            wrong += check_read_models(made)
        self.report.wrong += [f"put back: {each}" for each in wrong]

    def stop(self) -> None:
        """Everything of ours but the brokers."""
        self._client_gives_up()
        if self._second is not None:
            self._second.kill()
            self._second.wait()
        self.running.stop()

    def _client_gives_up(self) -> None:
        if self._client is not None:
            self._client.give_up()

    def _lives(self) -> Iterator[list[str]]:
        for file in sorted(self.folder.glob("client-*.answers")):
            yield [line.decode() for line in file.read_bytes().split(b"\n")[:-1]]

    def _told(self) -> int:
        return sum(map(len, self._lives()))

    def _end(self) -> int:
        records, _ = read_topic(self.cluster.bootstrap, self.topic, 0)
        return records[-1][0] + 1 if records else 0

    def _positions(self) -> int:
        """The lowest position of a read model."""
        return _asked(self.views, "SELECT MIN(position) FROM views_positions")

    def _known(self) -> int:
        """The last position that all indexes and read models have seen; 0 before each of them is there."""
        indexes = list((self.folder / "index").glob("*/*.sqlite"))
        read_models = _asked(self.views, "SELECT COUNT(DISTINCT projection) FROM views_positions")
        # One for all who read, and one for each worker.
        if len(indexes) < (2 if self._second is None else 3) or read_models < len(PROJECTIONS):
            return 0
        heads = [_asked(index, "SELECT position - 1 FROM head") for index in indexes]
        return min([*heads, self._positions()])

    def _seen_by_all(self, records: Sequence[Accepted]) -> list[Accepted]:
        """Those behind the first one that brought events which everybody has read."""
        known = self._known()
        return [each for each in records[1:] if each.counted and each.position + each.counted - 1 <= known]

    def _accepted(self) -> list[Accepted]:
        (evidence,) = gather(self.cluster.bootstrap, self.app, 1, ())
        return accepted(evidence)[0]

    def _give(self, url: str) -> subprocess.Popen[bytes]:
        """One command that nobody has given."""
        file = self.folder / f"{uuid4().hex}.jsonl"
        envelope = json.loads(commands(self.rng, 1)[0]) | {"command_id": str(uuid4())}
        file.write_text(json.dumps(envelope) + "\n", encoding="utf-8")
        program = Path(sys.executable).with_name("dossier")
        environment = {**os.environ, **self._environment}
        return subprocess.Popen(
            [program, "--log", url, "apply", str(file)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )

    def _dossier(self, url: str, *words: str) -> subprocess.CompletedProcess[bytes]:
        program = Path(sys.executable).with_name("dossier")
        environment = {**os.environ, **self._environment}
        return subprocess.run([program, "--log", url, *words], capture_output=True, env=environment, check=False)

    def _admin(self, what: Callable[[KafkaAdminClient], object]) -> None:
        admin = KafkaAdminClient(bootstrap_servers=self.cluster.bootstrap)
        try:
            what(admin)
        finally:
            admin.close()


def _asked(database: Path, question: str) -> int:
    """A number from a file of SQLite, 0 where there is none yet."""
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
            found = connection.execute(question).fetchone()
    except sqlite3.OperationalError:
        return 0
    return int(found[0] or 0) if found else 0


def _codes(file: Path, start: int) -> Iterator[str]:
    """The codes of all errors that a process has logged behind a place in its log."""
    with file.open("rb") as log:
        log.seek(start)
        for line in log.read().split(b"\n")[:-1]:
            if line.startswith(b"{") and b'"code"' in line:
                yield json.loads(line)["code"]


def run(cluster: KafkaCluster, folder: Path, *, fault: str, seed: int) -> Report:
    """One fault on a system of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    campaign = Campaign(cluster, folder, fault, seed)
    try:
        campaign.go()
    finally:
        campaign.stop()
    campaign.report.seconds = round(time.monotonic() - begun, 1)
    return campaign.report


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m tests.fault.falsified_log [--brokers 3]`: all faults; 1 when anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--brokers", type=int, default=1, choices=[1, 3])
    parser.add_argument("--seed", type=int, default=SystemRandom().getrandbits(24))
    parser.add_argument("--fault", choices=sorted(PROMISES), action="append")
    asked = parser.parse_args(arguments)
    folder = (Path("build") / f"falsified-{uuid4().hex[:8]}").resolve()
    wrong = 0
    with kafka(nodes=asked.brokers, data_dir=folder / "kafka") as cluster:
        for number, fault in enumerate(asked.fault or PROMISES):
            report = run(cluster, folder / str(number), fault=fault, seed=asked.seed + number)
            print(json.dumps(asdict(report), indent=1), flush=True)
            wrong += len(report.wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
