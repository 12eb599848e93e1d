"""The criteria of Biểu 04 as data: one JSON file per version, never edited once decisions name it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from threading import Lock
from types import MappingProxyType
from typing import NotRequired, TypedDict

from domain.catalogue.criteria import Catalogue, Criterion, CriterionNotOfLevel, LevelTarget
from domain.catalogue.enums import AnswerKind, Level, Requirement, UnitKind
from domain.catalogue.targets import CommunesTarget, CountTarget, RatioTarget, Target, YesNoTarget
from domain.errors import InvalidInput

__all__ = [
    "AnswerKind",
    "Catalogue",
    "CommunesTarget",
    "CountTarget",
    "Criterion",
    "CriterionNotOfLevel",
    "Level",
    "LevelTarget",
    "RatioTarget",
    "Requirement",
    "Target",
    "UnitKind",
    "UnknownCatalogue",
    "YesNoTarget",
    "catalogue",
]

_RELEASED = {1: "yen-bai-02-hd-ubnd-2024.v1.json"}
_TARGETS: dict[AnswerKind, type[Target]] = {
    AnswerKind.RATIO: RatioTarget,
    AnswerKind.YES_NO: YesNoTarget,
    AnswerKind.COUNT: CountTarget,
    AnswerKind.COMMUNES: CommunesTarget,
}


class UnknownCatalogue(InvalidInput):
    """No catalogue of this version was released."""

    code = "UNKNOWN_CATALOGUE"


@cache
def catalogue(version: int | None = None) -> Catalogue:
    """The catalogue of `version`, or the newest for None; loaded once. Raises UnknownCatalogue."""
    chosen = max(_RELEASED) if version is None else version
    if chosen not in _RELEASED:
        raise UnknownCatalogue(version=chosen, released=", ".join(str(known) for known in sorted(_RELEASED)))
    return _load(chosen)


class _Column(TypedDict):
    target: str
    threshold: dict[str, int | None]
    requirement: str


class _Entry(TypedDict):
    """One criterion in the data file."""

    id: str
    unit_kind: str
    group: str
    group_title: str
    number: int
    name: str
    measure_unit: str
    answer: str
    levels: dict[str, _Column]
    columns_in_source: int
    formula: list[str]
    a_may_exceed_b: NotRequired[bool]
    method: list[str]
    evidence: list[str]
    lead_agency: str
    coordinating_agencies: list[str]
    agency_text: str
    source_line: int
    notes: list[str]


_LOADING = Lock()
"""msgspec learns a type at its first use; two threads that did so at once would end the process."""


@cache
def _load(version: int) -> Catalogue:
    with _LOADING:
        return _read(version)


def _read(version: int) -> Catalogue:
    data = json.loads((files("domain.catalogue") / _RELEASED[version]).read_text(encoding="utf-8"))
    return Catalogue(
        id=data["id"],
        version=data["version"],
        criteria=tuple(_criterion(entry) for entry in data["criteria"]),
    )


def _criterion(entry: _Entry) -> Criterion:
    answer = AnswerKind(entry["answer"])
    return Criterion(
        id=entry["id"],
        unit_kind=UnitKind(entry["unit_kind"]),
        group=entry["group"],
        group_title=entry["group_title"],
        number=entry["number"],
        name=entry["name"],
        measure_unit=entry["measure_unit"],
        answer=answer,
        levels=MappingProxyType(
            {
                Level(level): LevelTarget(
                    target_text=column["target"],
                    target=_target(answer, column["threshold"]),
                    requirement=Requirement(column["requirement"]),
                )
                for level, column in entry["levels"].items()
            }
        ),
        columns_in_source=entry["columns_in_source"],
        formula=tuple(entry["formula"]),
        method=tuple(entry["method"]),
        evidence=tuple(entry["evidence"]),
        lead_agency=entry["lead_agency"],
        coordinating_agencies=tuple(entry["coordinating_agencies"]),
        agency_text=entry["agency_text"],
        source_line=entry["source_line"],
        notes=tuple(entry["notes"]),
        a_may_exceed_b=entry.get("a_may_exceed_b"),
    )


def _target(answer: AnswerKind, threshold: Mapping[str, int | None]) -> Target:
    # Most commands and every --help know the enums of this package alone, and need not wait for the import.
    from msgspec import convert  # noqa: PLC0415

    return convert(threshold, _TARGETS[answer])
