"""A stranger with the right to produce: batches of any bytes, into any topic, as no client library sends them."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import cache
from random import Random
from struct import Struct
from typing import Any, Final

from confluent_kafka import KafkaError, Message, Producer
from crc32c import crc32c
from kafka import errors

from infra.kafka.client import KafkaPartitionClient
from infra.kafka.internals import produce_request, raise_for_code
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import Topic

GZIP: Final = 1
CODECS: Final = ("gzip", "snappy", "lz4", "zstd")
_HEADER: Final = Struct(">qiibIhiqqqhii")
_CHECKED_FROM: Final = 21
_CHECKSUM_AT: Final = 17
_ZEROS: Final = bytes(1 << 20)


def varint(number: int) -> bytes:
    """Kafka's zigzag varint."""
    rest = (number << 1) ^ (number >> 63)
    found = bytearray()
    while rest > 0x7F:
        found.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([*found, rest])


def record(
    value: bytes | None,
    delta: int = 0,
    *,
    key: bytes | None = None,
    size: int | None = None,
    attributes: int = 0,
    headers: Sequence[tuple[bytes, bytes]] = (),
) -> bytes:
    """One record of a batch. `size`: what it says about the length of its value."""
    length = len(value) if value is not None else -1
    body = bytes([attributes]) + varint(0) + varint(delta)
    body += varint(len(key) if key is not None else -1) + (key or b"")
    body += varint(length if size is None else size) + (value or b"") + varint(len(headers))
    for name, content in headers:
        body += varint(len(name)) + name + varint(len(content)) + content
    return varint(len(body)) + body


def batch(  # everything that can be wrong with one
    records: bytes,
    count: int,
    *,
    last: int | None = None,
    attributes: int = 0,
    magic: int = 2,
    checksum: int = 0,
    producer: tuple[int, int, int] = (-1, -1, -1),
) -> bytes:
    """A batch of encoded records. `last`: the last one's distance from the first; `checksum` is XORed to the right one.

    `attributes`: its codec in the three lowest bits, 16 in a transaction, 32 a mark of Kafka's own. `producer`: its id,
    its epoch and the batch's place among its batches.
    """
    delta = count - 1 if last is None else last
    header = _HEADER.pack(0, _HEADER.size - 12 + len(records), 0, magic, 0, attributes, delta, 0, 0, *producer, count)
    raw = bytearray(header + records)
    found = crc32c(bytes(raw[_CHECKED_FROM:])) ^ checksum
    raw[_CHECKSUM_AT : _CHECKSUM_AT + 4] = found.to_bytes(4, "big")
    return bytes(raw)


def batch_of(values: Sequence[bytes | None], **options: Any) -> bytes:
    """An honest batch of these values, but for the options."""
    return batch(b"".join(record(value, place) for place, value in enumerate(values)), len(values), **options)


def malformed_batches() -> list[bytes]:
    """Batches that no client library sends. The broker takes some of them."""
    one, two = record(b"x"), record(b"x") + record(b"y")
    return [
        *(batch(record(b"x", delta), 1) for delta in (1, 5_000, -1, -5_000)),
        batch(two, 2),
        batch(record(b"x", headers=[(b"\xff", b"")]), 1),
        batch(record(b"x", attributes=0xFF), 1),
        batch(record(None), 1),
        batch(record(b"x", size=50), 1),
        batch(one + b"abc", 1),
        batch(one, 3),
        batch(one, 1, last=2_000),
        batch(b"", 0),
        *(batch_of([b"x"], checksum=1, magic=magic) for magic in (0, 1, 2, 3)),
        *(batch_of([b"x"], attributes=attributes) for attributes in (*range(1, 8), 16, 32, 0x7FC0)),
        batch_of([b"x"]) * 2,
        batch_of([b"x"])[:-1],
        batch_of([b"x"])[:40],
        b"",
        b"\xff" * 100,
    ]


@cache
def gzip_bomb(megabytes: int) -> bytes:
    """A batch of one record that unpacks to zeros."""
    size = megabytes << 20
    body = bytes(1) + varint(0) + varint(0) + varint(-1) + varint(size)
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = packer.compress(varint(len(body) + size + 1) + body)
    packed += b"".join(packer.compress(_ZEROS) for _ in range(megabytes))
    packed += packer.compress(b"\0") + packer.flush()
    return batch(packed, 1, attributes=GZIP)


def produce(settings: KafkaSettings, topic: Topic, partition: int, *batches: bytes) -> list[int | str]:
    """Send batches one by one; the first offset of each, or the name of the error with which the broker refused it."""
    client = KafkaPartitionClient(settings, topic, partition)
    try:
        return [_sent(client, topic, partition, raw) for raw in batches]
    finally:
        client.close()


def _sent(client: KafkaPartitionClient, topic: Topic, partition: int, raw: bytes) -> int | str:
    request = produce_request(topic.identity.topic_id, partition, raw, 30.0)
    future = client._request(request, client._leader().node)
    try:
        answer = client._response(future).responses[0].partition_responses[0]
        raise_for_code(answer.error_code)
    except errors.KafkaError as error:
        return type(error).__name__
    return int(answer.base_offset)


def produce_packed(bootstrap: str, topic: str, partition: int, codec: str, values: Sequence[bytes]) -> list[int | str]:
    """Send values as librdkafka packs them, in one batch as a rule; their offsets, or the names of errors."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "compression.type": codec,
            "linger.ms": 200,
            "message.max.bytes": 1_000_000_000,
        }
    )
    sent: list[int | str] = []

    def on_delivery(error: KafkaError | None, message: Message) -> None:
        offset = message.offset()
        sent.append(error.name() if error is not None else -1 if offset is None else offset)

    for value in values:
        producer.produce(topic, value, partition=partition, on_delivery=on_delivery)
    producer.flush()
    return sent


def random_values(seed: int, count: int, most: int = 2_000) -> list[bytes]:
    """Random byte strings of random lengths, the same for a seed."""
    rng = Random(seed)  # noqa: S311  (anything but predictable bytes would do)
    return [rng.randbytes(rng.randrange(most)) for _ in range(count)]
