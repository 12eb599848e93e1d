"""What may happen to the topics under a worker: it halts, says so, and goes on when it may."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

from kafka import KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from infra.dev.kafka import KafkaCluster
from infra.dev.processes import processes
from infra.kafka.client import KafkaPartitionClient
from infra.kafka.settings import from_url
from infra.log.format import Format, Place, encode_body, seal
from infra.log.keys import KeyFolder
from infra.queue.topics import queue_topics
from tests.support.terminal import Terminal
from tests.support.waiting import GUARD, wait_until


def _terminal(broker: KafkaCluster, folder: Path) -> tuple[Terminal, str]:
    terminal = Terminal(folder)
    app = f"w{uuid4().hex[:12]}"
    terminal.environment["DOSSIER_LOG"] = f"kafka://{broker.bootstrap}?prefix={app}&index={folder / 'index'}"
    terminal.environment["DOSSIER_ANSWER_WITHIN"] = str(GUARD)
    return terminal, app


def _logged(log: Path, found: Callable[[dict[str, str]], bool]) -> dict[str, str]:
    """The first line of a process's log that is looked for."""
    logged: list[dict[str, str]] = []

    def is_logged() -> bool:
        lines = log.read_text(encoding="utf-8").splitlines(keepends=True)
        whole = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("\n")]
        logged[:] = [line for line in whole if found(line)]
        return bool(logged)

    wait_until(is_logged)
    return logged[0]


def _open(terminal: Terminal, unit: str, code: int = 0) -> None:
    terminal.run("open", unit, "--level=basic", "--year=2024", "--on=2024-06-12", code=code)


def test_a_queue_that_was_made_anew_is_taken_up_only_when_an_operator_says_so(
    broker: KafkaCluster, tmp_path: Path
) -> None:
    terminal, app = _terminal(broker, tmp_path)
    url = terminal.environment["DOSSIER_LOG"]
    with processes(url, tmp_path / "before", projectors=0):
        _open(terminal, "04630")
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
    admin.delete_topics([f"{app}.commands"])
    # The broker goes on naming the old topic for a while: a worker that begins meanwhile holds on to it.
    wait_until(lambda: f"{app}.commands" not in admin.list_topics())
    admin.close()
    with processes(url, tmp_path / "after", projectors=0) as running:
        halted = _logged(tmp_path / "after" / "worker-1.log", lambda line: line.get("code") == "OTHER_QUEUE")
        running.kill("worker-1")
        queue = halted["reason"].rpartition(" ")[2]
        running.start("worker-1", "worker", "--take-up-queue", queue)
        _open(terminal, "04633")
        assert len(terminal.json("status")) == 2


def test_nobody_goes_on_over_an_orphan_until_it_is_dismissed(broker: KafkaCluster, tmp_path: Path) -> None:
    """A record that was built on one which is not there: the sign of an altered or lost one."""
    terminal, app = _terminal(broker, tmp_path)
    with processes(terminal.environment["DOSSIER_LOG"], tmp_path / "log", projectors=0):
        _open(terminal, "04630")
        writer = KeyFolder(from_url(terminal.environment["DOSSIER_LOG"], {}).key_folder).writer()
        chain = (bytes(range(32)), 9, 9, 0)
        orphan = seal(Place(app, 1, 0), writer, Format.APPENDS, chain, encode_body("somebody", []))
        producer = KafkaProducer(bootstrap_servers=broker.bootstrap, acks="all")
        offset = producer.send(f"{app}.events", value=orphan, partition=0).get(10).offset
        producer.close()
        terminal.environment["DOSSIER_ANSWER_WITHIN"] = "3"
        assert "LOG_BROKEN" in terminal.run("status", code=4).err
        # Also by a worker to which no command comes.
        _logged(tmp_path / "log" / "worker-1.log", lambda line: line.get("code") == "LOG_BROKEN")
        command_id = str(uuid4())
        wait = ("open", "04633", "--level=basic", "--year=2024", "--on=2024-06-12", "--command-id", command_id)
        assert "NO_ANSWER" in terminal.run(*wait, code=4).err
        assert "LOG_BROKEN" in terminal.run("doctor", code=4).err
        (shown,) = terminal.json("log", "dismiss", "--partition=0")["orphans"]
        assert (shown["offset"], shown["hash"], shown["writer"]) == (offset, sha256(orphan).hexdigest(), "somebody")
        assert terminal.run("log", "dismiss", "--partition=0", f"--offset={offset}", "--hash=00", code=2).err
        terminal.run("log", "dismiss", "--partition=0", f"--offset={offset}", f"--hash={shown['hash']}")
        terminal.environment["DOSSIER_ANSWER_WITHIN"] = str(GUARD)
        assert "Recorded" in terminal.run(*wait).out
        assert len(terminal.json("status")) == 2


def test_workers_and_clients_go_on_when_old_replies_are_deleted(broker: KafkaCluster, tmp_path: Path) -> None:
    """They are kept for some days; a client that is behind passes over what is gone."""
    terminal, _ = _terminal(broker, tmp_path)
    settings = from_url(f"{terminal.environment['DOSSIER_LOG']}&replies_days=2", {})
    topics = queue_topics(settings, create=True)
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
    configs = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topics.replies.name)])
    assert configs["topic"][topics.replies.name]["retention.ms"]["value"] == str(2 * 86_400_000)
    client = KafkaPartitionClient(settings, topics.replies, 0)
    with processes(terminal.environment["DOSSIER_LOG"], tmp_path / "log", projectors=0):
        _open(terminal, "04630")
        _open(terminal, "04633")
        end = client.end()
        admin.delete_records({TopicPartition(topics.replies.name, 0): end})
        _open(terminal, "04636")
    admin.close()
    passed_over = client.follow(0, 1.0)
    assert (passed_over.records, passed_over.next_offset) == ([], end)
    assert client.follow(end, 1.0).records[0].offset == end
    client.close()
