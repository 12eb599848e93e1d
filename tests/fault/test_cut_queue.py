"""A queue that lost its end while the log did not: nobody gets another command's answer, and there is a way back.

The one broker is stopped, the ends of topics of commands are cut on its disk, and it is started again, as after a power
loss or when one topic is restored. What is done with each queue afterwards is the row's own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from itertools import islice, pairwise
from pathlib import Path

import pytest

from consumers.commands import queued
from consumers.commands.outcome import Answer
from domain.commands import NO_DIGEST, Command
from infra.bootstrap import Application
from infra.dev.kafka import KafkaCluster, kafka
from infra.diagnosis.halts import halts
from infra.kafka.client import KafkaPartitionClient
from infra.queue.command_consumer import KafkaCommandQueue
from infra.queue.comparison import QueueComparison
from infra.queue.dead_letters import KafkaDeadLetters
from infra.queue.diagnose import diagnose
from infra.queue.errors import QueueCut
from infra.queue.recovery import FILLER, QueueRecovery
from infra.queue.worker_process import PartitionThread
from infra.settings import load
from schemas.command_parser import MalformedMessage, parse_message
from tests.fault.evidence import accepted, gather
from tests.fault.segments import Segments
from tests.support.terminal import Terminal
from tests.support.waiting import wait_until
from tests.support.workload import lines

HANDLED, KEPT = 20, 12
WAY = [line.encode() for line in islice(lines(2), 60)]
JUNK = b"this was never a command, and names no id at all, but it is long"


@dataclass
class Queue:
    """A log with its queue, whose end is gone; the worker of its one partition; and what its clients were told."""

    made: Application
    folder: Path
    worker: PartitionThread | None = None
    answers: list[Answer] = field(default_factory=list)

    def start(self) -> None:
        """The worker."""
        self.worker = PartitionThread(self.made, 0)
        self.worker.start()

    def stop(self) -> None:
        """The worker."""
        if self.worker is not None:
            self.worker.stopped.set()
            self.worker.join()
            self.worker = None

    def put(self, commands: Sequence[bytes]) -> None:
        """Into the queue, as a client of an earlier release does."""
        with closing(KafkaPartitionClient(self.made.kafka, self.made.topics.commands, 0)) as client:
            client.send_durably([(None, line) for line in commands])

    def end(self) -> int:
        """Of the queue."""
        with closing(KafkaPartitionClient(self.made.kafka, self.made.topics.commands, 0)) as client:
            return client.end()

    def handled(self) -> int:
        """The last handled offset."""
        self.made.kafka_reader.refresh(0)
        commands = self.made.kafka_reader.state(0).commands
        assert commands is not None
        return commands.offset

    def submit(self, commands: Sequence[bytes]) -> list[Answer]:
        """By a client that begins now."""
        with Application(self.made.settings) as other:
            return other.gateway.submit(commands)()

    def halt(self) -> str:
        """The code of the error that the worker halted with, once it has."""
        wait_until(lambda: bool(halts(self.made.settings.state_dir)))
        return halts(self.made.settings.state_dir)[0].code

    def wrong(self) -> list[str]:
        """What the doctor finds, but that no member of a group works here."""
        return [each.error.code for each in diagnose(self.made).wrong if each.error.code != "NO_WORKER"]

    def terminal(self) -> Terminal:
        """A person's."""
        terminal, made = Terminal(self.folder), self.made.kafka
        terminal.environment["DOSSIER_LOG"] = f"kafka://{made.bootstrap}?prefix={made.app}&index={made.index_dir}"
        return terminal

    def recover(self) -> list[str]:
        """By the command line; the ids that were put into the queue again."""
        terminal = self.terminal()
        shown = terminal.json("log", "recover", "queue", "--partition=0")
        assert shown["needed"]
        assert shown["handled"] == self.handled()
        said = terminal.run("log", "recover", "queue", "--partition=0", f"--handled={shown['handled']}", "--json")
        recovered: list[str] = said.json["recovered"]
        assert recovered == [each["command_id"] for each in shown["waiting"]]
        assert not terminal.json("log", "recover", "queue", "--partition=0")["needed"]
        return recovered


@dataclass(frozen=True)
class Row:
    """A case: how many of the twenty handled commands are left in the queue, and whether the worker runs all the time.

    `last` stands at the end of what was handled, by an `earlier` release or by this one; so many commands stand behind
    it and are `unhandled`.
    """

    kept: int = KEPT
    alive: bool = False
    last: bytes | None = None
    earlier: bool = False
    unhandled: int = 0


ROWS = {
    "told": Row(),
    "alive": Row(alive=True),
    "client": Row(),
    "grown": Row(),
    "answered": Row(kept=HANDLED - 2),
    "junk": Row(last=JUNK),
    "letter": Row(last=JUNK),
    "empty": Row(kept=0),
    "order": Row(),
    "killed": Row(),
    "twice": Row(),
    "aligned": Row(kept=HANDLED - 2),
    "unhandled": Row(kept=HANDLED + 1, unhandled=3),
    "unknown": Row(last=JUNK, earlier=True),
}


@pytest.fixture(scope="module")
def queues(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Queue]]:
    """One for each row, all cut at once."""
    folder = tmp_path_factory.mktemp("cut")
    with kafka(nodes=1, data_dir=folder / "kafka") as cluster, ExitStack() as stack:
        found = {name: _made(cluster, folder / name, name, row, stack) for name, row in ROWS.items()}
        cluster.stop()
        for name, queue in found.items():
            Segments.of(cluster.nodes, queue.made.topics.commands.name, 0).cut(ROWS[name].kept)
        cluster.start()
        yield found


def _made(cluster: KafkaCluster, folder: Path, name: str, row: Row, stack: ExitStack) -> Queue:
    folder.mkdir()
    url = f"kafka://{cluster.bootstrap}?prefix={name}&index={folder / 'index'}"
    queue = Queue(stack.enter_context(Application(load({}, log=url), create=True)), folder)
    stack.callback(queue.stop)
    queue.start()
    # In batches that end where the queue may be cut.
    for start, end in pairwise((0, KEPT, HANDLED - 2, HANDLED - 1 if row.last else HANDLED)):
        queue.answers += queue.made.gateway.submit(WAY[start:end])()
    with pytest.MonkeyPatch.context() as patch:
        if row.earlier:
            patch.setattr(queued, "parse_message", lambda line: _without_digest(parse_message(line)))
        if row.last:
            queue.put([row.last])
            wait_until(lambda: queue.handled() == HANDLED - 1)
    if not row.alive:
        queue.stop()
    for number in range(row.unhandled):
        queue.put([WAY[HANDLED + number]])
    return queue


def _without_digest(item: Command | MalformedMessage) -> Command | MalformedMessage:
    return replace(item, digest=NO_DIGEST) if isinstance(item, MalformedMessage) else item


def facts(queue: Queue) -> dict[str, int]:
    """Command id → how often it acted, by a second hand."""
    (evidence,) = gather(queue.made.kafka.bootstrap, queue.made.kafka.app, 1, ())
    found: dict[str, int] = {}
    for record in accepted(evidence)[0]:
        for append in record.appends:
            if append["outcome"] == "EVENTS":
                command_id = append["command"]["id"].hex()
                found[command_id] = found.get(command_id, 0) + 1
    return found


def check_all_act_once(queue: Queue, count: int) -> None:
    """The worker goes on by itself; what was answered gets the same answer, and every command acts once."""
    wait_until(lambda: not halts(queue.made.settings.state_dir))
    given = WAY[:count]
    again = queue.submit(given)
    assert again[: len(queue.answers)] == queue.answers
    assert len({json.loads(answer.line)["command_id"] for answer in again}) == count
    assert all(answer.outcome == "accepted" for answer in again)
    assert sorted(facts(queue).values()) == [1] * count
    assert queue.wrong() == []


def test_a_worker_that_begins_halts_and_says_which_partition(queues: dict[str, Queue]) -> None:
    """And the doctor names the topic, the offset, and what to do."""
    queue = queues["told"]
    queue.start()
    assert queue.halt() == "QUEUE_CUT"
    (wrong,) = [each for each in diagnose(queue.made).wrong if each.error.code == "QUEUE_CUT"]
    assert wrong.place == {"topic": "told.commands", "partition": 0, "offset": HANDLED - 1}
    assert "ends at offset 12" in wrong.error.message()
    assert "dossier log recover queue --partition 0" in wrong.error.hint()
    assert "offset 12" in wrong.error.message("vi")
    assert queue.recover() == []
    check_all_act_once(queue, 25)


def test_a_worker_that_was_idle_all_the_time_halts(queues: dict[str, Queue]) -> None:
    assert queues["alive"].halt() == "QUEUE_CUT"
    assert queues["alive"].handled() == HANDLED - 1


def test_a_client_is_told_and_sends_nothing(queues: dict[str, Queue]) -> None:
    """One that begins, and one that lived through it."""
    queue = queues["client"]
    for gateway in (queue.submit, lambda commands: queue.made.gateway.submit(commands)()):
        with pytest.raises(QueueCut):
            gateway(WAY[HANDLED : HANDLED + 1])
    said = queue.terminal().run("open", "04633", "--level=basic", "--year=2024", "--on=2024-06-12", code=4).err
    assert "QUEUE_CUT" in said
    assert "dossier log recover queue --partition 0" in said
    assert queue.end() == KEPT


def test_a_queue_that_grew_past_the_last_handled_offset_again_is_cut_all_the_same(queues: dict[str, Queue]) -> None:
    """What stands at reused offsets is told by its ids, put into the queue again, and acts once."""
    queue = queues["grown"]
    new = WAY[HANDLED : HANDLED + 15]
    queue.put(new)
    queue.start()
    assert queue.halt() == "QUEUE_CUT"
    with pytest.raises(QueueCut):
        queue.submit(new)
    assert queue.wrong() == ["QUEUE_CUT", "PROCESS_HALTED"]
    assert queue.end() == KEPT + len(new)
    assert queue.recover() == [json.loads(line)["command_id"] for line in new]
    check_all_act_once(queue, HANDLED + len(new))


def test_nobody_is_given_the_answer_to_another_command(
    queues: dict[str, Queue], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although nothing is compared beforehand, and a worker gives the last answers again."""
    queue = queues["answered"]
    monkeypatch.setattr(QueueComparison, "compare", lambda *_: None)
    monkeypatch.setattr(QueueComparison, "check_offset", lambda *_: None)
    monkeypatch.setattr(KafkaCommandQueue, "check", lambda *_: None)
    wait = queue.made.gateway.submit(WAY[HANDLED : HANDLED + 3])
    queue.start()
    with pytest.raises(QueueCut):
        wait()


def test_what_was_no_command_can_be_told_from_one(queues: dict[str, Queue]) -> None:
    queue = queues["junk"]
    queue.put(WAY[HANDLED - 1 : HANDLED + 20])
    queue.start()
    assert queue.halt() == "QUEUE_CUT"
    queue.recover()
    check_all_act_once(queue, HANDLED + 20)


def test_a_dead_letter_never_has_the_bytes_of_another_command(queues: dict[str, Queue]) -> None:
    """A worker stores the last ones again when it begins."""
    queue = queues["letter"]
    queue.put(WAY[HANDLED : HANDLED + 20])
    with closing(KafkaDeadLetters(queue.made.kafka, queue.made.topics.dead_letters, 0)) as letters:
        before = letters.waiting()
        queue.start()
        assert queue.halt() == "QUEUE_CUT"
        assert letters.waiting() == before
    terminal = queue.terminal()
    assert "COMMAND_GONE" in terminal.run("dead-letters", "retry", before[0].name, code=2).err or before[0].is_whole


def test_an_empty_queue_comes_back(queues: dict[str, Queue]) -> None:
    queue = queues["empty"]
    queue.start()
    assert queue.halt() == "QUEUE_CUT"
    assert queue.recover() == []
    check_all_act_once(queue, HANDLED + 5)


def test_commands_keep_their_order(queues: dict[str, Queue]) -> None:
    """Those at reused offsets come before those behind them, as they were sent."""
    queue = queues["order"]
    queue.put([*WAY[HANDLED : HANDLED + 5], JUNK, *WAY[HANDLED + 5 : HANDLED + 12]])
    terminal = queue.terminal()
    for wrong in (["recover", "views"], ["recover", "queue", "--handled=3"], ["recover", "queue", "--partition=1"]):
        assert "BAD_OPTION" in terminal.run("log", *wrong, code=2).err
    assert "BAD_OPTION" in terminal.run("log", "dismiss", "queue", code=2).err
    shown = terminal.run("log", "recover", "queue").out
    assert str(HANDLED - 1) in shown
    ids = queue.recover()
    assert "nothing to be recovered" in terminal.run("log", "recover", "queue").out
    assert ids == [json.loads(line)["command_id"] for line in WAY[HANDLED : HANDLED + 12]]
    queue.start()
    check_all_act_once(queue, HANDLED + 12)
    assert [each.error.code for each in diagnose(queue.made, whole=True).wrong] == ["NO_WORKER"]


@pytest.mark.parametrize("step", ["_fill", "_settle_letter", "_append"])
def test_a_recovery_that_is_killed_is_done_again(
    queues: dict[str, Queue], monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Behind each of its steps; one after the other."""
    queue = queues["killed"]
    if queue.end() == KEPT:
        queue.put(WAY[HANDLED : HANDLED + 2])

    class Killed(BaseException):
        pass

    done: Callable[..., object] = getattr(QueueRecovery, step)

    def killed(self: QueueRecovery, *arguments: object) -> None:
        done(self, *arguments)
        raise Killed

    monkeypatch.setattr(QueueRecovery, step, killed)
    with pytest.raises(Killed):
        queue.recover()
    monkeypatch.undo()
    if step == "_append":
        queue.start()
        check_all_act_once(queue, HANDLED + 2)


def test_two_people_may_do_it_at_once(queues: dict[str, Queue], monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one while the first is about to say so in the log, and a worker goes on in between."""
    queue = queues["twice"]
    queue.put(WAY[HANDLED : HANDLED + 4])
    queue.start()
    assert queue.halt() == "QUEUE_CUT"
    append = QueueRecovery._append

    def slowly(self: QueueRecovery, *arguments: object) -> None:
        monkeypatch.undo()
        queue.recover()
        wait_until(lambda: not halts(queue.made.settings.state_dir))
        append(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(QueueRecovery, "_append", slowly)
    terminal = queue.terminal()
    terminal.run("log", "recover", "queue", f"--handled={HANDLED - 1}")
    check_all_act_once(queue, HANDLED + 4)


def test_a_client_that_got_an_offset_which_was_handled_is_told(queues: dict[str, Queue]) -> None:
    """Also where the last handled command stands at its place once more, since its sender gave it again."""
    queue = queues["aligned"]
    queue.put([WAY[HANDLED], WAY[HANDLED - 1]])
    with Application(queue.made.settings) as other:
        gateway = other._queued_gateway
        _, comparison = gateway._sender(0)
        comparison.compare(lambda: other.kafka_reader.last_handled(0))
        with pytest.raises(QueueCut):
            comparison.check_offset(HANDLED - 2)
    assert queue.recover() == [json.loads(WAY[HANDLED])["command_id"]]
    queue.start()
    check_all_act_once(queue, HANDLED + 1)


def test_commands_that_nobody_had_handled_are_lost_without_harm(queues: dict[str, Queue]) -> None:
    """They had no answer: whoever sent them gives them again."""
    queue = queues["unhandled"]
    queue.start()
    check_all_act_once(queue, HANDLED + 3)


def test_what_an_earlier_release_did_not_record_is_not_known(queues: dict[str, Queue]) -> None:
    """Of what it could not decode it kept no digest: then the end of the queue alone tells that it was cut."""
    queue = queues["unknown"]
    queue.start()
    assert queue.halt() == "QUEUE_CUT"
    queue.recover()
    check_all_act_once(queue, HANDLED)


def test_the_filler_is_no_command() -> None:
    """Too short to name one."""
    assert b"command_id" not in FILLER
