"""The bytes of a record, and the rule on them."""

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

from consumers.commands.ports import CommandKey, QueuePosition
from infra.log.acceptance import ChainState, UnknownFormat, Verdict, accept, dismiss
from infra.log.format import (
    FORMAT,
    HEADER_LENGTH,
    Append,
    Command,
    Header,
    Orphan,
    RecordedOutcome,
    UnreadableBody,
    decode_body,
    encode_append,
    encode_record,
    first_hash,
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
        Command, st.builds(CommandKey, st.binary(min_size=6, max_size=6), st.uuids()), hashes, st.text(max_size=40)
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


def record(previous: bytes, number: int, position: int, events: int = 1, format_: int = FORMAT) -> bytes:
    return encode_record(Header(format_, previous, number, position, events), "w", [], 0)


def test_accepts_what_was_built_on_the_head() -> None:
    """And only with the next number and the position that follows."""
    start = ChainState(first_hash("app", 1, 0))
    first = record(start.head, 1, 1, 2)
    state, verdict = accept(start, 0, first)
    assert verdict is Verdict.ACCEPTED
    assert state == ChainState(sha256(first).digest(), 1, 3)
    assert accept(state, 1, record(state.head, 2, 3))[1] is Verdict.ACCEPTED
    assert accept(state, 1, record(state.head, 2, 4))[1] is Verdict.ORPHAN
    assert accept(state, 1, record(state.head, 3, 3))[1] is Verdict.ORPHAN
    assert accept(state, 1, record(state.head, 1, 3))[1] is Verdict.LATE
    assert accept(state, 1, first)[1] is Verdict.LATE
    assert accept(state, 1, record(bytes(32), 1, 1))[1] is Verdict.LATE


@pytest.mark.parametrize("value", [None, b"", b"{}" * 40, bytes(HEADER_LENGTH - 1), b"\xf8" * (HEADER_LENGTH - 1)])
def test_without_a_header_of_ours_it_is_foreign(value: bytes | None) -> None:
    state = ChainState(first_hash("app", 1, 0))
    assert accept(state, 5, value) == (state, Verdict.FOREIGN)


def test_an_unknown_format_halts_on_the_head_alone() -> None:
    """Elsewhere it is late or an orphan like any other."""
    state = ChainState(bytes(32), 4, 9)
    with pytest.raises(UnknownFormat):
        accept(state, 7, record(bytes(32), 5, 9, format_=FORMAT + 1))
    assert accept(state, 7, record(b"1" * 32, 4, 9, format_=FORMAT + 1))[1] is Verdict.LATE
    assert accept(state, 7, record(b"1" * 32, 5, 9, format_=FORMAT + 1))[1] is Verdict.ORPHAN


def test_an_orphan_is_dismissed_by_offset_and_hash() -> None:
    """Neither alone is enough, and what follows the head is accepted meanwhile by everybody alike."""
    state = ChainState(bytes(32), 4, 9)
    orphan = record(b"1" * 32, 6, 9)
    state, _ = accept(state, 7, orphan)
    own = sha256(orphan).digest()
    assert state.orphans == {7: own}
    assert accept(state, 8, record(bytes(32), 5, 9))[0].orphans == {7: own}
    assert dismiss(state, [Orphan(7, bytes(32)), Orphan(8, own)]).orphans == {7: own}
    assert dismiss(state, [Orphan(7, own)]).orphans == {}


@given(st.lists(st.integers(0, 5), max_size=30))
def test_readers_in_pieces_agree(order: list[int]) -> None:
    """Wherever a reader stops and goes on, the state is the same."""
    state = ChainState(first_hash("app", 1, 0))
    values = [record(state.head, 1, 1)]
    for number in range(2, 6):
        values.append(record(sha256(values[-1]).digest(), number, number))
    values.append(b"foreign")
    states = [state]
    for offset, place in enumerate(order):
        states.append(accept(states[-1], offset, values[place])[0])
    resumed = ChainState(*states[len(states) // 2])
    for offset, place in list(enumerate(order))[len(states) // 2 :]:
        resumed = accept(resumed, offset, values[place])[0]
    assert resumed == states[-1]
