"""The bytes of a record."""

from __future__ import annotations

import json
from hashlib import sha256
from importlib.resources import files
from io import BytesIO
from typing import Any
from uuid import UUID

import pytest
from eventsourcing.persistence import Tracking
from fastavro import parse_schema, schemaless_writer
from hypothesis import given
from hypothesis import strategies as st

from consumers.commands.ports import NO_KEY, CommandKey, LastHandled, QueuePosition, RecordedCommand
from infra.log.format import (
    HEADER_LENGTH,
    Append,
    Format,
    HandledCommand,
    Header,
    Place,
    RecordedOutcome,
    UnreadableBody,
    decode_body,
    encode_append,
    encode_body,
    is_signed_by,
    last_handled_in,
    read_header,
    seal,
)
from tests.support.signing import PLACE, STRANGER, WRITER

SCHEMA = parse_schema(json.loads((files("schemas") / "log" / "record.v2.avsc").read_text()))

ids = st.binary(min_size=16, max_size=16)
hashes = st.binary(min_size=32, max_size=32)
longs = st.integers(-(2**63), 2**63 - 1)
originators = st.uuids().map(lambda found: found.hex) | st.text(max_size=40)
appends = st.builds(
    Append,
    ids,
    st.sampled_from(RecordedOutcome),
    st.lists(st.tuples(originators, longs, st.text(max_size=20), st.binary(max_size=40)), max_size=3),
    st.none()
    | st.builds(
        HandledCommand,
        st.builds(CommandKey, st.binary(min_size=6, max_size=6), st.uuids()),
        hashes,
        st.text(max_size=40),
    ),
    st.none() | st.builds(QueuePosition, st.uuids(), longs),
    st.none() | st.builds(Tracking, st.text(max_size=20), longs),
)


def as_avro(append: Append) -> dict[str, Any]:
    """The append as fastavro takes it."""
    command, source, tracking = append.command, append.source, append.tracking
    return {
        "commit_id": append.commit_id,
        "outcome": append.outcome.name,
        "command": command
        and {
            "scope": command.key.scope,
            "id": command.key.command_id.bytes,
            "digest": command.digest,
            "answer": command.answer,
        },
        "source": source and {"topic_id": source.topic_id.bytes, "offset": source.offset},
        "tracking": tracking and {"application": tracking.application_name, "position": tracking.notification_id},
        "events": [
            {"originator": _originator(originator), "version": version, "topic": topic, "state": state}
            for originator, version, topic, state in append.events
        ],
    }


def _originator(originator: str) -> bytes | str:
    try:
        found = UUID(originator)
    except ValueError:
        return originator
    return found.bytes if found.hex == originator else originator


@given(st.text(max_size=20), st.lists(appends, max_size=3))
def test_the_bytes_are_those_of_the_schema(writer: str, several: list[Append]) -> None:
    """What is joined by hand is what fastavro writes, and comes back as it was."""
    body = encode_body(writer, [encode_append(append) for append in several])
    expected = BytesIO()
    schemaless_writer(expected, SCHEMA, {"writer": writer, "appends": [as_avro(append) for append in several]})
    assert body == expected.getvalue()
    assert decode_body(bytes(HEADER_LENGTH) + body) == (writer, several)


def test_the_layout_of_the_header_is_that_of_the_page() -> None:
    """Byte by byte, as `formats.md` gives it; signed are the place, the header before it, and what follows."""
    value = seal(PLACE, WRITER, Format.APPENDS, (b"p" * 32, 5, 6, 7), b"body")
    unsigned = b"\xf9" + b"p" * 32 + b"\0\0\0\0\0\0\0\x05" + b"\0\0\0\0\0\0\0\x06" + b"\0\0\0\x07" + WRITER.key_id
    signature = WRITER.sign(b"dossier-record/app/1/0" + unsigned + sha256(b"body").digest())
    assert value == unsigned + signature + b"body"
    assert HEADER_LENGTH == len(unsigned) + len(signature) == 125
    assert read_header(value) == Header(0xF9, b"p" * 32, 5, 6, 7, WRITER.key_id, signature)
    assert PLACE.first_hash == sha256(b"dossier-log/app/1/0").digest()


@given(st.integers(0, 200), st.integers(1, 255))
def test_a_signature_is_over_every_byte(place: int, change: int) -> None:
    """Of the header, the signature itself and what follows; and over the partition and the log."""
    value = seal(PLACE, WRITER, Format.APPENDS, (bytes(32), 1, 1, 0), bytes(76))
    altered = bytearray(value)
    altered[place] ^= change
    assert is_signed_by(PLACE, WRITER.public, value)
    assert not is_signed_by(PLACE, WRITER.public, bytes(altered))
    assert not is_signed_by(PLACE, STRANGER.public, value)
    for other in (Place("app", 1, 1), Place("app", 11, 0), Place("ap", 1, 0)):
        assert not is_signed_by(other, WRITER.public, value)


@pytest.mark.parametrize(
    "append",
    [
        Append(bytes(15), RecordedOutcome.DEAD),
        Append(bytes(16), RecordedOutcome.DEAD, (), HandledCommand(CommandKey(bytes(7), UUID(int=1)), bytes(32), "")),
        Append(bytes(16), RecordedOutcome.DEAD, (), HandledCommand(CommandKey(bytes(6), UUID(int=1)), bytes(31), "")),
    ],
    ids=["commit id", "scope", "digest"],
)
def test_an_id_of_another_length_is_not_written(append: Append) -> None:
    """No reader could tell where it ends."""
    with pytest.raises(ValueError, match="bytes are not"):
        encode_append(append)


@pytest.mark.parametrize("cut", [1, 20])
def test_a_cut_or_longer_body_is_unreadable(cut: int) -> None:
    value = bytes(HEADER_LENGTH) + encode_body("writer", [encode_append(Append(bytes(16), RecordedOutcome.DEAD))])
    for damaged in (value[:-cut], value + b"!"):
        with pytest.raises(UnreadableBody):
            decode_body(damaged)


@given(st.binary(max_size=120), st.lists(appends, max_size=2), st.data())
def test_any_bytes_are_a_body_or_unreadable(garbage: bytes, several: list[Append], data: st.DataObject) -> None:
    """Whatever a hostile writer puts behind a right header, nothing but the one named error is raised."""
    body = bytearray(encode_body("writer", [encode_append(append) for append in several]))
    body[data.draw(st.integers(0, len(body) - 1))] ^= data.draw(st.integers(1, 255))
    for content in (garbage, bytes(body)):
        try:
            found = decode_body(bytes(HEADER_LENGTH) + content)
        except UnreadableBody:
            continue
        assert all(isinstance(append, Append) for append in found.appends)


def _handled(offset: int, digest: bytes, *, topic: int = 5, key: CommandKey = NO_KEY) -> Append:
    source = QueuePosition(UUID(int=topic), offset)
    return Append(bytes(16), RecordedOutcome.DEAD, (), HandledCommand(key, digest, "{}"), source)


def test_the_last_handled_command_is_the_last_whose_digest_is_known() -> None:
    """Of the same queue, and of the same record."""
    known, unknown = b"d" * 32, bytes(32)
    named = CommandKey(b"s" * 6, UUID(int=9))
    source = QueuePosition(UUID(int=5), 8)
    assert last_handled_in([]) is None
    assert last_handled_in([Append(bytes(16), RecordedOutcome.EVENTS)]) is None
    both = [_handled(7, known, key=named), _handled(8, known)]
    assert last_handled_in(both) == LastHandled(source, RecordedCommand(8, None, known))
    first = [_handled(7, known, key=named), _handled(8, unknown), Append(bytes(16), RecordedOutcome.EVENTS)]
    assert last_handled_in(first) == LastHandled(source, RecordedCommand(7, str(named.command_id), known))
    assert last_handled_in([_handled(8, unknown)]) == LastHandled(source, None)
    other = [_handled(7, known, topic=4), _handled(8, unknown)]
    assert last_handled_in(other) == LastHandled(source, None)
