"""The worked cases as data, and the words that they use for units, people and days."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from domain.agencies import UnknownAgency, by_spelling, fold
from domain.catalogue import Level, UnitKind
from domain.units import Unit
from tests.support.command_builders import CHAIRMAN, STANDING, Actor
from tests.support.units import UNITS

DATA = Path(__file__).parent.parent / "data"

PATHS: dict[str, list[str]] = json.loads((DATA / "examples.json").read_text(encoding="utf-8"))["paths"]
DEFAULT_DAYS: dict[str, str] = json.loads((DATA / "examples.json").read_text(encoding="utf-8"))["default_dates"]

MEMBER_STEPS = {"criterion_verified", "field_inspected", "verified"}
APPLICANT_STEPS = {"opened", "self_assessed", "submitted", "submitted_to_district", "announced", "withdrawn"}


@dataclass(frozen=True)
class Case:
    """One worked case."""

    id: str
    title: str
    unit: Unit
    level: Level
    given: dict[str, Any]
    when: dict[str, Any]
    then: dict[str, Any]

    @property
    def path(self) -> list[str]:
        """The steps of this kind of unit in order."""
        return PATHS[self.unit.kind.value]

    @property
    def step(self) -> str:
        """What is done or asked."""
        return str(self.when["step"])

    @property
    def data(self) -> dict[str, Any]:
        """What the case says of the step."""
        return dict(self.when.get("data") or {})


@cache
def cases() -> tuple[Case, ...]:
    """The mission's worked cases, then the project's own."""
    entries: list[dict[str, Any]] = []
    for name in ("examples.json", "more_examples.json"):
        entries += json.loads((DATA / name).read_text(encoding="utf-8"))["cases"]
    return tuple(
        Case(
            entry["id"],
            entry["title"],
            unit_of(entry["unit"]),
            Level(entry["level"]),
            entry["given"],
            entry["when"],
            entry["then"],
        )
        for entry in entries
    )


def unit_of(entry: dict[str, Any]) -> Unit:
    """The unit of a case: by its id, a department by its name."""
    if "unit_id" in entry:
        return UNITS.get(entry["unit_id"])
    name = fold(entry["name"].partition(" (example")[0])
    return next(unit for unit in UNITS.of_kind(UnitKind.DEPARTMENT) if fold(unit.name) == name)


def agency_id(text: str) -> str:
    """The id of an agency, or of a department that is none of the guidance's."""
    try:
        return by_spelling(text).id
    except UnknownAgency:
        return unit_of({"name": text}).id


def actor_of(text: str | None, step: str, unit: Unit) -> Actor:
    """Who acts, as a role and an agency."""
    if text in (None, "applicant") or (text == unit.name and step in APPLICANT_STEPS):
        return ("applicant", unit.id)
    assert text is not None
    for begins, actor in _OFFICES.items():
        if text.startswith(begins):
            return actor
    if text.startswith("Ban Chỉ đạo"):
        return ("steering_committee", _named_department(text) or unit.id)
    if text.startswith("Hội đồng thẩm định"):
        return ("district_council", _district(text, unit))
    if text.startswith(("UBND", "Phòng Văn hóa")):
        return _local_committee(text, step, unit)
    return _agency(agency_id(text), step, unit)


_OFFICES: dict[str, Actor] = {
    "Chủ tịch UBND tỉnh": CHAIRMAN,
    "Phó Chủ tịch UBND tỉnh": CHAIRMAN,
    "UBND tỉnh": CHAIRMAN,
    "Hội đồng thẩm định tỉnh": ("provincial_council", "council"),
    "Cơ quan thường trực": STANDING,
}


def _agency(agency: str, step: str, unit: Unit) -> Actor:
    """An agency in the role in which it can be meant."""
    if step in MEMBER_STEPS:
        return ("council_member", agency)
    if agency == unit.id and step in APPLICANT_STEPS:
        return ("applicant", agency)
    return ("standing_agency", agency)


def _local_committee(text: str, step: str, unit: Unit) -> Actor:
    if text.startswith(("UBND xã", "UBND phường", "UBND thị trấn")):
        found = [each for each in UNITS.of_kind(UnitKind.COMMUNE) if fold(each.name) in fold(text)]
        mine = [each for each in found if each.id == unit.id]
        return ("applicant", (mine or found)[0].id)
    district = _district(text, unit)
    return ("applicant" if district == unit.id and step in APPLICANT_STEPS else "district_committee", district)


def _district(text: str, unit: Unit) -> str:
    """The district that a text names; the unit's own where it names none."""
    for district in UNITS.of_kind(UnitKind.DISTRICT):
        if fold(district.name) in fold(text):
            return district.id
    return unit.parent_id or unit.id


def _named_department(text: str) -> str | None:
    return next((unit.id for unit in UNITS.of_kind(UnitKind.DEPARTMENT) if fold(unit.name) in fold(text)), None)
