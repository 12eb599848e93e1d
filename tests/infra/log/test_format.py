"""The bytes of a record."""

from __future__ import annotations

import json
from importlib.resources import files
from io import BytesIO
from typing import Any
from uuid import UUID

import pytest
from eventsourcing.persistence import Tracking
from fastavro import parse_schema, schemaless_writer
from hypothesis import given
from hypothesis import strategies as st

from consumers.commands.ports import CommandKey, QueuePosition
from infra.log.format import (
    FORMAT,
    HEADER_LENGTH,
    Append,
    HandledCommand,
    Header,
    Orphan,
    RecordedOutcome,
    UnreadableBody,
    decode_body,
    encode_append,
    encode_record,
    read_header,
)

SCHEMA = parse_schema(json.loads((files("schemas") / "log" / "record.v1.avsc").read_text()))

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
    st.lists(st.builds(Orphan, longs, hashes), max_size=2),
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
        "dismissed": [orphan._asdict() for orphan in append.dismissed],
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
    header = Header(FORMAT, bytes(32), 1, 1, sum(len(append.events) for append in several))
    value = encode_record(header, writer, [encode_append(append) for append in several], len(several))
    expected = BytesIO()
    schemaless_writer(expected, SCHEMA, {"writer": writer, "appends": [as_avro(append) for append in several]})
    assert value[HEADER_LENGTH:] == expected.getvalue()
    assert read_header(value) == header
    assert decode_body(value) == (writer, several)


@pytest.mark.parametrize("cut", [1, 20])
def test_a_cut_or_longer_body_is_unreadable(cut: int) -> None:
    value = encode_record(
        Header(FORMAT, bytes(32), 1, 1, 0), "writer", [encode_append(Append(bytes(16), RecordedOutcome.DEAD))], 1
    )
    for damaged in (value[:-cut], value + b"!"):
        with pytest.raises(UnreadableBody):
            decode_body(damaged)
