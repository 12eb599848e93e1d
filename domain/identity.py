"""The identity of a dossier: computed from unit, level, year and attempt, never looked up; and its partition.

The id is a UUIDv8 (RFC 9562, 5.8). Its first 48 bits are those of SHA-256 of the unit's id, so that all dossiers of a
unit share one partition and one order; the rest is taken from SHA-256 of the whole name. A second open dossier for the
same unit, level, year and attempt therefore has the same id, and the log's own version check refuses it.
`partition_by_48_bits.md` says why a partition follows from the id alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Final
from uuid import UUID

from domain.catalogue import Level
from domain.errors import InvalidInput

if TYPE_CHECKING:
    from domain.commands import UnitReference
    from domain.units import Units

COUNCIL_UNIT = "council"
_UNIT_BITS: Final = 48
_LEVEL_LETTERS = {Level.BASIC: "CB", Level.ADVANCED: "NC"}
_LEVELS = {letters: level for level, letters in _LEVEL_LETTERS.items()}
_NUMBER = re.compile(
    r"(?P<unit>[A-Za-z0-9-]+)-(?P<level>CB|NC)-(?P<year>\d{4})-(?P<attempt>[1-9]\d{0,3})", re.IGNORECASE
)


class MalformedDossierReference(InvalidInput):
    """Neither an id nor a number of a dossier."""

    code = "MALFORMED_DOSSIER_REFERENCE"


@dataclass(frozen=True, slots=True)
class DossierKey:
    """What identifies a dossier: one unit, one level, one year, and which attempt it is (1, 2, …)."""

    unit_id: str
    level: Level
    year: int
    attempt: int

    @property
    def id(self) -> UUID:
        """The dossier's id."""
        return unit_uuid(self.unit_id, f"{self.unit_id}/{self.level}/{self.year}/{self.attempt}")

    @property
    def number(self) -> str:
        """The number that an official reads aloud, for example 04630-CB-2024-1."""
        return f"{self.unit_id.upper()}-{_LEVEL_LETTERS[self.level]}-{self.year}-{self.attempt}"

    def next_attempt(self) -> DossierKey:
        """The same unit, level and year, one attempt later."""
        return DossierKey(self.unit_id, self.level, self.year, self.attempt + 1)


def parse_number(text: str) -> DossierKey:
    """Read a dossier's number, in either case. Raises MalformedDossierReference."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise MalformedDossierReference(reference=text)
    return DossierKey(
        match["unit"].lower(),
        _LEVELS[match["level"].upper()],
        int(match["year"]),
        int(match["attempt"]),
    )


@lru_cache(maxsize=65536)
def unit_uuid(unit_id: str, name: str) -> UUID:
    """A UUIDv8 whose first 48 bits are the unit's and whose remaining 74 free bits are the name's."""
    unit_bits = int.from_bytes(sha256(unit_id.encode()).digest()[:6], "big")
    name_bits = int.from_bytes(sha256(name.encode()).digest()[:10], "big")
    rand_a, rand_b = name_bits >> 68, name_bits & ((1 << 62) - 1)
    return UUID(int=unit_bits << 80 | 8 << 76 | (rand_a & 0xFFF) << 64 | 0b10 << 62 | rand_b)


COUNCIL_ID = unit_uuid(COUNCIL_UNIT, COUNCIL_UNIT)


def dossier_id(reference: str) -> UUID:
    """The id that an id, a number or "council" names. Raises MalformedDossierReference."""
    if reference == COUNCIL_UNIT:
        return COUNCIL_ID
    try:
        return UUID(reference)
    except ValueError:
        return parse_number(reference).id


def routing_id(reference: str | UnitReference, units: Units) -> UUID:
    """The id of some dossier of the unit that a command's reference names, which tells the partition of them all.

    Raises UnknownUnit, MalformedDossierReference.
    """
    if isinstance(reference, str):
        return dossier_id(reference)
    return DossierKey(units.get(reference.unit).id, Level(reference.level), reference.year, 1).id


def partition_of(originator_id: UUID | str, partitions: int) -> int:
    """The partition of a dossier: the first 48 bits of its id modulo P. Fixed for ever, since its events are there."""
    as_uuid = originator_id if isinstance(originator_id, UUID) else UUID(originator_id)
    return (as_uuid.int >> (128 - _UNIT_BITS)) % partitions
