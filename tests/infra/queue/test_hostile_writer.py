"""A writer's key in hostile hands, on the whole system: what stops, what is said, and how an operator mends it."""

from __future__ import annotations

from pathlib import Path
from threading import Thread
from uuid import uuid4

import pytest
from kafka import KafkaProducer

from infra.dev.kafka import BOOTSTRAP_SERVERS, KafkaCluster, kafka
from infra.dev.processes import processes
from infra.kafka.settings import from_url
from infra.log.format import Append, Format, Place, RecordedOutcome, encode_append, encode_body, seal
from infra.log.keys import Signer
from tests.fault.evidence import read_topic
from tests.support.second_rule import SecondReader, read_all
from tests.support.signing import signer
from tests.support.terminal import Terminal
from tests.support.waiting import GUARD

MOLE = signer(66)
UNITS = ("04630", "04633", "04636", "04639", "04642")
_EMPTY = encode_append(Append(bytes(16), RecordedOutcome.EVENTS))
SABOTAGE = {
    "a garbage body": (Format.APPENDS, b"garbage", 0),
    "the next format": (0xFE, b"newer", 0),
    "a wrong count": (Format.APPENDS, encode_body("mole", [_EMPTY]), 7),
}


def _terminal(bootstrap: str, folder: Path) -> tuple[Terminal, str]:
    """A log whose keys an operator made, with the mole as a second writer."""
    terminal, app = Terminal(folder), f"h{uuid4().hex[:12]}"
    url = f"kafka://{bootstrap}?prefix={app}&index={folder / 'index'}&keys={folder / 'keys'}"
    terminal.environment |= {"DOSSIER_LOG": url, "DOSSIER_ANSWER_WITHIN": str(GUARD)}
    terminal.environment["DOSSIER_VIEWS"] = f"sqlite:///{folder / 'views.sqlite'}"
    terminal.run("keys", "init", "--count=2")
    terminal.run("keys", "add-writer", MOLE.public.hex())
    return terminal, app


def _open(terminal: Terminal, unit: str, code: int = 0) -> None:
    terminal.run("open", unit, "--level=basic", "--year=2024", "--on=2024-06-12", code=code)


def _log(bootstrap: str, app: str) -> SecondReader:
    return read_all(app, 1, 0, read_topic(bootstrap, f"{app}.events", 0)[0])


def _produce(bootstrap: str, app: str, value: bytes) -> None:
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all")
    producer.send(f"{app}.events", value=value, partition=0).get(30)
    producer.close()


def _sabotage(bootstrap: str, app: str, kind: str, by: Signer = MOLE) -> int:
    """Put it on the head, whoever is faster; the number of the record."""
    format_, content, events = SABOTAGE[kind]
    while True:
        head = _log(bootstrap, app)
        number = len(head.accepted) + 1
        chain = (head.head, number, head.position, events)
        value = seal(Place(app, 1, 0), by, format_, chain, content)
        _produce(bootstrap, app, value)
        if _log(bootstrap, app).accepted[number - 1].value == value:
            return number


def _bring_back(terminal: Terminal, number: int) -> None:
    """As the page says: look, retire the key, void the record."""
    shown = terminal.json("log", "void")
    assert shown["records"][0]["number"] == number
    assert shown["records"][0]["key"] == MOLE.key_id.hex()
    terminal.run("keys", "retire", MOLE.public.hex())
    (record, *_) = terminal.json("log", "void")["records"]
    terminal.run("log", "void", f"--number={number}", f"--hash={record['hash']}", "--reason=hostile")


def _check(terminal: Terminal, bootstrap: str, app: str, kind: str) -> None:
    """Commands are given all the time; one record stops them, and nothing that was acknowledged is lost."""
    given: list[str] = []
    refused: list[BaseException] = []

    def give(units: tuple[str, ...]) -> None:
        try:
            for unit in units:
                _open(terminal, unit)
                given.append(unit)
        except BaseException as error:  # noqa: BLE001  (any error fails the test)
            refused.append(error)

    with processes(terminal.environment["DOSSIER_LOG"], terminal.folder / "log", workers=2, projectors=0):
        _open(terminal, UNITS[0])
        number = _sabotage(bootstrap, app, kind)
        waiting = Thread(target=give, args=(UNITS[1:3],))
        waiting.start()
        assert "RECORD_UNREADABLE" in (said := terminal.run("status", code=4).err) or "NEWER_LOG" in said
        assert f"record {number} " in said
        assert MOLE.key_id.hex() in said
        _bring_back(terminal, number)
        waiting.join()
        assert refused == []
        give(UNITS[3:])
        assert len(terminal.rows("status")) == len(UNITS) == len(given) + 1
        # What the retired key signs now is a stranger's.
        head = _log(bootstrap, app)
        chain = (head.head, len(head.accepted) + 1, head.position, 0)
        _produce(bootstrap, app, seal(Place(app, 1, 0), MOLE, Format.APPENDS, chain, b"garbage"))
        assert len(terminal.rows("status")) == len(UNITS)


@pytest.mark.parametrize("kind", SABOTAGE)
def test_a_hostile_writer_is_retired_and_its_record_voided(broker: KafkaCluster, tmp_path: Path, kind: str) -> None:
    terminal, app = _terminal(broker.bootstrap, tmp_path)
    assert from_url(terminal.environment["DOSSIER_LOG"], {}).keys_dir == tmp_path / "keys"
    _check(terminal, broker.bootstrap, app, kind)


def test_the_same_on_three_brokers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(BOOTSTRAP_SERVERS, raising=False)
    with kafka(nodes=3, data_dir=tmp_path / "kafka") as cluster:
        terminal, app = _terminal(cluster.bootstrap, tmp_path)
        _check(terminal, cluster.bootstrap, app, "a garbage body")
