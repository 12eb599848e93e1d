"""A writer's key in hostile hands, on the whole system: what stops, what is said, and how an operator mends it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from infra.dev.kafka import BOOTSTRAP_SERVERS, KafkaCluster, kafka
from infra.dev.processes import processes
from infra.kafka.settings import from_url
from infra.log.format import Format, Place, seal
from infra.timeouts import Timeout
from tests.fault.hostile_writer import MOLE, SABOTAGE, produce, put_on_head, read_log
from tests.support.terminal import Terminal
from tests.support.waiting import GUARD

UNITS = ("04630", "04633", "04636", "04639", "04642")


def _terminal(bootstrap: str, folder: Path) -> tuple[Terminal, Place]:
    """A log whose keys an operator made, with the mole as a second writer."""
    terminal, app = Terminal(folder), f"h{uuid4().hex[:12]}"
    url = f"kafka://{bootstrap}?prefix={app}&index={folder / 'index'}&keys={folder / 'keys'}"
    terminal.environment |= {"DOSSIER_LOG": url, "DOSSIER_ANSWER_WITHIN": str(GUARD)}
    terminal.environment["DOSSIER_VIEWS"] = f"sqlite:///{folder / 'views.sqlite'}"
    terminal.run("keys", "init", "--count=2")
    terminal.run("keys", "add-writer", MOLE.public.hex())
    return terminal, Place(app, 1, 0)


def _open(terminal: Terminal, unit: str) -> int:
    """The position that the answer names."""
    position = terminal.json("open", unit, "--level=basic", "--year=2024", "--on=2024-06-12")["position"]
    assert isinstance(position, int)
    return position


def _give(terminal: Terminal, unit: str) -> subprocess.Popen[bytes]:
    """Another person's command, which waits for its answer."""
    program = str(Path(sys.executable).with_name("dossier"))
    words = [program, "open", unit, "--level=basic", "--year=2024", "--on=2024-06-12"]
    return subprocess.Popen(words, env={**os.environ, **terminal.environment}, stdout=subprocess.DEVNULL)


def _bring_back(terminal: Terminal, number: int) -> None:
    """As the page says: look, retire the key, void the record."""
    shown = terminal.json("log", "void")
    assert shown["records"][0]["number"] == number
    assert shown["records"][0]["key"] == MOLE.key_id.hex()
    terminal.run("keys", "retire", MOLE.public.hex())
    (record, *_) = terminal.json("log", "void")["records"]
    terminal.run("log", "void", f"--number={number}", f"--hash={record['hash']}", "--reason=hostile")


def _check(terminal: Terminal, bootstrap: str, place: Place, kind: str) -> None:
    """One record stops all commands; then those that waited are answered, and nothing that was acknowledged is lost."""
    with processes(terminal.environment["DOSSIER_LOG"], terminal.folder / "log", workers=2, projectors=0):
        _open(terminal, UNITS[0])
        number = put_on_head(bootstrap, place, kind)
        waiting = [_give(terminal, unit) for unit in UNITS[1:3]]
        assert "RECORD_UNREADABLE" in (said := terminal.run("status", code=4).err) or "NEWER_LOG" in said
        assert f"record {number} " in said
        assert MOLE.key_id.hex() in said
        _bring_back(terminal, number)
        assert [process.wait(GUARD) for process in waiting] == [0, 0]
        for unit in UNITS[3:]:
            # Behind the void positions may be empty.
            assert _open(terminal, unit) == read_log(bootstrap, place).position - 1
        assert len(terminal.rows("status")) == len(UNITS)
        # What the retired key signs now is a stranger's.
        head = read_log(bootstrap, place)
        chain = (head.head, len(head.accepted) + 1, head.position, 0)
        produce(bootstrap, place, seal(place, MOLE, Format.APPENDS, chain, b"garbage"))
        assert len(terminal.rows("status")) == len(UNITS)


@pytest.mark.parametrize("kind", SABOTAGE)
def test_a_hostile_writer_is_retired_and_its_record_voided(broker: KafkaCluster, tmp_path: Path, kind: str) -> None:
    terminal, place = _terminal(broker.bootstrap, tmp_path)
    assert from_url(terminal.environment["DOSSIER_LOG"], {}).keys_dir == tmp_path / "keys"
    _check(terminal, broker.bootstrap, place, kind)


_HOLD = """
import fcntl, os, sys
lock = os.open(sys.argv[1], os.O_RDWR)
fcntl.flock(lock, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def test_a_record_is_voided_while_whoever_holds_the_shared_index_does_not_read_on(
    broker: KafkaCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was stopped, or hangs; the one who mends the log does not depend on it."""
    monkeypatch.setattr(Timeout.INDEX, "seconds", 1.0)
    terminal, place = _terminal(broker.bootstrap, tmp_path)
    with processes(terminal.environment["DOSSIER_LOG"], terminal.folder / "log", workers=1, projectors=0):
        _open(terminal, UNITS[0])
    terminal.run("status")
    (lock,) = (tmp_path / "index" / "reader").glob("*.lock")
    number = put_on_head(broker.bootstrap, place, "a garbage body")
    command = [sys.executable, "-c", _HOLD, str(lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert "READING_BEHIND" in terminal.run("status", code=4).err
        _bring_back(terminal, number)
        holder.communicate()
    assert len(terminal.rows("status")) == 1


def test_the_same_on_three_brokers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(BOOTSTRAP_SERVERS, raising=False)
    with kafka(nodes=3, data_dir=tmp_path / "kafka") as cluster:
        terminal, place = _terminal(cluster.bootstrap, tmp_path)
        _check(terminal, cluster.bootstrap, place, "a garbage body")
