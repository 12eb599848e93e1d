"""`dossier publisher` from the embedded log to a real Kafka."""

from __future__ import annotations

import signal
from pathlib import Path
from uuid import uuid4

from infra.dev.kafka import KafkaCluster
from tests.infra.cli.test_decisions import program, tail
from tests.support import subscriber
from tests.support.terminal import Terminal
from tests.support.waiting import GUARD, wait_until
from tests.support.workload import lines


def test_it_publishes_what_the_embedded_log_holds_and_what_comes(broker: KafkaCluster, tmp_path: Path) -> None:
    terminal, app = Terminal(tmp_path), f"t{uuid4().hex[:12]}"
    stream = f"kafka://{broker.bootstrap}?prefix={app}"
    terminal.run("apply", terminal.file("some.jsonl", "\n".join(lines(3)) + "\n"))
    assert terminal.json("publisher", "--once", "--stream", stream) == {"published": 6}
    assert terminal.json("publisher", "--once", "--stream", stream) == {"published": 0}

    with program(terminal, "publisher", "--stream", stream) as process:
        terminal.run("apply", terminal.file("more.jsonl", "\n".join(lines(5)) + "\n"))
        wait_until(lambda: len(subscriber.read_all(broker.bootstrap, f"{app}.decisions")) == 10)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=GUARD) == 0

    seen = subscriber.read_all(broker.bootstrap, f"{app}.decisions")
    assert [each.headers["ce_id"] for each in seen] == [event["id"] for event in tail(terminal, "--from", "beginning")]
    known = subscriber.schemas(broker.bootstrap, app)
    assert subscriber.faults([subscriber.decode(each.value, known) for each in seen]) == []
