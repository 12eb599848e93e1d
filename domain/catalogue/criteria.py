"""A criterion of Biểu 04 and a catalogue of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from types import MappingProxyType

from domain.catalogue.enums import AnswerKind, Level, Requirement, UnitKind
from domain.catalogue.targets import Target
from domain.errors import InvalidInput


class CriterionNotOfLevel(InvalidInput):
    """A criterion was asked at a level that it does not belong to."""

    code = "CRITERION_NOT_OF_LEVEL"
    clause = "Biểu 04"


@dataclass(frozen=True, slots=True)
class LevelTarget:
    """What one level asks for: the column's text as printed, its typed target, bắt buộc or mở rộng."""

    target_text: str
    target: Target
    requirement: Requirement


@dataclass(frozen=True)
class Criterion:
    """One criterion of Biểu 04, in the guidance's words.

    `levels` holds the columns. A criterion of `Catalogue.criteria` holds all that are printed; one of
    `Catalogue.criteria_for` holds the asked level only, which makes `requirement` and `target` plain.
    `source_line` is the 1-based line of the criterion's number in the text of the guidance.
    `a_may_exceed_b` is None where the answer is no ratio.
    """

    id: str
    unit_kind: UnitKind
    group: str
    group_title: str
    number: int
    name: str
    measure_unit: str
    answer: AnswerKind
    levels: Mapping[Level, LevelTarget] = field(hash=False)
    columns_in_source: int
    formula: tuple[str, ...]
    method: tuple[str, ...]
    evidence: tuple[str, ...]
    lead_agency: str
    coordinating_agencies: tuple[str, ...]
    agency_text: str
    source_line: int
    notes: tuple[str, ...]
    a_may_exceed_b: bool | None

    @cached_property
    def code(self) -> str:
        """Group and number as people say it: `I.1`. Unique among the criteria of one unit kind."""
        return f"{self.group}.{self.number}"

    @cached_property
    def requirement(self) -> Requirement:
        """Of a criterion that holds one level; ValueError for one that holds two."""
        return self._only().requirement

    @cached_property
    def target(self) -> Target:
        """Of a criterion that holds one level; ValueError for one that holds two."""
        return self._only().target

    def at(self, level: Level, one_column_level: Level = Level.ADVANCED) -> LevelTarget:
        """What `level` asks for. `one_column_level` is the level of criteria with one column (reading 1).

        Raises CriterionNotOfLevel where the level does not ask for this criterion.
        """
        column = self.levels.get(level)
        if column is None and self.columns_in_source == 1 and level == one_column_level:
            column = self._only()
        if column is None:
            raise CriterionNotOfLevel(criterion=self.id, level=level.value)
        return column

    def only_at(self, level: Level, one_column_level: Level = Level.ADVANCED) -> Criterion:
        """The same criterion with the column of `level` alone; raises as `at` does."""
        column = self.at(level, one_column_level)
        return replace(self, levels=MappingProxyType({level: column}))

    def as_json(self) -> dict[str, object]:
        """The criterion as plain JSON values, with the keys and their order of the catalogue's data."""
        entry: dict[str, object] = {
            "id": self.id,
            "unit_kind": self.unit_kind.value,
            "group": self.group,
            "group_title": self.group_title,
            "number": self.number,
            "name": self.name,
            "measure_unit": self.measure_unit,
            "answer": self.answer.value,
            "levels": {
                level.value: {"target": column.target_text, "requirement": column.requirement.value}
                for level, column in self.levels.items()
            },
            "columns_in_source": self.columns_in_source,
            "formula": list(self.formula),
        }
        if self.a_may_exceed_b is not None:
            entry["a_may_exceed_b"] = self.a_may_exceed_b
        return entry | {
            "method": list(self.method),
            "evidence": list(self.evidence),
            "lead_agency": self.lead_agency,
            "coordinating_agencies": list(self.coordinating_agencies),
            "agency_text": self.agency_text,
            "source_line": self.source_line,
            "notes": list(self.notes),
        }

    def _only(self) -> LevelTarget:
        (column,) = self.levels.values()
        return column


@dataclass(frozen=True, eq=False)
class Catalogue:
    """One released version of the criteria. It never changes: decisions name the version they rest on."""

    id: str
    version: int
    criteria: tuple[Criterion, ...]

    @cache  # noqa: B019  # catalogues are few, and kept for ever
    def criteria_for(
        self, kind: UnitKind, level: Level, one_column_level: Level = Level.ADVANCED
    ) -> Mapping[str, Criterion]:
        """The criteria that `kind` answers for `level`: code to criterion, in the guidance's order.

        Each criterion holds the asked level only. `one_column_level` is reading 1: the level of the 20
        criteria that Biểu 04 prints with one column. Read-only; computed once.
        """
        return MappingProxyType(
            {
                criterion.code: criterion.only_at(level, one_column_level)
                for criterion in self.criteria
                if criterion.unit_kind == kind and (criterion.columns_in_source > 1 or level == one_column_level)
            }
        )
