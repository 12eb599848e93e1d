"""Which replies are believed: those that an active writer of the log signed, for this place of it."""

from __future__ import annotations

import json
from hashlib import sha256
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.commands.outcome import Answer
from infra.log.format import Place
from infra.log.keys import Signer, is_signed
from infra.queue.gateway import _PendingCommand
from infra.queue.replies import Reply, read_replies, signed_reply
from schemas.command_parser import read_command
from tests.infra.queue.test_command_line import opening

PLACE = Place("dossier", 4, 2)
TOPIC = str(uuid4())
WRITER, STRANGER = Signer.generate(), Signer.generate()
ANSWER = '{"command_id":"x","ok":true,"dossier":"y","version":1,"partition":2,"position":7,"events":["Z"]}'
LINES = [f"40 done {ANSWER}", '41 dead {"command_id":null,"ok":false,"error":{"code":"NOT_JSON"}}']
DIGESTS = [sha256(b"a command").digest(), None]
VALUE = signed_reply(WRITER, PLACE, TOPIC, 12, LINES, digests=DIGESTS)
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


def test_each_answer_says_whose_it_is() -> None:
    """By the digest that the log has; what the log does not know is not known."""
    assert [reply.digest for reply in read_replies(VALUE, PLACE, WRITERS.get)[0]] == DIGESTS


def _with_head(value: bytes, **changes: object) -> bytes:
    first, *lines = value.decode().split("\n")
    head = {name: each for name, each in (json.loads(first) | changes).items() if each != "left out"}
    return "\n".join([json.dumps(head), *lines]).encode()


@pytest.mark.parametrize(
    "digests",
    [[None, None], [sha256(b"another").hexdigest(), None], [], [DIGESTS[0] and DIGESTS[0].hex()], ["x", None], "none"],
)
def test_the_digests_are_a_writer_s_word_too(digests: object) -> None:
    """Swapped, taken out, or made up, nothing is believed."""
    assert believed(_with_head(VALUE, digests=digests)) == []


def test_a_reply_of_an_earlier_release_is_read_and_knows_no_digests() -> None:
    """Nor does one from which a stranger took them: whoever waits for an answer believes neither."""
    for changes in ({"digests": "left out", "digests_signature": "left out"}, {"digests": None}):
        old = _with_head(VALUE, **changes)
        assert [reply.digest for reply in read_replies(old, PLACE, WRITERS.get)[0]] == [None, None]
        assert believed(_with_head(old, record=13)) == []


def test_a_reader_of_the_earlier_form_goes_on() -> None:
    """Lines, `signature` and what it covers are as they were."""
    first, *lines = VALUE.decode().split("\n")
    head = json.loads(first)
    signed = "\n".join([head["commands"], str(head["record"]), *lines]).encode()
    message = b"dossier-reply/dossier/4/2" + sha256(signed).digest()
    assert is_signed(WRITER.public, bytes.fromhex(head["signature"]), message)
    assert lines == LINES


COMMAND = json.dumps(opening("04630")).encode()


def _reply_to(line: bytes, *, digest: bytes | None = None, command_id: str | None = None) -> Reply:
    command = read_command(line)
    answer = json.dumps({"command_id": command_id or command.command_id, "ok": True})
    return Reply(TOPIC, 40, Answer(answer, "accepted"), digest or command.digest)


def test_an_answer_belongs_to_the_command_of_its_id_and_digest() -> None:
    """Another command's is none, and neither is that of the same content under another id."""
    command = read_command(COMMAND)
    pending = _PendingCommand(COMMAND, command.command_id, command.digest)
    assert pending.is_answered_by(_reply_to(COMMAND))
    # By a worker of an earlier release, which could not decode it.
    assert pending.is_answered_by(_reply_to(COMMAND, digest=sha256(COMMAND).digest()))
    assert not pending.is_answered_by(_reply_to(json.dumps(opening("04633")).encode(), command_id=command.command_id))
    assert not pending.is_answered_by(_reply_to(COMMAND, command_id=str(uuid4())))
    assert not pending.is_answered_by(_reply_to(COMMAND)._replace(digest=None))
    assert not pending.is_answered_by(_reply_to(COMMAND)._replace(answer=Answer("{}", "accepted")))


@pytest.mark.parametrize("value", [None, b""])
def test_an_empty_record_says_nothing(value: bytes | None) -> None:
    assert read_replies(value, PLACE, WRITERS.get) == ([], 1)
