"""`dossier publisher` from the embedded log to a real Kafka."""

from __future__ import annotations

import signal
from pathlib import Path
from uuid import uuid4

from infra.dev.kafka import KafkaCluster
from infra.diagnosis.halts import HaltFile, halts
from infra.errors import LogUnusable
from infra.kafka.settings import KafkaSettings
from tests.infra.cli.test_decisions import program, tail
from tests.support import hanging, subscriber
from tests.support.terminal import Terminal
from tests.support.waiting import GUARD, wait_until
from tests.support.workload import lines


def test_it_publishes_what_the_embedded_log_holds_and_what_comes(broker: KafkaCluster, tmp_path: Path) -> None:
    terminal, app = Terminal(tmp_path), f"t{uuid4().hex[:12]}"
    stream = f"kafka://{broker.bootstrap}?prefix={app}"
    terminal.run("apply", terminal.file("some.jsonl", "\n".join(lines(3)) + "\n"))
    assert terminal.json("publisher", "--once", "--stream", stream) == {"published": 6}
    # A publisher that was ended while its partition could not go on is not waited for any more.
    (tmp_path / "log-state").mkdir(exist_ok=True)
    HaltFile(tmp_path / "log-state", "publisher", 0).halted(LogUnusable(log="log", reason="it was away"))
    assert "PROCESS_HALTED" in terminal.run("doctor", code=4).err
    assert terminal.json("publisher", "--once", "--stream", stream) == {"published": 0}
    terminal.run("doctor")

    with program(terminal, "publisher", "--stream", stream) as process:
        terminal.run("apply", terminal.file("more.jsonl", "\n".join(lines(5)) + "\n"))
        wait_until(lambda: len(subscriber.read_all(broker.bootstrap, f"{app}.decisions")) == 10)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=GUARD) == 0

    seen = subscriber.read_all(broker.bootstrap, f"{app}.decisions")
    assert [each.headers["ce_id"] for each in seen] == [event["id"] for event in tail(terminal, "--from", "beginning")]
    known = subscriber.schemas(broker.bootstrap, app)
    assert subscriber.faults([subscriber.decode(each.value, known) for each in seen]) == []


def test_it_waits_for_an_embedded_log_and_then_publishes(broker: KafkaCluster, tmp_path: Path) -> None:
    """As a worker and a projector wait: it says what it waits for, and goes on by itself."""
    terminal, app = Terminal(tmp_path), f"t{uuid4().hex[:12]}"
    with program(terminal, "publisher", "--stream", f"kafka://{broker.bootstrap}?prefix={app}") as process:
        wait_until(lambda: [each.code for each in halts(tmp_path / "log-state")] == ["LOG_MISSING"])
        terminal.run("apply", terminal.file("some.jsonl", "\n".join(lines(3)) + "\n"))
        wait_until(lambda: len(subscriber.read_all(broker.bootstrap, f"{app}.decisions")) == 6)
        wait_until(lambda: halts(tmp_path / "log-state") == [])
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=GUARD) == 0


def test_an_open_transaction_is_shown_and_aborted_when_it_is_named(broker: KafkaCluster, tmp_path: Path) -> None:
    terminal, settings = Terminal(tmp_path), KafkaSettings(broker.bootstrap, f"t{uuid4().hex[:12]}")
    stream = ("--stream", f"kafka://{broker.bootstrap}?prefix={settings.app}")
    ask = ("decisions", "stream", "abort", *stream)
    terminal.run("apply", terminal.file("some.jsonl", "\n".join(lines(3)) + "\n"))
    assert terminal.json("publisher", "--once", *stream) == {"published": 6}
    assert terminal.json(*ask) == {"open": []}
    assert "no transaction is open" in terminal.run(*ask).out

    stranger = hanging.living(settings, f"{settings.app}.decisions", 0)
    (found,) = terminal.json(*ask)["open"]
    assert (found["partition"], found["transactional_id"]) == (0, stranger.name)
    shown = terminal.run(*ask).out
    assert stranger.name in shown
    assert str(found["producer"]) in shown
    named = ("--partition", "0", "--producer", str(found["producer"]), "--offset")
    assert "go together" in terminal.run(*ask, "--partition", "0", code=2).err
    assert "look at them again" in terminal.run(*ask, *named, str(found["first"] + 1), code=2).err
    assert terminal.json(*ask, *named, str(found["first"]))["aborted"] == found
    assert terminal.json(*ask) == {"open": []}

    terminal.run("apply", terminal.file("more.jsonl", "\n".join(lines(5)) + "\n"))
    assert terminal.json("publisher", "--once", *stream) == {"published": 4}
    seen = subscriber.read_all(broker.bootstrap, f"{settings.app}.decisions")
    assert [each.headers["ce_id"] for each in seen] == [event["id"] for event in tail(terminal, "--from", "beginning")]
