"""`dossier parked`: dossiers with an event that a read model could not apply, and trying them again."""

# ruff: noqa: PLC0415  # the engine and the tables are needed only once it is asked

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from domain.i18n import pair
from infra.cli.support.arguments import OPERATION
from infra.cli.support.errors import BadOption
from infra.cli.support.framework import subcommand
from infra.cli.support.i18n import say
from infra.cli.support.reporting import print_json
from infra.cli.support.session import Session, session_of
from infra.terminal.output import write_line

if TYPE_CHECKING:
    from infra.bootstrap import Application
    from projections.engine.parking import RetryResult


def register(app: typer.Typer) -> None:
    """Add this subcommand."""
    subcommand(
        app,
        "parked",
        panel=OPERATION,
        help=say(
            "List the dossiers with an event that a read model could not apply, show what waits, or try "
            "again. A retry shows first what it would do, and does it with --yes."
        ),
        examples=(
            "dossier parked list",
            "dossier parked show 04630-CB-2024-1",
            "dossier parked retry 04630-CB-2024-1",
            "dossier parked retry 04630-CB-2024-1 --yes",
        ),
    )(parked)


def parked(
    ctx: typer.Context,
    action: Annotated[
        Literal["list", "show", "retry"],
        typer.Argument(metavar="list|show|retry", show_default=False, help=say("What to do.")),
    ],
    dossier: Annotated[
        str | None,
        typer.Argument(
            metavar="DOSSIER|council",
            show_default=False,
            help=say("Its number or id, or council."),
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help=say("Do what the preview shows."))] = False,
) -> None:
    """Show the parked events of the live read models, or apply them again."""
    session = session_of(ctx)
    if (dossier is None) is not (action == "list"):
        raise BadOption(
            reason=pair("show and retry name a dossier, list names none"),
        )
    with session.application() as application:
        if action == "list":
            _list(session, application)
        elif action == "show":
            _show(session, application, _id(str(dossier)))
        else:
            _retry(session, application, _id(str(dossier)), yes=yes)


def _id(text: str) -> str:
    """An id as text; a parked dossier may have no row by which it could be looked up."""
    from domain.identity import dossier_id

    return str(dossier_id(text))


def _list(session: Session, application: Application) -> None:
    from infra.cli.support.freshness import stale_text

    with application.engine.reading() as snapshot:
        found = snapshot.stale()
    if session.json:
        print_json({"rows": [each.as_json() for each in found]})
        return
    for each in found:
        write_line(f"{each.projection}: {stale_text(session, each)}")
    write_line(session.text("parked: {count}", count=len(found)))


def _show(session: Session, application: Application, dossier: str) -> None:
    from infra.cli.support.tables import print_table
    from projections.engine.errors import NothingParked
    from projections.engine.parking import parked as parked_events

    with application.engine.reading() as snapshot:
        rows = parked_events(snapshot.reader, list(snapshot.builds.values()), dossier)
    if not rows:
        raise NothingParked(dossier=dossier)
    if session.json:
        print_json({"rows": rows})
        return
    text = session.text
    headings = {
        "projection": text("Read model"),
        "partition": text("Partition"),
        "position": text("Position"),
        "version": text("Fact"),
        "event": text("Event"),
        "cause": text("Could not be applied"),
    }
    print_table(tuple(headings.values()), ([row[key] for key in headings] for row in rows))


def _retry(session: Session, application: Application, dossier: str, *, yes: bool) -> None:
    from projections.engine.parking import retry

    done = retry(application.engine, dossier, list(application.engine.projections), store=yes)
    if session.json:
        print_json({"rows": [each.as_json() for each in done]})
        return
    for each in done:
        _say(session, each)
    if not yes:
        write_line(session.text("nothing is changed; do it with --yes"))


def _say(session: Session, made: RetryResult) -> None:
    text = session.text
    applied, left = len(made.applied), len(made.left)
    verb = text("applied") if made.stored else text("would be applied")
    write_line(
        text(
            "{projection}: {applied} {verb}, {left} stay",
            projection=made.projection,
            applied=applied,
            verb=verb,
            left=left,
        )
    )
    for event in made.applied:
        write_line(f"  + {_place(event)}")
    for event in made.left:
        write_line(f"  - {_place(event)}" + (f": {event['cause']}" if event["cause"] else ""))
    for change in made.changes:
        columns = "; ".join(f"{name}: {was['before']!r} → {was['now']!r}" for name, was in change["columns"].items())
        write_line(f"    {change['table']} {change['key']}: {columns}")


def _place(event: dict[str, Any]) -> str:
    return f"{event['partition']}/{event['position']} {event['event']} ({event['version']})"
