"""`dossier criteria`, `dossier units`, `dossier agencies`: what the guidance and the settings hold; no log is read."""

# ruff: noqa: PLC0415  # the tables are needed only once it is asked

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, Final

import typer

from domain.agencies import all_agencies
from domain.catalogue import Criterion, Level, UnitKind, catalogue
from domain.units import Unit, Units
from infra.cli.queries.status import DistrictOption, KindOption
from infra.cli.support.arguments import QUESTIONS
from infra.cli.support.framework import subcommand
from infra.cli.support.i18n import say
from infra.cli.support.reporting import print_json
from infra.cli.support.session import Session, session_of

_SOURCE: Final = "Hướng dẫn số 02/HD-UBND ngày 10/06/2024 của UBND tỉnh Yên Bái, Phụ lục Biểu 04"


def register(app: typer.Typer) -> None:
    """Add these subcommands."""
    subcommand(
        app,
        "criteria",
        panel=QUESTIONS,
        help=say("List the criteria of Biểu 04: targets of both levels, mandatory or extended, lead agency."),
        examples=(
            "dossier criteria --kind commune --level basic",
            "dossier criteria --kind department --lang vi",
            "dossier criteria --json",
        ),
    )(criteria)
    subcommand(
        app,
        "units",
        panel=QUESTIONS,
        help=say("List the units that can be recognised, with their codes."),
        examples=("dossier units --kind district", "dossier units --district 140", "dossier units --json"),
    )(units)
    subcommand(
        app,
        "agencies",
        panel=QUESTIONS,
        help=say("List the agencies that verify or take part, with their ids and spellings."),
        examples=("dossier agencies", "dossier agencies --json"),
    )(agencies)


def criteria(
    ctx: typer.Context,
    kind: KindOption = None,
    level: Annotated[
        Level | None,
        typer.Option("--level", help=say("Only criteria that this level asks for.")),
    ] = None,
) -> None:
    """List the criteria of the newest catalogue."""
    session = session_of(ctx)
    newest = catalogue()
    found = [one for one in newest.criteria if (kind is None or one.unit_kind is kind) and _asked(session, one, level)]
    if session.json:
        print_json(
            {
                "catalogue": {"id": newest.id, "version": newest.version},
                "source": _SOURCE,
                "criteria": [criterion.as_json() for criterion in found],
            }
        )
    else:
        _criteria(session, found)


def units(ctx: typer.Context, kind: KindOption = None, district: DistrictOption = None) -> None:
    """List the registry of units."""
    session = session_of(ctx)
    found = chosen_units(session.settings().units, kind, district)
    rows = [{"id": unit.id, "kind": unit.kind.value, "name": unit.name, "parent_id": unit.parent_id} for unit in found]
    if session.json:
        print_json(rows)
        return
    from infra.cli.support.labels import kind_name
    from infra.cli.support.tables import print_line, print_table

    text = session.text
    headings = (text("Unit"), text("Kind"), text("Name"), text("District"))
    print_table(
        headings,
        ((row["id"], kind_name(str(row["kind"]), session.language), row["name"], row["parent_id"]) for row in rows),
    )
    print_line(text("units: {count}", count=len(rows)))


def agencies(ctx: typer.Context) -> None:
    """List the agencies of the guidance."""
    session = session_of(ctx)
    leads = Counter(criterion.lead_agency for criterion in catalogue().criteria)
    takes_part = Counter(agency for criterion in catalogue().criteria for agency in criterion.coordinating_agencies)
    rows: list[dict[str, Any]] = [
        {
            "id": agency.id,
            "name": agency.name,
            "name_en": agency.name_en,
            "part_of": agency.part_of,
            "spellings": list(agency.spellings),
            "leads": leads[agency.id],
            "coordinates": takes_part[agency.id],
        }
        for agency in all_agencies()
    ]
    if session.json:
        print_json(rows)
        return
    from infra.cli.support.tables import print_table

    text = session.text
    headings = (
        text("Agency"),
        text("Name"),
        text("Part of"),
        text("Leads"),
        text("Coordinates"),
    )
    name = "name" if session.language == "vi" else "name_en"
    print_table(headings, ((row["id"], row[name], row["part_of"], row["leads"], row["coordinates"]) for row in rows))


def chosen_units(known: Units, kind: UnitKind | None, district: str | None) -> list[Unit]:
    """The units of a kind, of a district and its communes, or both. Raises UnknownUnit."""
    if district is not None:
        known.get(district)
    return [
        unit
        for unit in known
        if (kind is None or unit.kind is kind) and (district is None or district in (unit.id, unit.parent_id))
    ]


def _asked(session: Session, criterion: Criterion, level: Level | None) -> bool:
    """Whether a level asks for a criterion; of one with one column the settings say (reading 1)."""
    if level is None or criterion.columns_in_source > 1:
        return True
    return session.settings().readings.one_column_level == level.value


def _criteria(session: Session, found: list[Criterion]) -> None:
    from infra.cli.support.labels import kind_name
    from infra.cli.support.tables import print_line, print_table

    text = session.text
    headings = (
        text("Kind"),
        text("Code"),
        text("Criterion"),
        text("Basic"),
        text("Advanced"),
        text("Requirement"),
        text("Lead"),
    )
    print_table(
        headings,
        (
            (
                kind_name(criterion.unit_kind, session.language),
                criterion.code,
                criterion.name,
                *(_target(criterion, level) for level in Level),
                _requirements(session, criterion),
                criterion.lead_agency,
            )
            for criterion in found
        ),
    )
    print_line(text("criteria: {count}", count=len(found)))


def _target(criterion: Criterion, level: Level) -> str | None:
    column = criterion.levels.get(level)
    return column.target_text if column else None


def _requirements(session: Session, criterion: Criterion) -> str:
    """One word where both levels say the same."""
    words = dict.fromkeys(column.requirement.text.into(session.language) for column in criterion.levels.values())
    return " / ".join(words)
