"""Orphans by the hundred: shown together, and dismissed in one call."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from infra.bootstrap import Application
from infra.dev.kafka import KafkaCluster
from infra.log.errors import LogBroken
from infra.log.format import Format, Place, encode_body, seal
from infra.log.kafka.log import KafkaLog
from infra.log.kafka.source import KafkaSource, close_partition, open_partition
from infra.settings import load
from schemas.command_parser import read_command
from tests.support.stranger import batch_of, produce
from tests.support.terminal import Terminal
from tests.support.workload import lines

COUNT = 300


@pytest.fixture
def terminal(broker: KafkaCluster, tmp_path: Path) -> Terminal:
    made = Terminal(tmp_path)
    made.environment["DOSSIER_LOG"] = f"kafka://{broker.bootstrap}?prefix=o{uuid4().hex[:12]}&index={tmp_path}"
    return made


@pytest.fixture
def application(terminal: Terminal) -> Iterator[Application]:
    """With a log in which only orphans are, behind its genesis."""
    with Application(load({}, log=terminal.environment["DOSSIER_LOG"]), create=True) as made:
        close_partition(open_partition(made.kafka, 0))
        values = [orphan(made, number) for number in range(COUNT)]
        for start in range(0, COUNT, 100):
            produce(made.kafka, made.topics.events, 0, batch_of(values[start : start + 100]))
        yield made


def orphan(made: Application, number: int) -> bytes:
    """A record of an active writer that was built on one which is not there."""
    signer = KafkaSource(made.kafka, 0, made.topics.events).keys.writer()
    chain = (number.to_bytes(32), 9, 9, 0)
    return seal(Place(made.kafka.app, 1, 0), signer, Format.APPENDS, chain, encode_body(f"writer {number}", []))


def test_all_are_shown_and_dismissed_in_one_call(application: Application, terminal: Terminal) -> None:
    """Nobody goes on before that, and everybody after it."""
    (command,) = lines(0)
    with pytest.raises(LogBroken):
        application.handler_of(KafkaLog(application.kafka)).handle([read_command(command)])
    shown = terminal.json("log", "dismiss", "--partition=0")
    assert [(each["offset"], each["writer"]) for each in shown] == [
        (number + 1, f"writer {number}") for number in range(COUNT)
    ]
    assert str(COUNT) in terminal.run("log", "dismiss", "--partition=0", "--all").out
    assert "no record is open" in terminal.run("log", "dismiss", "--partition=0").out
    (answer,) = application.handler_of(KafkaLog(application.kafka)).handle([read_command(command)])
    assert answer.outcome == "accepted"
