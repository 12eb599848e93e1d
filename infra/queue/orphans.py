"""Open orphans: records that were built on one which was altered or lost, shown to an operator and left behind."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from infra.kafka.client import KafkaPartitionClient
from infra.log.acceptance import ChainState
from infra.log.chain import Chain
from infra.log.control_append import ControlAppender
from infra.log.control_records import MOST_DISMISSED, Orphan, encode_dismissal
from infra.log.format import Format, UnreadableBody, decode_body, read_header
from infra.log.kafka.source import KafkaSource

if TYPE_CHECKING:
    from infra.bootstrap import Application


def orphans(application: Application, partition: int) -> list[dict[str, Any]]:
    """What is known of the open orphans of a partition: where each stands, its hash, who wrote it, what it holds.

    In the order of their offsets. Raises LogUnusable.
    """
    application.kafka_reader.refresh(partition)
    found = application.kafka_reader.state(partition).state.orphans
    client = KafkaPartitionClient(application.kafka, application.topics.events, partition)
    try:
        values = _values_at(client, sorted(found))
    finally:
        client.close()
    return [_described(offset, digest, values.get(offset)) for offset, digest in sorted(found.items())]


def hash_of_all(found: Sequence[dict[str, Any]]) -> str:
    """One hash for orphans that were shown together: SHA-256 over the offset (8 bytes) and the hash of each."""
    parts = (each["offset"].to_bytes(8) + bytes.fromhex(each["hash"]) for each in found)
    return sha256(b"".join(parts)).hexdigest()


def dismiss(application: Application, partition: int, found: Sequence[dict[str, Any]]) -> None:
    """Go on without what these orphans were built on: for an operator who has looked. Raises LogUnusable."""
    chosen = [Orphan(each["offset"], bytes.fromhex(each["hash"])) for each in found]
    source = KafkaSource(application.kafka, partition, application.topics.events)
    head = application.kafka_reader.state(partition)
    with closing(source.follower()) as client:
        log = ControlAppender(source.address.name, client, Chain(head.state, head.next_offset, lambda _number: None))
        for start in range(0, len(chosen), MOST_DISMISSED):
            part = chosen[start : start + MOST_DISMISSED]
            log.append(source.keys.writer(), Format.DISMISSAL, encode_dismissal(part), partial(_are_open, part))


def _are_open(chosen: Sequence[Orphan], state: ChainState) -> bool:
    return any(state.orphans.get(each.offset) == each.hash for each in chosen)


def _values_at(client: KafkaPartitionClient, offsets: Sequence[int]) -> dict[int, bytes]:
    """The values at these offsets, in ascending order; what stands together is fetched together."""
    wanted, missing = set(offsets), list(offsets)
    found: dict[int, bytes] = {}
    while missing:
        fetched = client.follow(missing[0], 0.0)
        found.update(
            (record.offset, record.value)
            for record in fetched.records
            if record.offset in wanted and record.value is not None
        )
        missing = [offset for offset in missing[1:] if offset >= fetched.next_offset]
    return found


def _described(offset: int, digest: bytes, value: bytes | None) -> dict[str, Any]:
    header = read_header(value)
    described: dict[str, Any] = {"offset": offset, "hash": digest.hex(), "number": header and header.number}
    if value is not None and header is not None:
        try:
            body = decode_body(value)
        except UnreadableBody:
            return described
        described["writer"] = body.writer
        described["events"] = [
            {"dossier": dossier, "version": version, "event": topic}
            for append in body.appends
            for dossier, version, topic, _ in append.events
        ]
        described["commands"] = [str(append.command.key.command_id) for append in body.appends if append.command]
    return described
