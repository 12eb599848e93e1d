"""The rule that says which records are the log."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.log.acceptance import ChainState, UnknownFormat, Verdict, accept, dismiss
from infra.log.format import FORMAT, HEADER_LENGTH, Header, Orphan, encode_record, first_hash


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
