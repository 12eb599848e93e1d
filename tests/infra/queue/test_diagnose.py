from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from uuid import uuid4

import pytest

from consumers.commands.recording_clock import LogClock
from domain.catalogue import Level
from domain.identity import DossierKey
from infra.bootstrap import Application
from infra.clock import utc_now
from infra.dev.kafka import KafkaCluster
from infra.diagnosis.halts import Halt, HaltFile, halts
from infra.kafka.client import KafkaPartitionClient
from infra.log.errors import IndexAltered, LogBroken, LogChanged
from infra.log.format import HEADER_LENGTH, Format, seal
from infra.log.full_scan import check_whole
from infra.log.partition_client import FetchResult, Record
from infra.queue.diagnose import diagnose
from infra.queue.worker_process import PartitionThread
from tests.fault.two_workers import Small, small
from tests.support.waiting import wait_until
from tests.support.workload import lines

FUTURE = datetime(2099, 1, 1, tzinfo=UTC)


@pytest.fixture
def system(broker: KafkaCluster, tmp_path: Path) -> Iterator[Small]:
    """Two records in the log behind its genesis, of twenty commands each."""
    way = list(islice(lines(1), 40))
    with small(broker, tmp_path) as made:
        for start in (0, 20):
            made.send(way[start : start + 20])
            made.first.step()
        yield made


@pytest.mark.parametrize(("altered", "error"), [(0, LogBroken), (1, LogBroken), (2, LogChanged)])
def test_reading_the_whole_finds_an_altered_record_that_an_index_had_read(
    system: Small, monkeypatch: pytest.MonkeyPatch, altered: int, error: type[Exception]
) -> None:
    """By what was built on it; the last one by the index."""
    system.made.kafka_reader.refresh(0)
    source, known = system.made.sources()[0], system.made.kafka_reader.state(0)
    check_whole(source, known)
    read = KafkaPartitionClient.read

    def falsified(self: KafkaPartitionClient, start: int) -> Iterator[FetchResult]:
        for records, following in read(self, start):
            yield FetchResult([_renamed(entry) if entry.offset == altered else entry for entry in records], following)

    monkeypatch.setattr(KafkaPartitionClient, "read", falsified)
    with pytest.raises(error):
        check_whole(source, known)


def _renamed(entry: Record) -> Record:
    """With another letter in the name of its writer."""
    value = bytearray(entry.value or b"")
    value[HEADER_LENGTH + 1] ^= 1
    return Record(entry.offset, bytes(value))


def test_the_doctor_names_read_models_that_are_ahead_of_the_log(system: Small, tmp_path: Path) -> None:
    """As they are when the log has lost its end, and no index was there to see it."""
    system.made.engine.catch_up()
    assert "VIEWS_AHEAD_OF_LOG" not in codes(system.made)
    (views,) = tmp_path.glob("**/*views*.sqlite")
    with closing(sqlite3.connect(views)) as connection, connection:
        connection.execute("UPDATE views_positions SET position = position + 1 WHERE projection = 'status'")
    (wrong,) = [each for each in diagnose(system.made).wrong if each.error.code == "VIEWS_AHEAD_OF_LOG"]
    assert (wrong.error.details["projection"], wrong.place) == ("status", {"partition": 0, "position": 41})


def test_who_reads_what_another_one_fills_sees_that_the_log_was_cut(system: Small) -> None:
    """An index that is ahead of the log shows nothing that could be trusted."""
    client = KafkaPartitionClient(system.made.kafka, system.made.topics.events, 0)
    try:
        assert client.end_behind(0) == client.end_behind(3) == 3
        with pytest.raises(LogChanged):
            client.end_behind(7)
    finally:
        client.close()


def codes(made: Application, *, whole: bool = False) -> list[str]:
    """The codes of what the doctor finds, but that no member of a group works here."""
    return [each.error.code for each in diagnose(made, whole=whole).wrong if each.error.code != "NO_WORKER"]


@contextmanager
def halted(made: Application) -> Iterator[Halt]:
    """A worker's partition that has halted, and tries again and again."""
    thread = PartitionThread(made, 0)
    thread.start()
    try:
        wait_until(lambda: bool(halts(made.settings.state_dir)))
        (found,) = halts(made.settings.state_dir)
        yield found
    finally:
        thread.stopped.set()
        thread.join()


def test_a_log_in_order_has_nothing_to_be_mended(system: Small) -> None:
    assert codes(system.made, whole=True) == []
    (found,) = diagnose(system.made).facts["partitions"]
    assert (found["commands_waiting"], found["oldest_waiting"]) == (0, None)


def test_a_worker_whose_clock_is_wrong_halts_and_the_doctor_says_why_and_where(
    system: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is recorded; set right, it goes on by itself and there is nothing to be mended any more."""
    made = system.made
    made.settings = replace(made.settings, longest_wait=0.0)
    system.send(list(islice(lines(1), 40, 50)))
    with Application(made.settings) as elsewhere:
        monkeypatch.setattr(elsewhere, "clock", lambda: datetime(2099, 1, 1, tzinfo=UTC))
        with halted(elsewhere) as halt:
            assert (halt.code, halt.next_command) == ("CLOCK_WRONG", 40)
            found = {each.error.code: each for each in diagnose(made).wrong}
            assert found["PROCESS_HALTED"].place == {"partition": 0}
            assert "CLOCK_WRONG" in found["PROCESS_HALTED"].error.message("vi")
            assert "dossier clock confirm" in found["PROCESS_HALTED"].error.hint()
            waiting = found["COMMANDS_WAITING"]
            assert waiting.place == {"topic": made.topics.commands.name, "partition": 0, "offset": 40}
            assert waiting.error.details["count"] == 10
            monkeypatch.setattr(elsewhere, "clock", utc_now)
            wait_until(lambda: not halts(made.settings.state_dir))
    assert codes(made) == []


def test_a_record_that_nobody_can_use_stops_a_worker_and_is_named_on_every_machine(
    system: Small, tmp_path: Path
) -> None:
    """By the worker's last error on its own, and by the log itself on any other; the command behind it waits."""
    made, opened = system.made, system.first.log.opened(0)
    made.settings = replace(made.settings, longest_wait=0.0)
    state, signer = opened.partition.state, opened.source.keys.writer()
    chain = (state.head, state.number + 1, state.position, 1)
    garbage = seal(opened.source.address.place, signer, Format.APPENDS, chain, b"garbage")
    client = opened.source.follower()
    sent = client.send(garbage)
    assert sent is not None
    assert sent.result() == 3
    client.close()
    system.send(list(islice(lines(1), 40, 41)))
    with halted(made) as halt:
        assert halt.code == "RECORD_UNREADABLE"
        found = {each.error.code: each for each in diagnose(made).wrong}
    assert "RECORD_UNREADABLE" in found["PROCESS_HALTED"].error.message()
    assert "dossier log void" in found["RECORD_UNREADABLE"].error.hint()
    assert "offset 3" in found["RECORD_UNREADABLE"].error.message()
    assert found["RECORD_UNREADABLE"].place == {"topic": made.topics.events.name, "partition": 0}
    elsewhere = replace(made.settings, log=replace(made.kafka, index_dir=tmp_path / "elsewhere"))
    with Application(elsewhere) as other:
        assert "RECORD_UNREADABLE" in codes(other)


def test_what_another_worker_has_handled_is_no_longer_wrong(system: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine of the one that halted may be gone."""
    made = system.made
    system.send(list(islice(lines(1), 40, 50)))
    monkeypatch.setattr(made, "clock", lambda: datetime(2099, 1, 1, tzinfo=UTC))
    with halted(made):
        pass
    monkeypatch.setattr(made, "clock", utc_now)
    assert codes(made) == ["PROCESS_HALTED"]
    system.first.step()
    assert codes(made) == []


def test_so_it_is_where_a_worker_halted_before_it_knew_what_was_handled(system: Small) -> None:
    """As one does whose index or whose brokers are away when it begins."""
    made = system.made
    system.send(list(islice(lines(1), 40, 50)))
    HaltFile(made.settings.state_dir, "worker", 0).halted(OSError("the disk is away"))
    assert codes(made) == ["PROCESS_HALTED"]
    system.first.step()
    assert codes(made) == []
    HaltFile(made.settings.state_dir, "worker", 0).halted(OSError("the disk is away"))
    assert codes(made) == ["PROCESS_HALTED"]


def test_a_worker_halts_before_a_queue_that_was_made_anew_and_the_doctor_names_it(
    system: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    topics = system.made.topics
    other = replace(topics.commands, identity=replace(topics.commands.identity, topic_id=uuid4()))
    monkeypatch.setitem(system.made.__dict__, "topics", topics._replace(commands=other))
    (wrong,) = [each for each in diagnose(system.made).wrong if each.error.code == "OTHER_QUEUE"]
    assert wrong.place["partition"] == 0
    assert "--take-up-queue" in wrong.error.hint()


@pytest.mark.parametrize(
    ("statement", "position", "what"),
    [
        ("UPDATE stored_events SET state = x'00' WHERE rowid = 7", 7, "the event there is another one, or none"),
        ("DELETE FROM stored_events WHERE rowid = 9", 9, "the event there is another one, or none"),
        ("INSERT INTO stored_events VALUES ('x', 1, 'y', x'')", None, "it knows more than the log has"),
        ("UPDATE answers SET answer = '{}'", None, "the answer of the command"),
        ("INSERT INTO tracking VALUES ('x', 1)", None, "what x has tracked"),
    ],
)
def test_an_index_that_was_edited_is_named_with_its_first_position(
    system: Small, statement: str, position: int | None, what: str
) -> None:
    """Every index of this machine: the readers', and each worker's."""
    path = system.first.log.opened(0).index.path
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)
    (wrong,) = [each for each in diagnose(system.made, whole=True).wrong if each.error.code == "INDEX_DIFFERS"]
    assert wrong.error.details["index"] == str(path)
    assert what in wrong.error.message()
    assert position in (None, wrong.place["position"])


def test_rows_of_a_read_model_that_were_edited_are_named(system: Small, tmp_path: Path) -> None:
    system.made.engine.catch_up()
    (views,) = tmp_path.glob("**/*views*.sqlite")
    with closing(sqlite3.connect(views)) as connection, connection:
        connection.execute("UPDATE status_dossiers_g1 SET state = 'announced'")
    assert codes(system.made) == []
    (wrong,) = [each for each in diagnose(system.made, whole=True).wrong if each.error.code == "ROWS_DIFFER"]
    assert wrong.error.details["table"] == "status_dossiers"


def test_a_disk_with_little_room_is_named(system: Small) -> None:
    """Those of the brokers too."""
    made = system.made
    made.settings = replace(made.settings, free_disk=10**12)
    low = [each.error.details["disk"] for each in diagnose(made).wrong if each.error.code == "DISK_LOW"]
    assert str(made.kafka.index_dir) in low
    assert any(str(disk).startswith("broker ") for disk in low)


def test_a_clock_that_is_behind_the_brokers_is_named(system: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system.made, "clock", lambda: utc_now() - timedelta(hours=1))
    assert codes(system.made) == ["CLOCK_WRONG"]


def test_a_recorded_moment_that_is_not_its_records_is_named(system: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker was told that its clock is right, and it was not."""
    system.first.handler = system.made.handler_of(system.first.log, LogClock(lambda: FUTURE, lambda: True))
    system.send(list(islice(lines(1), 40, 50)))
    monkeypatch.setattr(system.first.worker, "_handler", system.first.handler)
    system.first.step()
    (wrong,) = [each for each in diagnose(system.made, whole=True).wrong if each.error.code != "NO_WORKER"]
    assert wrong.error.code == "MOMENT_WRONG"
    assert wrong.place["position"] == system.first.log.head(0)


def clock_behind(difference: timedelta) -> Callable[[], datetime]:
    return lambda: utc_now() - difference


def test_a_moment_that_is_far_from_its_records_stamp_is_doubted_for_good(
    system: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that lies before what was recorded earlier, and although other facts follow."""
    made, way = system.made, list(islice(lines(1), 40, 60))
    for part, behind in ((way[:10], timedelta(days=1)), (way[10:], timedelta())):
        clock = LogClock(clock_behind(behind), lambda: True)
        monkeypatch.setattr(system.first.worker, "_handler", made.handler_of(system.first.log, clock))
        system.send(part)
        system.first.step()
    dossier = DossierKey("04249", Level.BASIC, 2022, 1).id
    moments = [event.timestamp for event in made.events_of(dossier)]
    assert len(made.doubtful(dossier, moments)) == 10


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE stored_events SET state = x'00' WHERE rowid = (SELECT MAX(rowid) FROM stored_events)",
        "DELETE FROM stored_events WHERE rowid = (SELECT MAX(rowid) FROM stored_events)",
        "INSERT INTO stored_events VALUES ('x', 1, 'y', x'')",
    ],
)
def test_an_index_whose_last_rows_were_changed_is_not_opened(system: Small, statement: str) -> None:
    log = system.first.log
    path = log.opened(0).index.path
    log.close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)
    with pytest.raises(IndexAltered, match=str(path)):
        log.opened(0)


def test_an_index_that_another_process_holds_is_looked_at_before_it_is_served(system: Small) -> None:
    system.made.kafka_reader.refresh(0)
    (path,) = system.made.kafka.index_dir.glob("reader/*.sqlite")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM stored_events WHERE rowid = (SELECT MAX(rowid) FROM stored_events)")
    kafka = system.made.kafka
    url = f"kafka://{kafka.bootstrap}?prefix={kafka.app}&index={kafka.index_dir}"
    program = Path(sys.executable).with_name("dossier")
    done = subprocess.run([program, "--log", url, "status"], capture_output=True, text=True, check=False)
    assert done.returncode == 4
    assert "INDEX_ALTERED" in done.stderr
