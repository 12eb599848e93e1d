"""Keys, control records and sealed records for tests of the log."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra.log.acceptance import ChainState, RecordedAt
from infra.log.control_records import Genesis, KeyStatement, Roots, StatementKind, Void, sign
from infra.log.format import Format, Place, encode_body, seal
from infra.log.keys import Signer

PLACE = Place("app", 1, 0)


def signer(seed: int) -> Signer:
    """A key that is the same in every run."""
    return Signer(Ed25519PrivateKey.from_private_bytes(sha256(seed.to_bytes(8, "big")).digest()))


ROOT, SECOND_ROOT, STRANGER = signer(1), signer(2), signer(99)
WRITER, SECOND_WRITER, THIRD_WRITER = signer(11), signer(12), signer(13)
WRITERS = (WRITER, SECOND_WRITER, THIRD_WRITER)


def genesis_of(
    place: Place = PLACE,
    *,
    roots: Sequence[Signer] = (ROOT,),
    threshold: int = 1,
    writers: Sequence[Signer] = (WRITER,),
    nonce: bytes = bytes(16),
) -> Genesis:
    """A genesis that all of these roots signed."""
    keys = Roots(threshold, tuple(root.public for root in roots))
    genesis = Genesis(place.app, place.partitions, nonce, "", keys, tuple(writer.public for writer in writers))
    return genesis._replace(signatures=sign(genesis.message(), keys, roots))


def statement_of(
    genesis: Genesis,
    number: int,
    kind: StatementKind,
    about: bytes | Roots,
    *,
    signers: Sequence[Signer] = (ROOT,),
    roots: Roots | None = None,
) -> KeyStatement:
    """A statement that these signers signed, as far as they are roots (default: those of the genesis)."""
    statement = KeyStatement(genesis.identity, number, kind, about)
    return statement._replace(signatures=sign(statement.message(), roots or genesis.roots, signers))


def void_of(
    genesis: Genesis, number: int, first: bytes, head: bytes, *, signers: Sequence[Signer] = (ROOT,), partition: int = 0
) -> Void:
    """A void that these signers signed, as far as they are roots of the genesis."""
    void = Void(genesis.identity, partition, number, first, head, "garbage")
    return void._replace(signatures=sign(void.message(), genesis.roots, signers))


def sealed(
    state: ChainState,
    by: Signer = WRITER,
    *,
    format_: int = Format.APPENDS,
    previous: bytes | None = None,
    number: int | None = None,
    position: int | None = None,
    events: int = 0,
    content: bytes | None = None,
    place: Place | None = None,
) -> bytes:
    """A signed record, built on a state unless something else is said."""
    chain = (
        state.head if previous is None else previous,
        state.number + 1 if number is None else number,
        state.position if position is None else position,
        events,
    )
    body = encode_body("w", []) if content is None else content
    return seal(state.place if place is None else place, by, format_, chain, body)


def founded(state: ChainState, genesis: Genesis, by: Signer = WRITER) -> bytes:
    """A genesis as the first record."""
    return sealed(state, by, format_=Format.GENESIS, content=genesis.encode())


def no_history(_number: int) -> RecordedAt | None:
    """A reader that remembers nothing."""
    return None
