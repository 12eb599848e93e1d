"""What a stranger puts into the topics of the queue, under a worker that is moved on by hand, on a real broker."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Producer

from infra.bootstrap import Application
from infra.dev.kafka import KafkaCluster
from infra.kafka.client import KafkaPartitionClient
from infra.kafka.topics import Topic
from infra.log.format import Place, RecordedOutcome
from infra.log.keys import Signer
from infra.queue.dead_letters import KafkaDeadLetters, Letter, whole_command
from infra.queue.errors import CommandGone
from infra.queue.replies import signed_reply
from infra.queue.worker_process import PartitionThread
from infra.settings import load
from tests.fault.two_workers import Small, small
from tests.support.stranger import batch, batch_of, malformed_batches, produce, random_values, record
from tests.support.waiting import wait_until
from tests.support.workload import lines

LARGE = b"\xff" * 800_000
DEEP = b"[" * 100_000


@pytest.fixture
def system(broker: KafkaCluster, tmp_path: Path) -> Iterator[Small]:
    with small(broker, tmp_path) as made:
        yield made


@pytest.fixture
def letters(system: Small) -> Iterator[KafkaDeadLetters]:
    opened = KafkaDeadLetters(system.made.kafka, system.made.topics.dead_letters, 0)
    yield opened
    opened.close()


def values(system: Small, topic: Topic) -> list[bytes]:
    """What stands in a topic."""
    client = KafkaPartitionClient(system.made.kafka, topic, 0)
    try:
        return [record.value or b"" for fetched in client.read(0) for record in fetched.records]
    finally:
        client.close()


def work(system: Small) -> None:
    """Give the official's next command, and let the worker handle everything up to it."""
    (command,) = islice(lines(1), 1)
    client = KafkaPartitionClient(system.made.kafka, system.made.topics.commands, 0)
    last = client.send_durably([(None, command.encode())])
    client.close()
    system.first.worker.start()
    while (handled := system.first.log.commands_offset(0)) is None or handled.offset < last:
        system.first.worker.handle_batch()
    (append,) = (each for each in accepted(system) if each.source is not None and each.source.offset == last)
    assert append.outcome is RecordedOutcome.EVENTS


def accepted(system: Small) -> Sequence[Any]:
    """The appends of the last accepted record."""
    record = system.first.log.last_accepted(0)
    assert record is not None
    return record.appends


def send(system: Small, *raw: bytes) -> list[int]:
    """Send batches to the commands; the offsets of those that were taken."""
    sent = produce(system.made.kafka, system.made.topics.commands, 0, *raw)
    return [offset for offset in sent if isinstance(offset, int)]


def test_batches_that_cannot_be_read_are_dead_by_their_offsets(system: Small, letters: KafkaDeadLetters) -> None:
    (first,) = send(system, batch(record(b"x", 7) + record(b"y", 9), 2))
    work(system)
    (letter,) = letters.waiting()
    assert (letter.offset, letter.size, letter.error["code"]) == (first + 1, 0, "UNREADABLE_RECORDS")
    assert letter.error["details"]["first"] == first
    with pytest.raises(CommandGone):
        whole_command(system.made.kafka, system.made.topics.commands, letter)


def test_the_worker_comes_through_everything_that_a_broker_takes(system: Small) -> None:
    assert send(system, *malformed_batches(), *(batch_of([value]) for value in random_values(1, 30)))
    work(system)


def test_a_letter_holds_the_beginning_and_the_queue_the_rest(system: Small, letters: KafkaDeadLetters) -> None:
    """Larger in base64 than the topic of letters takes, it stopped a worker for ever."""
    (offset,) = send(system, batch_of([LARGE]))
    work(system)
    (letter,) = letters.waiting()
    assert (letter.offset, letter.size, letter.beginning) == (offset, len(LARGE), LARGE[:1024])
    assert letter.sha256 == sha256(LARGE).hexdigest()
    assert whole_command(system.made.kafka, system.made.topics.commands, letter) == LARGE
    assert sum(map(len, values(system, system.made.topics.dead_letters))) < 3_000


def test_letters_of_earlier_releases_are_read(system: Small, letters: KafkaDeadLetters) -> None:
    """They have the whole command in base64."""
    commands = system.made.topics.commands
    letter = {
        "letter": "0/41",
        "commands": str(commands.identity.topic_id),
        "command_id": None,
        "error": {"code": "NOT_JSON", "message": "no JSON", "clause": None, "details": {"position": 1}},
        "command": base64.b64encode(b"x" * 5_000).decode(),
    }
    produce(system.made.kafka, system.made.topics.dead_letters, 0, batch_of([json.dumps(letter).encode()]))
    (found,) = letters.waiting()
    assert (found.name, found.size, found.is_whole) == ("0/41", 5_000, True)
    assert whole_command(system.made.kafka, commands, found) == b"x" * 5_000


def test_a_command_whose_bytes_are_no_longer_there_is_not_retried(system: Small, letters: KafkaDeadLetters) -> None:
    """As in a topic that was made anew, or where the letter is not ours."""
    send(system, batch_of([LARGE]))
    work(system)
    (letter,) = letters.waiting()
    for changes in ({"sha256": "0" * 64}, {"topic_id": "another"}, {"offset": 10**6}):
        other = Letter(**{name: changes.get(name, getattr(letter, name)) for name in Letter.__slots__})
        with pytest.raises(CommandGone):
            whole_command(system.made.kafka, system.made.topics.commands, other)


def test_many_records_that_are_no_commands_leave_little_behind(system: Small, letters: KafkaDeadLetters) -> None:
    send(system, batch_of([b"x"] * 5_000))
    topics = system.made.topics
    work(system)
    assert {each.error["code"] for each in letters.waiting()} == {"UNREADABLE_RECORDS"}
    kept = [*values(system, topics.dead_letters), *values(system, topics.events), *values(system, topics.replies)]
    assert sum(map(len, kept)) < 50_000


def test_many_letters_are_one_batch(system: Small, letters: KafkaDeadLetters) -> None:
    """And all of them come again at the next start, from one look at the queue."""
    mistakes = [b'{"command_id":"01907f3a-0000-7101-8000-%012d"}' % number for number in range(300)]
    send(system, batch_of(mistakes))
    system.first.step()
    assert [each.beginning for each in letters.waiting()] == mistakes
    client = KafkaPartitionClient(system.made.kafka, system.made.topics.dead_letters, 0)
    before = client.end()
    system.second.step()
    assert client.end() == before + len(mistakes)
    client.close()
    assert [each.beginning for each in letters.waiting()] == mistakes


@pytest.mark.parametrize(
    "junk",
    [
        b"",
        b"\xff",
        b"{}",
        b"null",
        DEEP,
        b'{"letter":"0/1","commands":"x"}',
        b'{"letter":"0/1","commands":"x","command_id":null,"error":{"code":1}}',
        b'{"letter":"0","commands":"x","command_id":null,"error":{"code":"A","message":"b"},"beginning":""}',
        b'{"letter":"7/1","commands":"x","command_id":null,"error":{"code":"A","message":"b"},"beginning":""}',
        b'{"letter":"0/1","commands":"x","command_id":null,"error":{"code":"A","message":"b"},"beginning":"*"}',
        b'{"letter":["0/1"],"commands":"x","settled":"dropped"}',
    ],
)
def test_what_is_no_letter_is_passed_over(system: Small, letters: KafkaDeadLetters, junk: bytes) -> None:
    send(system, batch_of([b"no command"]))
    work(system)
    before = letters.waiting()
    produce(system.made.kafka, system.made.topics.dead_letters, 0, batch_of([junk]))
    assert letters.waiting() == before
    assert (len(before), letters.passed_over) == (1, 1)


def test_only_the_answers_of_a_writer_are_believed(broker: KafkaCluster, tmp_path: Path) -> None:
    """A line that is none ends no reader, and a made-up answer is none, under whatever key it is signed."""
    url = f"kafka://{broker.bootstrap}?prefix=r{uuid4().hex[:12]}&index={tmp_path}"
    first, *others = islice(lines(1), 4)
    with Application(load({}, log=url), create=True) as made:
        thread = PartitionThread(made, 0)
        thread.start()
        try:
            assert [each.outcome for each in made.gateway.submit([first.encode()])()] == ["accepted"]
            junk = [batch_of([each]) for each in _no_replies(made)]
            for command in others:
                produce(made.kafka, made.topics.replies, 0, *junk)
                answers = made.gateway.submit([command.encode()])
                produce(made.kafka, made.topics.replies, 0, *junk)
                told = [json.loads(each.line)["command_id"] for each in answers()]
                assert told == [json.loads(command)["command_id"]]
        finally:
            thread.stopped.set()
            thread.join()


def _no_replies(made: Application) -> list[bytes]:
    """What is no reply, and made-up answers to every command: without a key, with another, under a writer's name."""
    topic_id = str(made.topics.commands.identity.topic_id)
    head = json.dumps({"commands": topic_id, "record": 0})
    answer = '{"command_id":"made up","ok":true,"dossier":"x","version":1,"partition":0,"position":1,"events":["x"]}'
    made_up = [f"{offset} done {answer}" for offset in range(20)]
    stranger = Signer.generate()
    forged = signed_reply(stranger, Place(made.kafka.app, 1, 0), topic_id, 0, made_up)
    (writer,) = made.active_writers(0, read_on=True)
    claimed = forged.replace(stranger.key_id.hex().encode(), writer.hex().encode())
    unsigned = ["", "\nno line", "\n0 done", "\n-1 dead {}", "\n" + "9" * 5_000 + " done {}", "\n".join(["", *made_up])]
    others = [b"", b"\xff", DEEP, b"{}", b'{"commands":1}']
    return [*others, *(f"{head}{rest}".encode() for rest in unsigned), forged, claimed]


def test_kafka_s_own_marks_are_read_once(broker: KafkaCluster, system: Small) -> None:
    """A stranger's transactions leave marks behind, which are no commands: the queue goes on after them, and waits."""
    topic = system.made.topics.commands
    producer = Producer(
        {"bootstrap.servers": broker.bootstrap, "transactional.id": f"{system.made.kafka.app}-stranger"}
    )
    producer.init_transactions()
    for _ in range(3):
        producer.begin_transaction()
        producer.produce(topic.name, b"aborted", partition=0)
        producer.flush()
        producer.abort_transaction()
    work(system)
    queue, client = system.first.queue, system.first.queue._client
    starts: list[int] = []
    follow = client.follow

    def followed(start: int, seconds: float) -> Any:
        starts.append(start)
        return follow(start, seconds)

    client.follow = followed  # type: ignore[method-assign]
    written: list[int | None] = []
    producer.begin_transaction()
    producer.produce(topic.name, b"", partition=0, on_delivery=lambda _, message: written.append(message.offset()))
    producer.flush()
    producer.abort_transaction()
    end = (written[0] or 0) + 2
    wait_until(lambda: client.end() == end)  # the broker writes the mark after it has answered
    last = system.first.log.commands_offset(0)
    polled = queue.poll(last)
    assert len(polled) == 1
    for _ in range(3):
        assert list(queue.poll(polled[0].source)) == []
    assert starts[-1] == end
