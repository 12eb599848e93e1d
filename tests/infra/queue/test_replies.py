"""Which replies are believed: those that an active writer of the log signed, for this place of it."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.log.format import Place
from infra.log.keys import Signer
from infra.queue.replies import read_replies, signed_reply

PLACE = Place("dossier", 4, 2)
TOPIC = str(uuid4())
WRITER, STRANGER = Signer.generate(), Signer.generate()
ANSWER = '{"command_id":"x","ok":true,"dossier":"y","version":1,"partition":2,"position":7,"events":["Z"]}'
LINES = [f"40 done {ANSWER}", '41 dead {"command_id":null,"ok":false,"error":{"code":"NOT_JSON"}}']
VALUE = signed_reply(WRITER, PLACE, TOPIC, 12, LINES)
WRITERS = {WRITER.key_id: WRITER.public}


def believed(value: bytes | None, place: Place = PLACE) -> list[tuple[int, str]]:
    """Offset and outcome of each reply that is believed; whatever else there is must be counted."""
    replies, passed_over = read_replies(value, place, WRITERS.get)
    lines = (value or b"").count(b"\n") + 1
    assert passed_over + len(replies) in (lines, lines - 1)
    return [(reply.offset, reply.answer.outcome) for reply in replies]


def test_a_writer_is_believed() -> None:
    assert believed(VALUE) == [(40, "accepted"), (41, "malformed")]
    assert read_replies(VALUE, PLACE, WRITERS.get)[0][0].answer.line == ANSWER


def test_nobody_else_is_believed() -> None:
    """Not with a key of their own, nor under the name of a writer's, nor without one."""
    own = signed_reply(STRANGER, PLACE, TOPIC, 12, LINES)
    claimed = own.replace(STRANGER.key_id.hex().encode(), WRITER.key_id.hex().encode())
    unsigned = "\n".join([json.dumps({"commands": TOPIC, "record": 12}), *LINES]).encode()
    for value in (own, claimed, unsigned):
        assert believed(value) == []


def test_a_writer_s_word_holds_where_it_was_given() -> None:
    """Copied to another partition or log, for another topic of commands or record, or with other lines, it is none."""
    for place in (Place("dossier", 4, 1), Place("dossier", 5, 2), Place("other", 4, 2)):
        assert believed(VALUE, place) == []
    head, *lines = VALUE.decode().split("\n")
    for changes in ({"commands": str(uuid4())}, {"record": 13}):
        other = json.dumps(json.loads(head) | changes)
        assert believed("\n".join([other, *lines]).encode()) == []
    assert believed("\n".join([head, lines[0]]).encode()) == []
    assert believed("\n".join([head, *lines, lines[0]]).encode()) == []
    assert believed("\n".join([head, *reversed(lines)]).encode()) == []


@given(st.integers(0, len(VALUE) - 1), st.integers(1, 255))
def test_no_byte_may_be_another_one(place: int, change: int) -> None:
    """But for those of the first line that say the same in other words."""
    value = bytearray(VALUE)
    value[place] ^= change
    assert believed(bytes(value)) in ([], believed(VALUE))


@given(st.binary(max_size=300))
def test_anything_may_stand_there(value: bytes) -> None:
    assert believed(value) == []


@pytest.mark.parametrize(
    "line",
    ["", "no line", "0 done", "-1 done {}", "9" * 5_000 + " done {}", "0 gone {}", "0 done []", "0  done {}"],
)
def test_a_line_that_is_none_is_passed_over(line: str) -> None:
    """Even a writer's; the others are read."""
    value = signed_reply(WRITER, PLACE, TOPIC, 12, [LINES[0], line, LINES[1]])
    assert believed(value) == [(40, "accepted"), (41, "malformed")]


@pytest.mark.parametrize("value", [None, b""])
def test_an_empty_record_says_nothing(value: bytes | None) -> None:
    assert read_replies(value, PLACE, WRITERS.get) == ([], 1)
