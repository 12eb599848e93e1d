"""Who writes the genesis of a log, and that every partition has the same one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from infra.log.acceptance import start
from infra.log.control_records import Genesis
from infra.log.errors import LogBroken, LogNotFounded, WriterNotRegistered
from infra.log.format import Place
from infra.log.founding import Founder, new_genesis, own_genesis
from infra.log.keys import KeyFolder, LogKeys, Signer
from tests.support.memory_log import Fate, MemoryLog, MemoryPartitionClient
from tests.support.signing import ROOT, STRANGER, WRITER, founded, genesis_of, sealed

PARTITIONS = 3


@pytest.fixture
def logs() -> list[MemoryLog]:
    return [MemoryLog() for _ in range(PARTITIONS)]


def founder(logs: list[MemoryLog], identity: bytes | None = None) -> Founder:
    return Founder("memory", "app", PARTITIONS, lambda number: MemoryPartitionClient(logs[number]), identity)


def genesis(writer: Signer = WRITER) -> Genesis:
    return new_genesis("app", PARTITIONS, [ROOT], 1, writer)


def test_every_partition_has_the_same_genesis(logs: list[MemoryLog]) -> None:
    """Whichever is opened first; the first partition is given one as well, and nothing is written twice."""
    made = [founder(logs).found(number, genesis, WRITER) for number in (2, 0, 1, 2)]
    assert len({each.identity for each in made}) == 1
    assert [len(log.records) for log in logs] == [1, 1, 1]
    assert [founder(logs).read(number) for number in range(PARTITIONS)] == made[:PARTITIONS]


def test_the_first_one_in_the_first_partition_is_the_log_s(logs: list[MemoryLog]) -> None:
    """Whoever comes second has no part in it, unless it is named as a writer."""
    first = founder(logs).found(0, genesis, WRITER)
    with pytest.raises(WriterNotRegistered, match=STRANGER.public.hex()):
        founder(logs).found(1, lambda: genesis(STRANGER), STRANGER)
    assert logs[1].records == []
    assert founder(logs).found(1, genesis, WRITER) == first


def test_two_at_once_found_one_log(logs: list[MemoryLog]) -> None:
    """Between the look and the record of the one, that of the other comes."""
    other = genesis(STRANGER)

    def racing() -> None:
        logs[0].append(founded(start(Place("app", PARTITIONS, 0)), other, by=STRANGER))

    # It looks, appends, and looks at what is there now, each by a client of its own.
    clients = [MemoryPartitionClient(logs[0]) for _ in range(4)]
    clients[1].fates.append((Fate.DELIVERED, racing))
    racer = Founder("memory", "app", PARTITIONS, lambda _number: clients.pop(0))
    assert racer.found(0, genesis, WRITER) == other


@pytest.mark.parametrize("value", [sealed(start(Place("app", PARTITIONS, 0))), bytes([0xF8]) + bytes(200)])
def test_no_genesis_is_put_behind_records_of_a_log(logs: list[MemoryLog], value: bytes) -> None:
    """Theirs may have been altered, or lost: what they say would be lost with it."""
    logs[0].records = [b"a stranger's", value]
    with pytest.raises(LogBroken, match="offset 1 "):
        founder(logs).found(0, genesis, WRITER)
    assert len(logs[0].records) == 2


def test_a_stranger_before_the_genesis_changes_nothing(logs: list[MemoryLog]) -> None:
    logs[0].records = [None, b"", b"a stranger's"]
    assert founder(logs).found(0, genesis, WRITER) == founder(logs).read(0)


def test_only_the_expected_identity_is_founded_or_found(logs: list[MemoryLog]) -> None:
    made = genesis()
    founder(logs).found(0, lambda: made, WRITER)
    assert founder(logs, made.identity).read(0) == made
    with pytest.raises(LogBroken):
        founder(logs, genesis_of().identity).read(0)


def keys_in(tmp_path: Path) -> Callable[[bool], LogKeys]:
    return lambda makes_own: LogKeys(KeyFolder(tmp_path / "keys"), makes_own=makes_own)


def test_keys_are_made_unasked_only_where_nobody_named_them(logs: list[MemoryLog], tmp_path: Path) -> None:
    """One root, kept for the next log of the same host; else an operator founds the log."""
    keys = keys_in(tmp_path)
    with pytest.raises(LogNotFounded):
        own_genesis(keys(False), founder(logs))
    one, two = (own_genesis(keys(True), founder(logs)) for _ in range(2))
    assert one.roots == two.roots
    assert one.roots.keys == tuple(root.public for root in KeyFolder(tmp_path / "keys").roots())
    assert one.identity != two.identity
    assert one.writers == (keys(True).writer().public,)
