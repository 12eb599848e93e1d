"""Orphans by the hundred: shown together, and dismissed in one call."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from infra.bootstrap import Application
from infra.dev.kafka import KafkaCluster
from infra.kafka.client import KafkaPartitionClient
from infra.log.format import Format, Place, encode_body, seal
from infra.log.kafka.source import KafkaSource, close_partition, open_partition
from infra.queue import orphans as module
from infra.queue.orphans import dismiss, hash_of_all, orphans
from infra.settings import load
from tests.support.stranger import batch_of, produce
from tests.support.terminal import Terminal

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


def test_all_are_shown_from_few_fetches(application: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    fetches: list[int] = []
    follow = KafkaPartitionClient.follow

    def counted(self: KafkaPartitionClient, start: int, seconds: float) -> Any:
        fetches.append(start)
        return follow(self, start, seconds)

    monkeypatch.setattr(KafkaPartitionClient, "follow", counted)
    found = orphans(application, 0)
    assert [(each["offset"], each["writer"]) for each in found] == [
        (number + 1, f"writer {number}") for number in range(COUNT)
    ]
    assert len(fetches) < 10


@pytest.mark.parametrize("at_once", [7, 20_000])
def test_all_are_dismissed_in_one_call(application: Application, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    """However many records of the log that takes."""
    monkeypatch.setattr(module, "MOST_DISMISSED", at_once)
    dismiss(application, 0, orphans(application, 0))
    assert orphans(application, 0) == []


def test_an_operator_dismisses_what_was_shown_and_nothing_else(application: Application, terminal: Terminal) -> None:
    said = terminal.run("log", "dismiss", "--partition=0").out
    shown = terminal.json("log", "dismiss", "--partition=0")
    assert shown["hash"] in said
    assert f"and {COUNT - 20} more" in said
    assert hash_of_all(shown["orphans"]) == shown["hash"]
    produce(application.kafka, application.topics.events, 0, batch_of([orphan(application, COUNT)]))
    refused = terminal.run("log", "dismiss", "--partition=0", "--all", f"--hash={shown['hash']}", code=2)
    assert "look at them again" in refused.err
    shown = terminal.json("log", "dismiss", "--partition=0")
    assert str(COUNT + 1) in terminal.run("log", "dismiss", "--partition=0", "--all", f"--hash={shown['hash']}").out
    assert "no record is open" in terminal.run("log", "dismiss", "--partition=0").out


@pytest.mark.parametrize("options", [("--all",), ("--hash=00",), ("--offset=1",), ("--all", "--offset=1", "--hash=00")])
def test_what_is_dismissed_is_named_whole(terminal: Terminal, options: tuple[str, ...]) -> None:
    assert "--hash goes with" in terminal.run("log", "dismiss", "--partition=0", *options, code=2).err
