"""The units that can be recognised: 9 districts, 173 communes (official codes of 2024), and the departments.

Names repeat among communes, so only the id identifies. Which bodies are "sở, ban, ngành" is a setting
(reading 14): by default those that the guidance names. A department's unit id is its agency id.
"""

from __future__ import annotations

import csv
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from domain.agencies import UnknownAgency, all_agencies, by_spelling
from domain.catalogue import UnitKind
from domain.errors import InvalidInput
from domain.i18n import pair

_ID: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


class UnknownUnit(InvalidInput):
    """No unit has this id."""

    code = "UNKNOWN_UNIT"


class BadDepartments(InvalidInput):
    """The setting of the departments that may apply cannot be used."""

    code = "BAD_DEPARTMENTS"


@dataclass(frozen=True, slots=True)
class Department:
    """A body that may apply as a department. `id` is its agency id where it is an agency of the guidance."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit that can be recognised. `parent_id` is a commune's district; None for others."""

    id: str
    kind: UnitKind
    name: str
    parent_id: str | None


class Units:
    """The registry of units, in the order departments, districts, communes."""

    def __init__(self, units: Sequence[Unit]) -> None:
        self._by_id: Mapping[str, Unit] = MappingProxyType({unit.id: unit for unit in units})
        communes: dict[str, list[Unit]] = {}
        for unit in units:
            if unit.parent_id is not None:
                communes.setdefault(unit.parent_id, []).append(unit)
        self._communes = {district: tuple(below) for district, below in communes.items()}

    @classmethod
    def load(cls, departments: Sequence[Department] | None = None) -> Units:
        """The province's units with these departments, or with the default ones.

        Raises BadDepartments where two departments, or a department and an agency, are confused.
        """
        chosen = default_departments() if departments is None else departments
        _refuse_confusions(chosen)
        return cls([Unit(entry.id, UnitKind.DEPARTMENT, entry.name, None) for entry in chosen] + list(_territory()))

    def get(self, unit_id: str) -> Unit:
        """The unit of this id. Raises UnknownUnit."""
        found = self._by_id.get(unit_id)
        if found is None:
            raise UnknownUnit(unit=unit_id)
        return found

    def communes_of(self, district_id: str) -> tuple[Unit, ...]:
        """The communes of a district; none for any other unit. Raises UnknownUnit."""
        return self._communes.get(self.get(district_id).id, ())

    def of_kind(self, kind: UnitKind) -> tuple[Unit, ...]:
        """All units of one kind."""
        return tuple(unit for unit in self if unit.kind is kind)

    def __iter__(self) -> Iterator[Unit]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)


@cache
def default_departments() -> tuple[Department, ...]:
    """The departments that the guidance names (reading 14); Công an tỉnh by reading 7."""
    data = json.loads((files("domain.data") / "departments.json").read_text(encoding="utf-8"))
    return tuple(Department(entry["id"], entry["name"]) for entry in data)


def parse_departments(text: str) -> tuple[Department, ...]:
    """The operator's JSON setting: a list replaces the default departments, `{"add": [...]}` extends them.

    Names are brought to NFC. Raises BadDepartments, which says what is wrong.
    """
    try:
        setting = json.loads(text)
    except json.JSONDecodeError as error:
        raise BadDepartments(
            problem=pair("not JSON (line {lineno}, column {colno})", lineno=error.lineno, colno=error.colno)
        ) from error
    extends = isinstance(setting, dict)
    if extends:
        if setting.keys() != {"add"}:
            raise BadDepartments(problem=pair('an object must hold the key "add" and no other'))
        setting = setting["add"]
    if not isinstance(setting, list) or not setting:
        raise BadDepartments(problem=pair("a list with at least one department is needed"))
    given = tuple(_department(position, entry) for position, entry in enumerate(setting, start=1))
    departments = default_departments() + given if extends else given
    _refuse_confusions(departments)
    return departments


def _department(position: int, entry: object) -> Department:
    if (
        not isinstance(entry, dict)
        or entry.keys() != {"id", "name"}
        or not all(isinstance(value, str) for value in entry.values())
    ):
        raise BadDepartments(
            problem=pair('entry {position} must hold the texts "id" and "name" and nothing else', position=position)
        )
    name = unicodedata.normalize("NFC", " ".join(entry["name"].split()))
    if not _ID.fullmatch(entry["id"]):
        raise BadDepartments(
            problem=pair(
                "entry {position}: the id “{id}” must be lower-case letters, digits and single hyphens",
                position=position,
                id=entry["id"],
            )
        )
    if not name:
        raise BadDepartments(problem=pair("entry {position} has no name", position=position))
    return Department(entry["id"], name)


def _refuse_confusions(departments: Sequence[Department]) -> None:
    """Under a wrong id the audit could not see that a department verified its own dossier (reading 7)."""
    agency_ids = {known.id for known in all_agencies()}
    seen: set[str] = set()
    for department in departments:
        if department.id in seen:
            raise BadDepartments(problem=pair("the id {id} repeats", id=department.id))
        seen.add(department.id)
        try:
            named: str | None = by_spelling(department.name).id
        except UnknownAgency:
            named = None
        if named is not None and named != department.id:
            raise BadDepartments(
                problem=pair(
                    "{name} has the agency id {named}, not {id}", name=department.name, named=named, id=department.id
                )
            )
        if named is None and department.id in agency_ids:
            raise BadDepartments(
                problem=pair("{id} is the id of another agency, not of {name}", id=department.id, name=department.name)
            )


@cache
def _territory() -> tuple[Unit, ...]:
    rows = csv.DictReader((files("domain.data") / "units.csv").read_text(encoding="utf-8").splitlines())
    units = [Unit(row["unit_id"], UnitKind(row["kind"]), row["name"], row["parent_id"] or None) for row in rows]
    return tuple(sorted(units, key=lambda unit: unit.kind is UnitKind.COMMUNE))
