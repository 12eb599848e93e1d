"""What the worker and its clients write into the topics of the queue is what the AsyncAPI document says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import BytesIO
from typing import Any
from uuid import uuid4

import pytest
from fastavro import parse_schema, schemaless_reader
from jsonschema_rs import Draft7Validator
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from infra.bootstrap import Application
from infra.dev.kafka import KafkaCluster
from infra.kafka.client import KafkaPartitionClient
from infra.log.format import CONTROL, HEADER_LENGTH, Format, RecordedOutcome, decode_body
from infra.queue.dead_letters import KafkaDeadLetters
from infra.queue.worker_process import PartitionThread
from infra.settings import load
from schemas.asyncapi import LOG_HEADER, document
from tests.infra.queue.test_command_line import opening
from tests.support.subscriber import Seen, read_all
from tests.support.waiting import wait_until

DOCUMENT = document()
JUNK = (b"\xff\xfe no command", b"{}", b"")


@pytest.fixture(scope="module")
def topics(broker: KafkaCluster, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Seen]]:
    """Channel → its records, after commands that were accepted, repeated, refused, and dead."""
    app = f"m{uuid4().hex[:12]}"
    url = f"kafka://{broker.bootstrap}?prefix={app}&index={tmp_path_factory.mktemp('messages')}"
    first = opening("04630")
    other = {**first, "on": "2023-06-13"}
    again = {**first, "command_id": str(uuid4())}
    with Application(load({}, log=url), create=True) as made:
        thread = PartitionThread(made, 0, None)
        thread.start()
        given = [first, first, other, again, opening("no-unit")]
        answers = made.gateway.submit([json.dumps(command).encode() for command in given])()
        assert [answer.outcome for answer in answers] == ["accepted", "accepted", "refused", "refused", "malformed"]
        sender = KafkaPartitionClient(made.kafka, made.topics.commands, 0)
        sender.send_durably([(None, value) for value in JUNK])
        sender.close()
        letters = KafkaDeadLetters(made.kafka, made.topics.dead_letters, 0)
        wait_until(lambda: len(letters.waiting()) == len(JUNK))
        for how, letter in zip(("retried", "dropped"), letters.waiting(), strict=False):
            letters.settle(letter, how)
        letters.close()
        # Every command that reached the queue is answered.
        wait_until(lambda: len(list(_answers(read_all(broker.bootstrap, f"{app}.replies")))) == 4 + len(JUNK))
        thread.stopped.set()
        thread.join()
        _check_settings(broker, app)
    names = {name: channel["address"].format(app=app) for name, channel in DOCUMENT["channels"].items()}
    read = ("events", "commands", "replies", "deadLetters", "schemas")
    return {name: read_all(broker.bootstrap, names[name]) for name in read}


def _answers(replies: list[Seen]) -> Iterator[tuple[int, str, Any]]:
    """Offset, fate and answer of each command."""
    for reply in replies:
        for line in reply.value.decode().split("\n")[1:]:
            offset, fate, answer = line.split(" ", 2)
            yield int(offset), fate, json.loads(answer)


def _check_settings(broker: KafkaCluster, app: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
    for name in ("events", "commands", "replies", "deadLetters"):
        channel = DOCUMENT["channels"][name]
        topic = channel["address"].format(app=app)
        found = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])["topic"][topic]
        for setting, said in channel["bindings"]["kafka"]["topicConfiguration"].items():
            assert found[setting]["value"] == (",".join(said) if isinstance(said, list) else str(said))
    admin.close()


def _wrong(schema: Any, value: object) -> list[str]:
    """What a schema of the document has against a value."""
    return [error.message for error in Draft7Validator({**schema, **_components()}).iter_errors(value)]


def _components() -> dict[str, Any]:
    return {"components": DOCUMENT["components"]}


def _check(record: Seen, name: str, payload: object) -> None:
    """A record against a message: its payload, its key, and its one header."""
    message = DOCUMENT["components"]["messages"][name]
    assert _wrong(message["payload"], payload) == []
    # Where there is no key, `read_all` has an empty one.
    assert _wrong(message["bindings"]["kafka"]["key"], record.key or None) == []
    assert record.headers == {"content-type": message["contentType"]}
    assert _wrong(message["headers"], record.headers) == []


def test_commands(topics: dict[str, list[Seen]]) -> None:
    """All that clients sent; the rest is a stranger's."""
    sent = [record for record in topics["commands"] if record.value not in JUNK]
    assert len(sent) == 4
    for record in sent:
        _check(record, "OpenDossier", json.loads(record.value))


def test_replies(topics: dict[str, list[Seen]]) -> None:
    """Each line answers the command at its offset: accepted, repeated word for word, refused, or dead."""
    message = DOCUMENT["components"]["messages"]["Reply"]["payload"]
    for record in topics["replies"]:
        _check(record, "Reply", record.value.decode())
        assert _wrong(message["x-first-line"], json.loads(record.value.decode().split("\n")[0])) == []
    commands = [record.value for record in topics["commands"]]
    answers = list(_answers(topics["replies"]))
    assert [offset for offset, _, _ in answers] == list(range(len(commands)))
    for offset, fate, answer in answers:
        assert _wrong(message["x-further-lines"], answer) == []
        assert fate == ("dead" if commands[offset] in JUNK else "done")
        assert answer["command_id"] == (None if fate == "dead" else json.loads(commands[offset])["command_id"])
    (_, _, first), (_, _, again), (_, _, reused), (_, _, refused), *_ = answers
    assert (first["ok"], again) == (True, first)
    assert (reused["error"]["code"], refused["ok"]) == ("COMMAND_ID_REUSED", False)


def test_dead_letters(topics: dict[str, list[Seen]]) -> None:
    """What was put away, and what became of two of them."""
    seen = []
    for record in topics["deadLetters"]:
        value = json.loads(record.value)
        seen.append(value.get("settled", "waits"))
        _check(record, "DeadLetterSettled" if "settled" in value else "DeadLetter", value)
        assert record.key == value["letter"]
    assert sorted(seen) == ["dropped", "retried", "waits", "waits", "waits"]


def test_records_of_the_log(topics: dict[str, list[Seen]]) -> None:
    """A header of the length that it says, then the Avro body of its schema; every outcome is among them."""
    schema = parse_schema(DOCUMENT["components"]["messages"]["LogRecord"]["payload"]["schema"])
    assert LOG_HEADER.startswith(f"{HEADER_LENGTH} bytes")
    outcomes = set()
    assert topics["events"][0].value[0] == Format.GENESIS
    for record in topics["events"]:
        assert record.key == ""
        assert record.headers == {"content-type": DOCUMENT["components"]["messages"]["LogRecord"]["contentType"]}
        if record.value[0] in CONTROL:
            continue
        assert schemaless_reader(BytesIO(record.value[HEADER_LENGTH:]), schema, None)
        outcomes |= {append.outcome for append in decode_body(record.value).appends}
    assert outcomes == {RecordedOutcome.EVENTS, RecordedOutcome.REPEATED, RecordedOutcome.REFUSED, RecordedOutcome.DEAD}


def test_another_message_would_be_noticed() -> None:
    """The schemas are no empty promise."""
    messages = DOCUMENT["components"]["messages"]
    answer = {"command_id": "x", "ok": True, "partition": 0, "position": 1}
    assert _wrong(messages["Reply"]["payload"], "{}\n7 lost {}")
    assert _wrong(messages["Reply"]["payload"]["x-further-lines"], answer)
    assert _wrong(messages["DeadLetter"]["payload"], {"letter": "1/2"})
    assert _wrong(messages["DeadLetterSettled"]["payload"], {"letter": "1/2", "commands": "", "settled": "kept"})


def test_a_stranger_reads_the_log_with_nothing_but_kafka(topics: dict[str, list[Seen]]) -> None:
    """What stands in the topics alone: a record's own header, and the schemas under their fingerprints.

    No publisher ever ran here: the schemas are there because the log is.
    """
    schemas = {seen.key: parse_schema(json.loads(seen.value)) for seen in topics["schemas"]}
    assert {seen.headers["content-type"] for seen in topics["schemas"]} == {"application/json"}
    names = []
    for seen in topics["events"]:
        kind, *parameters = seen.headers["content-type"].split("; ")
        said = dict(each.split("=") for each in parameters)
        assert kind == "application/vnd.dossier.record"
        if seen.value[0] in CONTROL:
            continue
        body: Any = schemaless_reader(BytesIO(seen.value[int(said["avro-at"]) :]), schemas[said["schema"]], None)
        for append in body["appends"]:
            for event in append["events"]:
                value = event["state"]
                assert value[:2] == b"\xc3\x01"
                read: Any = schemaless_reader(BytesIO(value[10:]), schemas[value[2:10].hex()], None)
                names.append(event["topic"])
                assert read["command_id"]
    assert names == ["DossierOpened"]
