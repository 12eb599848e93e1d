"""The bytes of control records: exactly one content, or none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.log.control_records import (
    Closing,
    Genesis,
    KeyStatement,
    MalformedControlRecord,
    Orphan,
    Roots,
    RootSignature,
    StatementKind,
    Void,
    encode_dismissal,
    is_signed_by_enough,
    parse_closing,
    parse_dismissal,
    parse_genesis,
    parse_statement,
    parse_void,
    sign,
)
from infra.log.keys import Signer, is_weak
from tests.support.signing import ROOT, SECOND_ROOT, STRANGER

hashes = st.binary(min_size=32, max_size=32)
keys = hashes.filter(lambda found: not is_weak(found))
texts = st.text(max_size=40)
several_keys = st.lists(keys, min_size=1, max_size=4, unique=True).map(tuple)
roots = several_keys.flatmap(lambda found: st.builds(Roots, st.integers(1, len(found)), st.just(found)))
signatures = st.dictionaries(st.integers(0, 255), st.binary(min_size=64, max_size=64), max_size=3).map(
    lambda found: tuple(RootSignature(root, found[root]) for root in sorted(found))
)
genesis = st.builds(
    Genesis,
    texts,
    st.integers(0, 2**32 - 1),
    st.binary(min_size=16, max_size=16),
    texts,
    roots,
    several_keys,
    signatures,
)
numbers = st.integers(0, 2**64 - 1)
statements = st.builds(
    KeyStatement,
    hashes,
    numbers,
    st.sampled_from([StatementKind.ADD_WRITER, StatementKind.RETIRE_WRITER]),
    keys,
    signatures,
) | st.builds(KeyStatement, hashes, numbers, st.just(StatementKind.ROTATE_ROOTS), roots, signatures)
closings = st.builds(Closing, hashes, st.integers(0, 2**32 - 1), hashes, texts, texts, texts, signatures)
voids = st.builds(Void, hashes, st.integers(0, 2**32 - 1), numbers, hashes, hashes, texts, signatures)
PARSERS: dict[str, Callable[[bytes], Any]] = {
    "genesis": parse_genesis,
    "statement": parse_statement,
    "void": parse_void,
    "closing": parse_closing,
    "dismissal": parse_dismissal,
}
contents = st.one_of(
    genesis.map(lambda found: ("genesis", found, found.encode())),
    statements.map(lambda found: ("statement", found, found.encode())),
    voids.map(lambda found: ("void", found, found.encode())),
    closings.map(lambda found: ("closing", found, found.encode())),
    st.lists(st.builds(Orphan, numbers, hashes), max_size=5).map(
        lambda found: ("dismissal", tuple(found), encode_dismissal(found))
    ),
)


@given(contents)
def test_what_was_encoded_is_read(given_content: tuple[str, Any, bytes]) -> None:
    kind, expected, content = given_content
    assert PARSERS[kind](content) == expected


@given(contents, st.data())
def test_a_cut_longer_or_altered_content_is_another_one_or_none(
    given_content: tuple[str, Any, bytes], data: st.DataObject
) -> None:
    """No two byte strings are the same content, and nothing but the one named error is raised."""
    kind, expected, content = given_content
    place = data.draw(st.integers(0, len(content) - 1))
    altered = bytearray(content)
    altered[place] ^= data.draw(st.integers(1, 255))
    for damaged in (content[:place], content + b"\0", bytes(altered)):
        try:
            found = PARSERS[kind](damaged)
        except MalformedControlRecord:
            continue
        assert found != expected


@given(st.sampled_from(sorted(PARSERS)), st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(kind: str, content: bytes) -> None:
    """What is read is written back as the very same bytes."""
    try:
        found = PARSERS[kind](content)
    except MalformedControlRecord:
        return
    assert (encode_dismissal(found) if kind == "dismissal" else found.encode()) == content


@pytest.mark.parametrize(
    "given_roots",
    [Roots(0, (b"r" * 32,)), Roots(2, (b"r" * 32,)), Roots(1, ()), Roots(1, (b"r" * 32, b"r" * 32))],
    ids=["none must sign", "more than there are", "none", "one twice"],
)
def test_roots_that_cannot_sign_are_no_roots(given_roots: Roots) -> None:
    statement = KeyStatement(bytes(32), 1, StatementKind.ROTATE_ROOTS, given_roots)
    with pytest.raises(MalformedControlRecord):
        parse_statement(statement.encode())


def test_a_key_that_anybody_can_sign_with_is_no_key() -> None:
    """Whoever could sign as this writer would write to the log as everybody."""
    weak = KeyStatement(bytes(32), 1, StatementKind.ADD_WRITER, b"\x01" + bytes(31))
    with pytest.raises(MalformedControlRecord, match="anybody"):
        parse_statement(weak.encode())
    with pytest.raises(MalformedControlRecord, match="anybody"):
        parse_genesis(Genesis("app", 1, bytes(16), "", Roots(1, (bytes(32),)), (b"w" * 32,)).encode())


def test_the_layout_of_a_genesis_is_that_of_the_page() -> None:
    """Byte by byte, as `formats.md` gives it; its identity is the hash of all but the signatures."""
    found = Genesis("app", 4, bytes(range(16)), "old", Roots(1, (b"r" * 32,)), (b"w" * 32, b"x" * 32))
    content = b"\x03app" + b"\0\0\0\x04" + bytes(range(16)) + b"\x03old" + b"\x01\x01" + b"r" * 32
    content += b"\x02" + b"w" * 32 + b"x" * 32
    assert found.content() == content
    assert found.encode() == content + b"\0"
    assert found.identity == sha256(content).digest()
    assert found.message() == b"dossier-statement/" + found.identity + bytes(8) + content


def test_the_layout_of_statements_and_voids_is_that_of_the_page() -> None:
    identity = b"i" * 32
    adds = KeyStatement(identity, 5, StatementKind.ADD_WRITER, b"w" * 32, (RootSignature(1, b"s" * 64),))
    assert adds.content() == identity + b"\0\0\0\0\0\0\0\x05" + b"\x01" + b"w" * 32
    assert adds.message() == b"dossier-statement/" + adds.content()
    assert adds.encode() == adds.content() + b"\x01\x01" + b"s" * 64
    rotates = adds._replace(kind=StatementKind.ROTATE_ROOTS, about=Roots(2, (b"a" * 32, b"b" * 32)))
    assert rotates.content()[40:] == b"\x03" + b"\x02\x02" + b"a" * 32 + b"b" * 32
    void = Void(identity, 3, 7, b"f" * 32, b"h" * 32, "why")
    assert void.content() == identity + b"\0\0\0\x03" + b"\0\0\0\0\0\0\0\x07" + b"f" * 32 + b"h" * 32 + b"\x03why"
    assert void.message() == b"dossier-void/" + void.content()
    closing = Closing(identity, 3, b"h" * 32, "here", "there", "at")
    assert closing.content() == identity + b"\0\0\0\x03" + b"h" * 32 + b"\x04here\x05there\x02at"
    assert closing.message() == b"dossier-closing/" + closing.content()
    assert encode_dismissal([Orphan(9, b"o" * 32)]) == b"\0\0\0\x01" + b"\0\0\0\0\0\0\0\x09" + b"o" * 32


def signed_by(signers: Sequence[Signer], threshold: int) -> bool:
    own = Roots(threshold, (ROOT.public, SECOND_ROOT.public))
    return is_signed_by_enough(own, sign(b"message", own, signers), b"message")


def test_as_many_roots_as_must_sign() -> None:
    """One alone is not enough where two must, and a stranger is none of them."""
    assert signed_by([ROOT], 1)
    assert signed_by([SECOND_ROOT], 1)
    assert not signed_by([STRANGER], 1)
    assert not signed_by([ROOT], 2)
    assert not signed_by([ROOT, STRANGER], 2)
    assert signed_by([ROOT, SECOND_ROOT], 2)


def test_a_root_counts_once() -> None:
    """However often its signature is there, and whatever place it is given."""
    own = Roots(2, (ROOT.public, SECOND_ROOT.public))
    signature = ROOT.sign(b"message")
    twice = (RootSignature(0, signature), RootSignature(0, signature))
    misplaced = (RootSignature(0, signature), RootSignature(1, signature), RootSignature(7, signature))
    assert not is_signed_by_enough(own, twice, b"message")
    assert not is_signed_by_enough(own, misplaced, b"message")
