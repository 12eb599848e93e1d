"""The rule that says which records are the log."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.log.acceptance import ChainState, MovedTo, Verdict, VoidRange, accept, start
from infra.log.chain import Chain
from infra.log.control_records import Closing, Orphan, Roots, StatementKind, encode_dismissal, sign
from infra.log.format import HEADER_LENGTH, Format, Place
from infra.log.keys import Signer, key_id
from infra.log.partition_client import Record
from tests.support.second_rule import read_all
from tests.support.signing import (
    PLACE,
    ROOT,
    SECOND_ROOT,
    SECOND_WRITER,
    STRANGER,
    WRITER,
    founded,
    genesis_of,
    no_history,
    sealed,
    statement_of,
    void_of,
)

GENESIS = genesis_of(writers=(WRITER, SECOND_WRITER))
FIRST = founded(start(PLACE), GENESIS)
TWO_ROOTS = genesis_of(roots=(ROOT, SECOND_ROOT), threshold=2)


def begun(genesis: bytes = FIRST) -> Chain:
    """A partition with its genesis."""
    chain = Chain(start(PLACE), 0, no_history)
    assert put(chain, genesis) is Verdict.ACCEPTED
    return chain


def put(chain: Chain, value: bytes | None) -> Verdict:
    """What the next record is."""
    return chain.take(Record(chain.next_offset, value))[0]


def state(chain: Chain, format_: Format, content: bytes, by: Signer = WRITER) -> Verdict:
    """Append a control record."""
    return put(chain, sealed(chain.state, by, format_=format_, content=content))


def verdict(found: ChainState, value: bytes | None) -> Verdict:
    return accept(found, 99, value, no_history)[1]


def test_accepts_what_was_built_on_the_head() -> None:
    """And only with the next number and the position that follows."""
    chain = begun()
    found = chain.state
    first = sealed(found, events=2)
    after, accepted = accept(found, 1, first, no_history)
    assert accepted is Verdict.ACCEPTED
    assert after == found._replace(head=sha256(first).digest(), number=2, position=3)
    assert verdict(after, sealed(after)) is Verdict.ACCEPTED
    assert verdict(after, sealed(after, by=SECOND_WRITER)) is Verdict.ACCEPTED
    assert verdict(after, sealed(after, position=4)) is Verdict.ORPHAN
    assert verdict(after, sealed(after, number=4)) is Verdict.ORPHAN
    assert verdict(after, sealed(after, number=2)) is Verdict.LATE
    assert verdict(after, first) is Verdict.LATE
    assert verdict(after, sealed(after, previous=bytes(32), number=1)) is Verdict.LATE


@pytest.mark.parametrize("value", [None, b"", b"{}" * 80, bytes(HEADER_LENGTH), b"\xf9" * (HEADER_LENGTH - 1)])
def test_without_a_header_of_ours_it_is_foreign(value: bytes | None) -> None:
    for found in (start(PLACE), begun().state):
        assert accept(found, 5, value, no_history) == (found, Verdict.FOREIGN)


def resigned(value: bytes, by: Signer) -> bytes:
    """The record with another one's signature, under the id of the key that it names."""
    return value[:61] + by.sign(PLACE.scope + value[:61] + sha256(value[125:]).digest()) + value[125:]


def test_what_no_active_writer_signed_is_foreign() -> None:
    """Wherever it says that it stands: a stranger makes neither late records nor orphans."""
    found = begun().state
    for place in ({}, {"number": 1}, {"number": 7, "previous": bytes(32)}):
        own = sealed(found, **place)
        for value in (
            sealed(found, STRANGER, **place),
            sealed(found, ROOT, **place),
            resigned(own, STRANGER),
            own[:53] + STRANGER.key_id + own[61:],
            own[:-1] + bytes([own[-1] ^ 1]),
            own + b"\0",
            own[:1] + bytes([own[1] ^ 1]) + own[2:],
            own[:61] + bytes(64) + own[125:],
            bytes([0xF8]) + own[1:],
        ):
            assert accept(found, 3, value, no_history) == (found, Verdict.FOREIGN)


@pytest.mark.parametrize("place", [Place("other", 1, 0), Place("app", 2, 0), Place("app", 1, 1)])
def test_a_record_of_another_place_is_foreign(place: Place) -> None:
    """A signature holds for one partition of one log."""
    found = begun().state
    assert verdict(found, sealed(found, place=place)) is Verdict.FOREIGN


def test_the_genesis_says_who_may_write() -> None:
    chain = begun()
    keys = chain.state.keys
    assert keys is not None
    assert keys.identity == GENESIS.identity
    assert keys.writers == {WRITER.key_id: WRITER.public, SECOND_WRITER.key_id: SECOND_WRITER.public}
    assert (chain.state.number, chain.state.position) == (1, 1)


@pytest.mark.parametrize(
    "value",
    [
        sealed(start(PLACE)),
        founded(start(PLACE), GENESIS, by=STRANGER),
        founded(start(PLACE), GENESIS._replace(signatures=())),
        founded(
            start(PLACE), genesis_of(roots=(ROOT, SECOND_ROOT), threshold=2)._replace(signatures=GENESIS.signatures)
        ),
        founded(start(PLACE), genesis_of(Place("other", 1, 0))),
        founded(start(PLACE), genesis_of(Place("app", 2, 0))),
        founded(start(PLACE)._replace(number=4), GENESIS),
        founded(start(PLACE)._replace(head=bytes(32)), GENESIS),
        sealed(start(PLACE), format_=Format.GENESIS, content=GENESIS.encode(), events=1),
        sealed(start(PLACE), format_=Format.GENESIS, content=GENESIS.encode() + b"\0"),
        sealed(start(PLACE), format_=Format.STATEMENT, content=GENESIS.encode()),
        resigned(FIRST, STRANGER),
    ],
)
def test_nothing_but_a_whole_genesis_comes_first(value: bytes) -> None:
    """Signed by its own roots and by one of its own writers, for this log."""
    assert accept(start(PLACE), 0, value, no_history) == (start(PLACE), Verdict.FOREIGN)


def test_only_the_expected_genesis_is_taken() -> None:
    """Where the identity is known beforehand, a stranger's log cannot be put in its place."""
    expecting = start(PLACE, GENESIS.identity)
    other = founded(expecting, genesis_of(nonce=b"o" * 16))
    assert accept(expecting, 0, other, no_history) == (expecting, Verdict.FOREIGN)
    assert verdict(expecting, FIRST) is Verdict.ACCEPTED


def test_a_second_genesis_does_nothing() -> None:
    chain = begun()
    before = chain.state.keys
    assert state(chain, Format.GENESIS, genesis_of(nonce=b"o" * 16).encode()) is Verdict.ACCEPTED
    assert chain.state.keys == before


def test_a_writer_is_added_and_retired_from_the_next_record_on() -> None:
    """What it signs before and behind is foreign, a copy of its key included."""
    chain = begun()
    early = sealed(chain.state, STRANGER)
    assert put(chain, early) is Verdict.FOREIGN
    added = statement_of(GENESIS, 1, StatementKind.ADD_WRITER, STRANGER.public)
    assert state(chain, Format.STATEMENT, added.encode()) is Verdict.ACCEPTED
    late = sealed(chain.state, STRANGER)
    assert put(chain, late) is Verdict.ACCEPTED
    retired = statement_of(GENESIS, 2, StatementKind.RETIRE_WRITER, STRANGER.public)
    # It may say so itself.
    assert state(chain, Format.STATEMENT, retired.encode(), by=STRANGER) is Verdict.ACCEPTED
    assert put(chain, sealed(chain.state, STRANGER)) is Verdict.FOREIGN
    # What it had signed while it was active is foreign as well from now on.
    assert put(chain, late) is Verdict.FOREIGN
    assert put(chain, sealed(chain.state)) is Verdict.ACCEPTED


@pytest.mark.parametrize(
    "content",
    [
        statement_of(GENESIS, 2, StatementKind.ADD_WRITER, STRANGER.public).encode(),
        statement_of(GENESIS, 0, StatementKind.ADD_WRITER, STRANGER.public).encode(),
        statement_of(GENESIS, 1, StatementKind.ADD_WRITER, STRANGER.public, signers=()).encode(),
        statement_of(
            GENESIS,
            1,
            StatementKind.ADD_WRITER,
            STRANGER.public,
            signers=(STRANGER,),
            roots=Roots(1, (STRANGER.public,)),
        ).encode(),
        statement_of(TWO_ROOTS, 1, StatementKind.ADD_WRITER, STRANGER.public).encode(),
        statement_of(GENESIS, 1, StatementKind.ADD_WRITER, STRANGER.public).encode() + b"\0",
        b"",
    ],
    ids=["not the next", "numbered 0", "unsigned", "by a stranger", "of another log", "longer", "empty"],
)
def test_a_statement_that_does_not_hold_does_nothing(content: bytes) -> None:
    """It is a record all the same, so that nobody's position in the chain depends on it."""
    chain = begun()
    before = chain.state
    assert state(chain, Format.STATEMENT, content) is Verdict.ACCEPTED
    assert chain.state == before._replace(head=chain.state.head, number=2)


def test_a_statement_holds_once() -> None:
    """Said again after its contrary, it does nothing: its number is used up."""
    chain = begun()
    added = statement_of(GENESIS, 1, StatementKind.ADD_WRITER, STRANGER.public).encode()
    retired = statement_of(GENESIS, 2, StatementKind.RETIRE_WRITER, STRANGER.public).encode()
    for content in (added, retired, added):
        assert state(chain, Format.STATEMENT, content) is Verdict.ACCEPTED
    assert put(chain, sealed(chain.state, STRANGER)) is Verdict.FOREIGN


def test_as_many_roots_as_must_sign_and_no_fewer() -> None:
    """One stolen root of two changes nothing."""
    chain = begun(founded(start(PLACE), TWO_ROOTS))
    for signers in ((ROOT,), (SECOND_ROOT,)):
        one = statement_of(TWO_ROOTS, 1, StatementKind.ADD_WRITER, STRANGER.public, signers=signers)
        assert state(chain, Format.STATEMENT, one.encode()) is Verdict.ACCEPTED
        assert verdict(chain.state, sealed(chain.state, STRANGER)) is Verdict.FOREIGN
    both = statement_of(TWO_ROOTS, 1, StatementKind.ADD_WRITER, STRANGER.public, signers=(ROOT, SECOND_ROOT))
    assert state(chain, Format.STATEMENT, both.encode()) is Verdict.ACCEPTED
    assert verdict(chain.state, sealed(chain.state, STRANGER)) is Verdict.ACCEPTED


def test_roots_are_rotated_by_those_in_force() -> None:
    """From the next record on the new ones sign, and the old ones no longer."""
    chain = begun()
    fresh = Roots(1, (SECOND_ROOT.public,))
    rotated = statement_of(GENESIS, 1, StatementKind.ROTATE_ROOTS, fresh)
    assert state(chain, Format.STATEMENT, rotated.encode()) is Verdict.ACCEPTED
    old = statement_of(GENESIS, 2, StatementKind.ADD_WRITER, STRANGER.public)
    assert state(chain, Format.STATEMENT, old.encode()) is Verdict.ACCEPTED
    assert verdict(chain.state, sealed(chain.state, STRANGER)) is Verdict.FOREIGN
    new = statement_of(GENESIS, 2, StatementKind.ADD_WRITER, STRANGER.public, signers=(SECOND_ROOT,), roots=fresh)
    assert state(chain, Format.STATEMENT, new.encode()) is Verdict.ACCEPTED
    assert verdict(chain.state, sealed(chain.state, STRANGER)) is Verdict.ACCEPTED


def test_a_key_is_not_replaced_by_another_of_the_same_id() -> None:
    """Retiring names the whole key, and adding does not overwrite."""
    chain = begun()
    keys = chain.state.keys
    assert keys is not None
    twin = WRITER.key_id + bytes(24)
    chain.state = chain.state._replace(keys=keys._replace(writers={**keys.writers, key_id(STRANGER.public): twin}))
    added = statement_of(GENESIS, 1, StatementKind.ADD_WRITER, STRANGER.public)
    retired = statement_of(GENESIS, 2, StatementKind.RETIRE_WRITER, STRANGER.public)
    for statement in (added, retired):
        assert state(chain, Format.STATEMENT, statement.encode()) is Verdict.ACCEPTED
        assert chain.state.keys is not None
        assert chain.state.keys.writers[STRANGER.key_id] == twin


def test_an_unknown_format_is_a_record_like_any_other_to_the_rule() -> None:
    """Whether its body can be used is each reader's own affair; only an active writer's counts."""
    found = begun().state
    for format_ in (0xF8, 0xFE):
        assert verdict(found, sealed(found, format_=format_)) is Verdict.ACCEPTED
        assert verdict(found, sealed(found, format_=format_, number=1)) is Verdict.LATE
        assert verdict(found, sealed(found, format_=format_, number=9)) is Verdict.ORPHAN
        assert verdict(found, sealed(found, STRANGER, format_=format_)) is Verdict.FOREIGN


def test_an_orphan_is_dismissed_by_offset_and_hash() -> None:
    """Neither alone is enough, and what follows the head is accepted meanwhile by everybody alike."""
    chain = begun()
    orphan = sealed(chain.state, number=6)
    own = sha256(orphan).digest()
    assert put(chain, orphan) is Verdict.ORPHAN
    assert chain.state.orphans == {1: own}
    assert put(chain, sealed(chain.state)) is Verdict.ACCEPTED
    assert state(chain, Format.DISMISSAL, encode_dismissal([Orphan(1, bytes(32)), Orphan(2, own)])) is Verdict.ACCEPTED
    assert chain.state.orphans == {1: own}
    assert state(chain, Format.DISMISSAL, encode_dismissal([Orphan(7, own), Orphan(1, own)])) is Verdict.ACCEPTED
    assert chain.state.orphans == {}


def with_garbage() -> Chain:
    """Two good records of two events each, then two that nobody can use, of three and of one."""
    chain = begun()
    for events, content in ((2, None), (2, None), (3, b"garbage"), (1, b"more")):
        assert put(chain, sealed(chain.state, events=events, content=content)) is Verdict.ACCEPTED
    return chain


def recorded_hash(chain: Chain, number: int) -> bytes:
    found = chain.recorded(number)
    assert found is not None
    return found.hash


def test_a_void_empties_records_up_to_the_head() -> None:
    """Their positions stay empty, and the chain goes on behind it."""
    chain = with_garbage()
    void = void_of(GENESIS, 4, recorded_hash(chain, 4), chain.state.head)
    assert state(chain, Format.VOID, void.encode()) is Verdict.ACCEPTED
    assert chain.state.voids == (VoidRange(4, 5, 5, 8),)
    assert (chain.state.number, chain.state.position) == (6, 9)
    assert put(chain, sealed(chain.state, events=1)) is Verdict.ACCEPTED


def _built_on_another_head(chain: Chain) -> bytes:
    return void_of(GENESIS, 4, recorded_hash(chain, 4), recorded_hash(chain, 4)).encode()


def _of_another_record(chain: Chain) -> bytes:
    return void_of(GENESIS, 4, recorded_hash(chain, 3), chain.state.head).encode()


def _of_no_record(chain: Chain) -> bytes:
    return void_of(GENESIS, 6, chain.state.head, chain.state.head).encode()


def _of_another_partition(chain: Chain) -> bytes:
    return void_of(GENESIS, 4, recorded_hash(chain, 4), chain.state.head, partition=1).encode()


def _of_another_log(chain: Chain) -> bytes:
    return void_of(genesis_of(nonce=b"o" * 16), 4, recorded_hash(chain, 4), chain.state.head).encode()


def _unsigned(chain: Chain) -> bytes:
    return void_of(GENESIS, 4, recorded_hash(chain, 4), chain.state.head, signers=()).encode()


@pytest.mark.parametrize(
    "content",
    [_built_on_another_head, _of_another_record, _of_no_record, _of_another_partition, _of_another_log, _unsigned],
)
def test_a_void_that_does_not_hold_does_nothing(content: object) -> None:
    chain = with_garbage()
    assert callable(content)
    assert state(chain, Format.VOID, content(chain)) is Verdict.ACCEPTED
    assert chain.state.voids == ()


def test_a_void_that_says_it_has_events_does_nothing() -> None:
    """Nor does any other control record: no reader could say which ones."""
    chain = with_garbage()
    content = void_of(GENESIS, 4, recorded_hash(chain, 4), chain.state.head).encode()
    assert put(chain, sealed(chain.state, format_=Format.VOID, events=1, content=content)) is Verdict.ACCEPTED
    assert chain.state.voids == ()


def test_a_replayed_void_does_nothing() -> None:
    """It names the head that it is built on, which never comes again."""
    chain = with_garbage()
    content = void_of(GENESIS, 4, recorded_hash(chain, 4), chain.state.head).encode()
    for _ in range(2):
        assert state(chain, Format.VOID, content) is Verdict.ACCEPTED
    assert len(chain.state.voids) == 1


def test_two_roots_must_sign_a_void_where_there_are_two() -> None:
    chain = begun(founded(start(PLACE), TWO_ROOTS))
    assert put(chain, sealed(chain.state, content=b"garbage")) is Verdict.ACCEPTED
    for signers, voids in (((ROOT,), 0), ((SECOND_ROOT,), 0), ((ROOT, SECOND_ROOT), 1)):
        void = void_of(TWO_ROOTS, 2, recorded_hash(chain, 2), chain.state.head, signers=signers)
        assert state(chain, Format.VOID, void.encode()) is Verdict.ACCEPTED
        assert len(chain.state.voids) == voids


def test_a_void_leaves_control_records_in_force() -> None:
    """So the hostile writer is retired first, and what it wrote is voided afterwards."""
    chain = begun()
    assert put(chain, sealed(chain.state, SECOND_WRITER, events=1, content=b"garbage")) is Verdict.ACCEPTED
    retired = statement_of(GENESIS, 1, StatementKind.RETIRE_WRITER, SECOND_WRITER.public)
    assert state(chain, Format.STATEMENT, retired.encode()) is Verdict.ACCEPTED
    void = void_of(GENESIS, 2, recorded_hash(chain, 2), chain.state.head)
    assert state(chain, Format.VOID, void.encode()) is Verdict.ACCEPTED
    assert chain.state.voids == (VoidRange(2, 3, 1, 1),)
    assert put(chain, sealed(chain.state, SECOND_WRITER)) is Verdict.FOREIGN


def closing_of(state: ChainState, tape: str, successor: str, by: Sequence[Signer] = (ROOT,)) -> Closing:
    """A closing that is built on the head."""
    closing = Closing(GENESIS.identity, state.place.partition, state.head, tape, successor, "elsewhere")
    return closing._replace(signatures=sign(closing.message(), GENESIS.roots, by))


def test_a_closing_names_a_tape_until_the_log_comes_back_to_it() -> None:
    """Which records are accepted does not depend on it: on the other tape the same log goes on."""
    chain = begun()
    state(chain, Format.CLOSING, closing_of(chain.state, "here", "there").encode())
    assert chain.state.closed == {"here": MovedTo("there", "elsewhere")}
    assert put(chain, sealed(chain.state, events=1)) is Verdict.ACCEPTED
    state(chain, Format.CLOSING, closing_of(chain.state, "there", "here").encode())
    assert chain.state.closed == {"there": MovedTo("here", "elsewhere")}


@pytest.mark.parametrize(
    "wrong", [{"identity": bytes(32)}, {"partition": 1}, {"head": bytes(32)}, {"tape": "another"}, {"place": "!"}]
)
def test_a_closing_that_does_not_hold_does_nothing(wrong: dict[str, Any]) -> None:
    """One of another log, of another place, of another head, or whose content the roots did not sign."""
    chain = begun()
    content = closing_of(chain.state, "here", "there")._replace(**wrong).encode()
    state(chain, Format.CLOSING, content)
    assert not chain.state.closed
    state(chain, Format.CLOSING, closing_of(chain.state, "here", "there", by=()).encode())
    state(chain, Format.CLOSING, closing_of(chain.state, "here", "there").encode() + b"0")
    assert not chain.state.closed
    value = sealed(chain.state, format_=Format.CLOSING, content=closing_of(chain.state, "a", "b").encode(), events=1)
    assert put(chain, value) is Verdict.ACCEPTED
    assert not chain.state.closed


def a_log() -> list[bytes]:
    """Records of every kind, each built on the one before."""
    chain = begun()
    values = [FIRST]

    def add(format_: Format, content: bytes | None = None, events: int = 0, by: Signer = WRITER) -> None:
        values.append(sealed(chain.state, by, format_=format_, content=content, events=events))
        assert put(chain, values[-1]) is Verdict.ACCEPTED

    add(Format.APPENDS, events=2)
    add(Format.STATEMENT, statement_of(GENESIS, 1, StatementKind.ADD_WRITER, STRANGER.public).encode())
    add(Format.APPENDS, b"garbage", 3, STRANGER)
    add(Format.STATEMENT, statement_of(GENESIS, 2, StatementKind.RETIRE_WRITER, STRANGER.public).encode())
    add(Format.VOID, void_of(GENESIS, 4, recorded_hash(chain, 4), chain.state.head).encode())
    add(Format.DISMISSAL, encode_dismissal([]))
    add(Format.CLOSING, closing_of(chain.state, "here", "there").encode())
    add(Format.CLOSING, closing_of(chain.state, "there", "yonder").encode())
    add(Format.APPENDS, events=1, by=SECOND_WRITER)
    return values


def test_what_looks_like_the_next_record_and_no_writer_signed_is_known_until_one_is_accepted_behind_it() -> None:
    """On a tape that strangers cannot append to, whatever else stands there too."""
    first, second = a_log()[:2]
    altered = second[:-1] + bytes([second[-1] ^ 1])
    for strangers, known in ((True, {1}), (False, {1, 2})):
        chain = Chain(start(PLACE), 0, no_history, strangers=strangers)
        for offset, value in enumerate((first, altered, b"no header")):
            chain.take(Record(offset, value))
        assert set(chain.unsigned) == known
        assert chain.unsigned[1] == sha256(altered).digest()
        chain.take(Record(3, second))
        assert not chain.unsigned


LOG = a_log()
STRAYS = [b"foreign", sealed(begun().state, number=9), sealed(begun().state, STRANGER, number=9)]


@given(st.lists(st.integers(0, len(LOG) + len(STRAYS) - 1), max_size=40), st.integers(0, 40))
def test_readers_in_pieces_agree(order: Sequence[int], stop: int) -> None:
    """Wherever a reader stops and goes on with what it remembers, the state is the same."""
    values = [*LOG, *STRAYS]
    whole = Chain(start(PLACE), 0, no_history)
    parts = [Chain(start(PLACE), 0, no_history)]
    for offset, place in enumerate([*order, *range(len(LOG))]):
        if offset == stop:
            before = parts[-1]
            parts.append(Chain(ChainState(*before.state), before.next_offset, before.recorded))
        for chain in (whole, parts[-1]):
            chain.take(Record(offset, values[place]))
    assert parts[-1].state == whole.state


@given(st.lists(st.sampled_from(STRAYS), max_size=5), st.integers(0, len(LOG)))
def test_what_is_in_between_changes_only_the_orphans(strays: Sequence[bytes], place: int) -> None:
    """Whatever strangers put in, and whatever comes twice."""
    plain, disturbed = Chain(start(PLACE), 0, no_history), Chain(start(PLACE), 0, no_history)
    for number, value in enumerate(LOG):
        put(plain, value)
        for extra in (*(strays if number == place else ()), value, value):
            put(disturbed, extra)
    assert disturbed.state._replace(orphans={}) == plain.state._replace(orphans={})


@given(st.lists(st.integers(0, len(LOG) + len(STRAYS) - 1), max_size=40))
def test_a_second_hand_agrees(order: Sequence[int]) -> None:
    """One that was written from the page of the formats, and shares nothing with this one."""
    values = [*LOG, *STRAYS]
    chain = Chain(start(PLACE), 0, no_history)
    records = [(offset, values[place]) for offset, place in enumerate([*order, *range(len(LOG))])]
    for record in records:
        chain.take(Record(*record))
    second = read_all("app", 1, 0, records)
    found, keys = chain.state, chain.state.keys
    assert keys is not None
    assert (second.head, len(second.accepted), second.position) == (found.head, found.number, found.position)
    assert (second.orphans, second.writers, second.statements) == (found.orphans, keys.writers, keys.statements)
    void = {number for each in found.voids for number in range(each.first, each.last + 1)}
    assert {record.number for record in second.accepted if record.void} == void
    assert second.closed == found.closed
