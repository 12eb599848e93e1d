"""Orphans by the hundred: shown together, and dismissed in one call."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from infra.bootstrap import Application
from infra.dev.kafka import KafkaCluster
from infra.log import repair as module
from infra.log.control_records import Orphan
from infra.log.format import Format, encode_body, seal
from infra.log.partition_handle import PartitionHandle
from infra.log.repair import hash_of_all, open_orphans, repaired
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
    """With a log in which, behind its genesis, only orphans are."""
    with Application(load({}, log=terminal.environment["DOSSIER_LOG"]), create=True) as made:
        PartitionHandle(made.sources()[0]).close()
        values = [orphan(made, number) for number in range(COUNT)]
        for start in range(0, COUNT, 100):
            produce(made.kafka, made.topics.events, 0, batch_of(values[start : start + 100]))
        yield made


def orphan(application: Application, number: int) -> bytes:
    """A record that a writer of the log signed, on one that is not there."""
    source = application.sources()[0]
    chain = (number.to_bytes(32, "big"), 9, 9, 0)
    body = encode_body(f"writer {number}", [])
    return seal(source.address.place, source.keys.writer(), Format.APPENDS, chain, body)


def test_all_are_shown(application: Application) -> None:
    found = open_orphans(application.sources()[0])
    assert [(each["offset"], each["writer"]) for each in found] == [
        (number + 1, f"writer {number}") for number in range(COUNT)
    ]


@pytest.mark.parametrize("at_once", [7, 20_000])
def test_all_are_dismissed_in_one_call(application: Application, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    """However many records of the log that takes."""
    monkeypatch.setattr(module, "MOST_DISMISSED", at_once)
    source = application.sources()[0]
    found = [Orphan(each["offset"], bytes.fromhex(each["hash"])) for each in open_orphans(source)]
    with repaired(source) as partition:
        partition.dismiss(found, source.keys.writer())
    assert open_orphans(source) == []


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
