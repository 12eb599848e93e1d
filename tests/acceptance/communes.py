"""The communes of a district as a case gives them, for the district's criterion I.1."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from domain.catalogue import Level, UnitKind
from domain.units import Unit
from tests.acceptance.cases import Case
from tests.support.command_builders import Draft, Drafts
from tests.support.histories import commands_up_to
from tests.support.units import UNITS

_DAY = "2023-12-01"
_LATER = "2024-03-01"


def commune_drafts(case: Case) -> Iterator[Draft]:
    """The recognitions of a district's communes; by default all are recognised and 30 % of them as advanced.

    `recognised` and `of_these_advanced` are those that stand. Beside them a case may give `revoked` (recognised, then
    not), `under_way` (proposed, not decided), `rejected`, `of_other_districts` (recognised elsewhere) and `both_levels`
    (advanced ones that were basic before); `not_announced` of the recognised were decided here and not yet announced.
    """
    if case.unit.kind is not UnitKind.DISTRICT:
        return
    communes = list(UNITS.communes_of(case.unit.id))
    all_of_them = {"recognised": len(communes), "of_these_advanced": -(-3 * len(communes) // 10)}
    said: dict[str, Any] = case.given.get("communes_of_this_district", all_of_them)
    if case.given.get("figures", {}).get("I.1"):
        said = case.given["figures"]["I.1"]
    advanced, recognised = said.get("of_these_advanced", 0), said["recognised"]
    day = said.get("decided_on", _DAY)
    for place, commune in enumerate(communes[:recognised]):
        level = Level.ADVANCED if place < advanced else Level.BASIC
        if place < said.get("both_levels", 0):
            yield Drafts(commune, Level.BASIC, 2023).recognised_earlier("2023-06-01", f"{place}/QĐ")
        if place >= recognised - said.get("not_announced", 0):
            yield from _whole_way(commune, "approved")
        else:
            yield Drafts(commune, level, 2023).recognised_earlier(day, f"{place}/QĐ-UBND")
    rest = iter(communes[recognised:])
    for _ in range(said.get("revoked", 0)):
        drafts = Drafts(next(rest), Level.ADVANCED, 2023)
        yield drafts.recognised_earlier(_DAY)
        yield drafts.revoke(_LATER)
    for _ in range(said.get("under_way", 0)):
        yield from _whole_way(next(rest), "proposed")
    for _ in range(said.get("rejected", 0)):
        yield from _whole_way(next(rest), "rejected")
    elsewhere = [unit for unit in UNITS.of_kind(UnitKind.COMMUNE) if unit.parent_id != case.unit.id]
    for commune in elsewhere[: said.get("of_other_districts", 0)]:
        yield Drafts(commune, Level.ADVANCED, 2023).recognised_earlier(_DAY)


def _whole_way(commune: Unit, up_to: str) -> list[Draft]:
    """A commune's dossier of 2023, every step up to `up_to` on one day."""
    drafts = Drafts(commune, Level.BASIC, 2023)
    if up_to == "rejected":
        return [*commands_up_to(drafts, "proposed", _DAY), drafts.reject(_DAY)]
    return commands_up_to(drafts, up_to, _DAY)
