"""Batches as a stranger may send them, and as a disk may damage them: every reader gets the same from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Producer
from hypothesis import given
from hypothesis import strategies as st
from kafka.admin import KafkaAdminClient

from infra.dev.kafka import KafkaCluster
from infra.kafka import client as client_module
from infra.kafka.client import KafkaPartitionClient
from infra.kafka.internals import Client, record_batch
from infra.kafka.record_batches import read_batches
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import Topic, ensure, log_topic
from infra.log.partition_client import Record
from tests.support.stranger import (
    CODECS,
    batch,
    batch_of,
    gzip_bomb,
    malformed_batches,
    produce,
    produce_packed,
    random_values,
    record,
)
from tests.support.topic_settings import set_topic
from tests.support.waiting import wait_until

VALUES = [b"one", b"", None, b"x" * 300]


def only(raw: bytes) -> Any:
    """The one batch in some bytes."""
    (found,) = read_batches(raw)
    return found


def test_a_batch_gives_each_record_its_place() -> None:
    found = only(batch_of(VALUES))
    assert [(each.offset, each.value) for each in found.records] == list(enumerate(VALUES))
    assert found.next_offset == len(VALUES)


@given(st.lists(st.integers(0, (1 << 63) - 1), min_size=1, max_size=20))
def test_a_batch_that_no_broker_stamped_keeps_the_moment_of_each_record(moments: list[int]) -> None:
    """As a log that was put back has them, in whichever order."""
    raw = record_batch(7, 0, 0, [(None, b"value")] * len(moments), moments=moments)
    (batch,) = read_batches(raw)
    assert [record.appended_at for record in batch.records] == moments


def test_what_follows_the_last_whole_batch_is_left_for_the_next_fetch() -> None:
    raw = batch_of([b"one"])
    for length in range(len(raw)):
        assert len(list(read_batches(raw + raw[:length]))) == 1


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (batch(record(b"x", 1), 1), "malformed"),
        (batch(record(b"x", 5_000), 1), "malformed"),
        (batch(record(b"x", -1), 1), "malformed"),
        (batch(record(b"x") + record(b"y"), 2), "malformed"),
        (batch(record(b"x", size=5), 1), "malformed"),
        (batch(record(b"x") + b"abc", 1), "malformed"),
        (batch(record(b"x"), 2, last=1), "malformed"),
        (batch(record(b"x"), 1, last=3), "count"),
        (batch(b"", 0, last=0), "count"),
        (batch_of([b"x"], checksum=1), "checksum"),
        (batch_of([b"x"], magic=1), "unknown format"),
        (batch_of([b"x"], magic=3), "unknown format"),
        *((batch_of([b"x"], attributes=number), f"compressed: {codec}") for number, codec in enumerate(CODECS, 1)),
        (batch_of([b"x"], attributes=7), "compressed: 7"),
        (batch(b"\xff" * 40, 1), "malformed"),
    ],
)
def test_a_batch_that_cannot_be_read_is_one_record_without_a_value_at_its_last_offset(raw: bytes, reason: str) -> None:
    found = only(raw)
    (entry,) = found.records
    assert (entry.value, entry.offset, entry.unreadable.first) == (None, found.next_offset - 1, 0)
    assert reason in entry.unreadable.reason


def test_nothing_is_unpacked() -> None:
    """However much it would be."""
    (entry,) = only(gzip_bomb(8)).records
    assert "compressed: gzip" in entry.unreadable.reason


def test_a_mark_of_kafka_s_own_takes_an_offset_and_is_no_record() -> None:
    found = only(batch_of([b"x"], attributes=0x30))
    assert (found.records, found.next_offset) == ([], 1)


@given(st.data())
def test_any_byte_may_be_another_one(data: st.DataObject) -> None:
    """A batch is read as a whole or not at all, and reading always comes on."""
    raw = bytearray(batch_of([b"one", b"two", b"three"]))
    for place in data.draw(st.lists(st.integers(12, len(raw) - 1), max_size=4)):
        raw[place] = data.draw(st.integers(0, 255))
    for found in read_batches(bytes(raw)):
        values = [each.value for each in found.records]
        assert values in ([b"one", b"two", b"three"], [None], [])
        assert found.next_offset > found.first


@given(st.binary(max_size=400))
def test_any_bytes_may_be_fetched(raw: bytes) -> None:
    for found in read_batches(raw):
        assert found.next_offset > found.first


@pytest.fixture
def topic(broker: KafkaCluster, tmp_path: Path) -> tuple[KafkaSettings, Topic]:
    settings = KafkaSettings(broker.bootstrap, f"b{uuid4().hex[:12]}", partitions=1, index_dir=tmp_path)
    return settings, ensure(settings, [log_topic(settings, settings.events_topic)])[0]


@contextmanager
def opened(topic: tuple[KafkaSettings, Topic]) -> Iterator[KafkaPartitionClient]:
    client = KafkaPartitionClient(*topic, 0)
    try:
        yield client
    finally:
        client.close()


def read_from(topic: tuple[KafkaSettings, Topic], start: int) -> list[Record]:
    """Every record from an offset to the end, by a reader of its own."""
    with opened(topic) as client:
        return [record for fetched in client.read(start) for record in fetched.records]


def test_every_reader_gets_the_same_from_what_a_broker_takes_of_a_stranger(topic: tuple[KafkaSettings, Topic]) -> None:
    """From wherever it begins, also in the middle of a batch; and what stands behind is read."""
    sent = produce(*topic, 0, *malformed_batches(), batch_of([b"a", b"b", b"c"]))
    taken = [offset for offset in sent if isinstance(offset, int)]
    assert len(taken) > 5, "the broker took none of it: the test proves nothing"
    whole = read_from(topic, 0)
    assert whole[-1].value == b"c"
    assert any(each.unreadable for each in whole)
    assert len({each.offset for each in whole}) == len(whole)
    for start in range(whole[-1].offset + 1):
        assert read_from(topic, start) == [each for each in whole if each.offset >= start]


@pytest.mark.parametrize("codec", CODECS)
def test_the_broker_unpacks_what_comes(broker: KafkaCluster, topic: tuple[KafkaSettings, Topic], codec: str) -> None:
    values = random_values(CODECS.index(codec), 50)
    produce_packed(broker.bootstrap, topic[1].name, 0, codec, values)
    assert [each.value for each in read_from(topic, 0)] == values


def test_what_was_kept_compressed_is_one_entry_for_each_batch(
    broker: KafkaCluster, topic: tuple[KafkaSettings, Topic]
) -> None:
    """As under other settings of the topic, by whoever may change them; a bomb too."""
    _set_compression(broker, topic[1].name, "producer")
    wait_until(lambda: _is_kept_compressed(topic))
    begin = len(read_from(topic, 0))
    for codec in CODECS:
        produce_packed(broker.bootstrap, topic[1].name, 0, codec, [b"x" * 5_000] * 10)
    produce(*topic, 0, gzip_bomb(64), batch_of([b"behind"]))
    *packed, last = read_from(topic, 0)[begin:]
    assert {each.unreadable.reason for each in packed if each.unreadable} == {
        f"it is compressed: {codec}" for codec in CODECS
    }
    assert all(each.value is None for each in packed)
    assert last.value == b"behind"


def _set_compression(broker: KafkaCluster, name: str, kind: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
    set_topic(admin, name, {"compression.type": kind})
    admin.close()


def _is_kept_compressed(topic: tuple[KafkaSettings, Topic]) -> bool:
    produce(*topic, 0, gzip_bomb(1))
    return bool(read_from(topic, 0))


@pytest.fixture
def altered(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[bytes], bytes]], None]:
    """Has what is fetched come as another bytes."""

    def alter(change: Callable[[bytes], bytes]) -> None:
        class AlteringClient(Client):
            def send(self, node_id: Any, request: Any, *args: Any, **options: Any) -> Any:
                def changed(answer: Any) -> None:
                    if type(request).__name__ == "FetchRequest":
                        found = answer.responses[0].partitions[0]
                        found.records = change(bytes(found.records or b""))

                return super().send(node_id, request, *args, **options).add_callback(changed)

        monkeypatch.setattr(client_module, "Client", AlteringClient)

    return alter


def _damaged(raw: bytes) -> bytes:
    """The first batch with another last byte."""
    end = 12 + int.from_bytes(raw[8:12], "big")
    return raw[: end - 1] + bytes([raw[end - 1] ^ 1]) + raw[end:] if raw else raw


def test_what_was_damaged_on_the_way_is_fetched_again(
    topic: tuple[KafkaSettings, Topic], altered: Callable[[Callable[[bytes], bytes]], None]
) -> None:
    produce(*topic, 0, batch_of([b"one"]), batch_of([b"two"]))
    damages = iter([_damaged])
    altered(lambda raw: next(damages, lambda same: same)(raw) if raw else raw)
    assert [each.value for each in read_from(topic, 0)] == [b"one", b"two"]


def test_what_a_disk_has_damaged_is_one_entry(
    topic: tuple[KafkaSettings, Topic], altered: Callable[[Callable[[bytes], bytes]], None]
) -> None:
    """The same wrong bytes, fetched twice."""
    produce(*topic, 0, batch_of([b"one", b"two"]), batch_of([b"three"]))
    altered(_damaged)
    first, second = read_from(topic, 0)
    assert (first.offset, first.value, first.unreadable and first.unreadable.first) == (1, None, 0)
    assert second.value == b"three"


def test_a_mark_at_the_end_keeps_nobody_waiting(broker: KafkaCluster, topic: tuple[KafkaSettings, Topic]) -> None:
    """A transaction that was aborted leaves records, which count, and a mark behind them."""
    producer = Producer({"bootstrap.servers": broker.bootstrap, "transactional.id": uuid4().hex})
    producer.init_transactions()
    producer.begin_transaction()
    producer.produce(topic[1].name, b"aborted", partition=0)
    producer.flush()
    producer.abort_transaction()
    wait_until(lambda: _end(topic) > 1)
    assert [(each.offset, each.value) for each in read_from(topic, 0)] == [(0, b"aborted")]
    with opened(topic) as client:
        followed = client.follow(1, 0.1)
    assert (followed.records, followed.next_offset) == ([], 2)


def _end(topic: tuple[KafkaSettings, Topic]) -> int:
    with opened(topic) as client:
        return client.end()
