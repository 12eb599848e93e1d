"""Which partition a dossier belongs to: fixed for ever, since its events are there. See `partition_by_48_bits.md`."""

from __future__ import annotations

from typing import Final
from uuid import UUID

_UNIT_BITS: Final = 48


def partition_of(originator_id: UUID | str, partitions: int) -> int:
    """The partition of a dossier: the first 48 bits of its id modulo P. All dossiers of a unit share them."""
    as_uuid = originator_id if isinstance(originator_id, UUID) else UUID(originator_id)
    return (as_uuid.int >> (128 - _UNIT_BITS)) % partitions
