"""The running hash by which a read model knows, and can prove, which events it was folded from.

The hash of a partition starts from its number; each event adds its position, dossier, version, type and bytes:

    h(0) = SHA-256("dossier-view/<partition>")
    h(n) = SHA-256(h(n-1) ‖ position, 8 bytes ‖ dossier id, 16 ‖ version, 8 ‖ type, in UTF-8 ‖ 0 ‖ event bytes)

So it depends on the log alone: not on the projection, the store or the size of batches.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from struct import Struct
from uuid import UUID

from eventsourcing.persistence import Notification

MARK = 1000
"""Every how many positions the hash is kept."""

_PLACE = Struct(">Q16sQ").pack


def initial(partition: int) -> bytes:
    """The hash before the first event of a partition."""
    return sha256(f"dossier-view/{partition}".encode()).digest()


def extend(digest: bytes, event: Notification) -> bytes:
    """The hash after an event."""
    originator = event.originator_id
    identity = originator.bytes if isinstance(originator, UUID) else UUID(originator).bytes
    place = _PLACE(event.id, identity, event.originator_version)
    return sha256(b"".join((digest, place, event.topic.encode(), b"\0", event.state))).digest()


def extend_all(digest: bytes, events: Iterable[Notification]) -> tuple[bytes, list[tuple[int, bytes]]]:
    """The hash after events, and each (position, hash) at a mark among them."""
    marks = []
    for event in events:
        digest = extend(digest, event)
        if event.id % MARK == 0:
            marks.append((event.id, digest))
    return digest, marks
