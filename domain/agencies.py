"""The agencies that verify, coordinate, advise or decide. Identity is the id, never the text (Biểu 04)."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from domain.errors import InvalidInput


class UnknownAgency(InvalidInput):
    """No agency has this id or spelling."""

    code = "UNKNOWN_AGENCY"


@dataclass(frozen=True, slots=True)
class Agency:
    """An agency. `part_of` is the id of the agency whose centre it is; `spellings` are the guidance's own."""

    id: str
    name: str
    name_en: str
    part_of: str | None
    spellings: tuple[str, ...]


def agency(agency_id: str) -> Agency:
    """The agency of this id. Raises UnknownAgency."""
    found = _by_id().get(agency_id)
    if found is None:
        raise UnknownAgency(agency=agency_id)
    return found


@cache
def agency_ids() -> frozenset[str]:
    """The ids of all agencies."""
    return frozenset(_by_id())


def all_agencies() -> tuple[Agency, ...]:
    """The 20 agencies of Biểu 04, Sở Tài chính (III.1) and the People's Committee, which leads none (I.2)."""
    return tuple(_by_id().values())


def by_spelling(text: str) -> Agency:
    """The agency that the guidance writes so, in any case and spacing. Raises UnknownAgency."""
    found = _by_spelling().get(fold(text))
    if found is None:
        raise UnknownAgency(agency=text)
    return found


def is_or_belongs_to(agency_id: str, ancestor_id: str) -> bool:
    """Whether an agency is `ancestor_id` or a part of it (reading 7).

    A body that is no agency of the guidance, such as a department that the operator added, belongs to itself.
    """
    current: str | None = agency_id
    while current is not None and current != ancestor_id:
        known = _by_id().get(current)
        current = known.part_of if known else None
    return current is not None


def fold(text: str) -> str:
    """A name for comparison: NFC, runs of whitespace as one space, without case."""
    return unicodedata.normalize("NFC", " ".join(text.split()).casefold())


@cache
def _by_id() -> Mapping[str, Agency]:
    data = json.loads((files("domain.data") / "agencies.json").read_text(encoding="utf-8"))
    return MappingProxyType(
        {
            entry["id"]: Agency(
                id=entry["id"],
                name=entry["name"],
                name_en=entry["name_en"],
                part_of=entry["part_of"],
                spellings=tuple(entry["spellings"]),
            )
            for entry in data["agencies"]
        }
    )


@cache
def _by_spelling() -> Mapping[str, Agency]:
    return MappingProxyType({fold(text): known for known in all_agencies() for text in (known.name, *known.spellings)})
