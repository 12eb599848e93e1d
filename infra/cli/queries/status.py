"""`dossier status`: where dossiers stand, who must act, how many days are left."""

# ruff: noqa: PLC0415  # the read models and the tables are needed only once it is asked

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from domain.catalogue import UnitKind
from domain.dossier.states import State
from infra.cli.support.arguments import QUESTIONS
from infra.cli.support.framework import subcommand
from infra.cli.support.freshness import WaitOption, positions, print_freshness, rows_with
from infra.cli.support.i18n import say
from infra.cli.support.reporting import print_json
from infra.cli.support.session import Session, session_of, today

if TYPE_CHECKING:
    from domain.units import Units

KindOption = Annotated[UnitKind | None, typer.Option("--kind", help=say("Only this kind of unit."))]
DistrictOption = Annotated[
    str | None,
    typer.Option("--district", metavar="ID", help=say("Only this district and its communes.")),
]


def register(app: typer.Typer) -> None:
    """Add this subcommand."""
    subcommand(
        app,
        "status",
        panel=QUESTIONS,
        help=say("Show where dossiers stand: state, who must act next, days left of the 15, counts."),
        examples=(
            "dossier status",
            "dossier status 04630-CB-2024-1 --lang vi",
            "dossier status --state received --overdue",
            "dossier status --kind commune --district 140 --json",
        ),
    )(status)


def status(
    ctx: typer.Context,
    *,
    dossier: Annotated[
        str | None,
        typer.Argument(metavar="DOSSIER", show_default=False, help=say("One dossier in detail.")),
    ] = None,
    state: Annotated[
        State | None,
        typer.Option("--state", metavar="STATE", help=say("Only dossiers in this state.")),
    ] = None,
    kind: KindOption = None,
    district: DistrictOption = None,
    unit: Annotated[
        str | None,
        typer.Option("--unit", metavar="ID", help=say("Only this unit's dossiers.")),
    ] = None,
    overdue: Annotated[
        bool,
        typer.Option(
            "--overdue",
            help=say("Only those not forwarded within the 15 days."),
        ),
    ] = False,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help=say("At most so many."))] = None,
    wait: WaitOption = None,
) -> None:
    """Answer from the read model "status"."""
    from infra.cli.support.dossiers import row_of
    from projections import status as model

    session = session_of(ctx)
    with session.application() as application:
        units = application.settings.units
        for named in (district, unit):
            if named is not None:
                units.get(named)
        with application.read_models(positions(wait)) as views:
            if dossier is not None:
                rows = [row_of(views, dossier)]
                freshness = application.freshness(views, model.STATUS.name, lambda id_: id_ == rows[0]["dossier_id"])
            else:
                freshness = application.freshness(views, model.STATUS.name)
                rows = model.find(
                    views,
                    state=state,
                    kind=kind,
                    district=district,
                    unit=unit,
                    overdue_on=today() if overdue else None,
                    limit=limit,
                )
    found = [
        {**row, "unit_name": units.get(row["unit_id"]).name, "days_left": model.days_left(row, today())} for row in rows
    ]
    if session.json:
        print_json(rows_with(found, freshness) if dossier is None else {**found[0], "freshness": freshness.as_json()})
        return
    if dossier is None:
        _table(session, found)
    else:
        _detail(session, found[0], units)
    print_freshness(session, freshness)


def _table(session: Session, rows: list[dict[str, Any]]) -> None:
    from infra.cli.support.labels import next_step, state_name
    from infra.cli.support.tables import print_line, print_table

    text = session.text
    headings = (
        text("Dossier"),
        text("Unit"),
        text("State"),
        text("Next"),
        text("Days left"),
        text("Mandatory"),
        text("Extended"),
    )
    print_table(
        headings,
        (
            (
                row["number"],
                row["unit_name"],
                state_name(row["state"], session.language),
                next_step(row, session),
                row["days_left"],
                None if row["mandatory_of"] is None else f"{row['mandatory_met']}/{row['mandatory_of']}",
                None if row["extended_of"] is None else f"{row['extended_met']}/{row['extended_of']}",
            )
            for row in rows
        ),
    )
    print_line(text("dossiers: {count}", count=len(rows)))


def _detail(session: Session, row: dict[str, Any], units: Units) -> None:
    from infra.cli.support.labels import counts_text, kind_name, level_name, next_step, state_name
    from infra.cli.support.tables import print_pairs

    text, language = session.text, session.language
    district = row["district"]
    verified = None if row["criteria_total"] is None else f"{row['criteria_verified']}/{row['criteria_total']}"
    print_pairs(
        (
            (text("Dossier"), row["number"]),
            (text("Id"), row["dossier_id"]),
            (text("Unit"), f"{row['unit_name']} ({row['unit_id']}, {kind_name(row['kind'], language)})"),
            (text("District"), f"{units.get(district).name} ({district})" if district else None),
            (text("Level, year"), f"{level_name(row['level'], language)}, {row['year']}"),
            (text("Attempt"), row["attempt"]),
            (text("State"), f"{state_name(row['state'], language)} ({row['step_on']})"),
            (text("Next"), next_step(row, session)),
            (text("Due on"), row["due_on"]),
            (text("Days left"), row["days_left"]),
            (text("Days late"), row["days_late"]),
            (text("Verified"), verified),
            (text("Counts"), counts_text(row, session)),
            (text("By"), _whose(session, row["counts_by"])),
            (text("Rule I.1"), _holds(session, row["holds"])),
            (text("Decision"), _decision(row)),
            (text("Facts"), row["version"]),
            (text("Recorded at"), row["recorded_at"]),
        )
    )


def _whose(session: Session, counts_by: str | None) -> str | None:
    names = {
        "claimed": session.text("the claimed figures"),
        "district": session.text("the district council's findings"),
        "members": session.text("the results of the members"),
    }
    return names[counts_by] if counts_by else None


def _holds(session: Session, holds: bool | None) -> str | None:
    if holds is None:
        return None
    return session.text("holds") if holds else session.text("does not hold")


def _decision(row: dict[str, Any]) -> str | None:
    return f"{row['decision_number']}, {row['decided_on']}" if row["decided_on"] else None
