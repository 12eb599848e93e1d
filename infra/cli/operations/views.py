"""`dossier views`: the generations of the read models, and the proof from the log that none skipped an event."""

# ruff: noqa: PLC0415  # the engine and the tables are needed only once it is asked

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from infra.cli.operations.rebuild import DIFFERENT
from infra.cli.support.arguments import OPERATION
from infra.cli.support.framework import subcommand
from infra.cli.support.i18n import say
from infra.cli.support.reporting import print_json, tell_error, where_more
from infra.cli.support.session import Session, session_of
from infra.terminal.output import write_line
from projections.engine.errors import ViewsNotBuilt

if TYPE_CHECKING:
    from infra.bootstrap import Application


def register(app: typer.Typer) -> None:
    """Add this subcommand."""
    subcommand(
        app,
        "views",
        panel=OPERATION,
        help=say(
            "Show which generation of each read model is served and how far it is, or verify from the log "
            "that none skipped an event or folded one twice."
        ),
        examples=("dossier views show", "dossier views verify", "dossier views verify --json"),
    )(views)


def views(
    ctx: typer.Context,
    action: Annotated[
        Literal["show", "verify"],
        typer.Argument(metavar="show|verify", show_default=False, help=say("What to do.")),
    ],
) -> None:
    """Show the generations of the read models, or verify them against the log."""
    session = session_of(ctx)
    with session.application() as application:
        if action == "show":
            _show(session, application)
        else:
            _verify(session, application)


def _show(session: Session, application: Application) -> None:
    from infra.cli.support.tables import print_table
    from projections.engine.generations import Generation, GenerationState, generations_of, is_set_up

    rows: list[dict[str, Any]] = []
    with application.views.reading() as reader:
        for name, projection in application.engine.projections.items() if is_set_up(reader) else ():
            for row in generations_of(reader, name):
                if row["state"] not in (GenerationState.DROPPING, GenerationState.DROPPED):
                    at = Generation(projection, row["generation"]).checkpoints(reader)
                    rows += [
                        {
                            **{key: row[key] for key in ("projection", "generation", "version", "revision", "state")},
                            "partition": partition,
                            "position": each.position,
                            "log": application.log.head(partition),
                            "applied": each.applied,
                            "parked": each.parked,
                            "ignored": each.ignored,
                        }
                        for partition, each in at.items()
                    ]
    if session.json:
        print_json(rows)
        return
    text = session.text
    headings = {
        "projection": text("Read model"),
        "generation": text("Generation"),
        "version": text("Version"),
        "state": text("GenerationState"),
        "partition": text("Partition"),
        "position": text("Position"),
        "log": text("Log"),
        "applied": text("Applied"),
        "parked": text("Parked"),
        "ignored": text("Ignored"),
    }
    print_table(tuple(headings.values()), ([row[key] for key in headings] for row in rows))


def _not_built(error: ViewsNotBuilt) -> dict[str, Any]:
    """A read model that was never built, among those that were verified."""
    finding = {"code": error.code, "message": error.message(), **error.details}
    return {**error.details, "complete": False, "findings": [finding]}


def _verify(session: Session, application: Application) -> None:
    from projections.engine.verification import verify

    with application.engine.reading() as snapshot:
        found = verify(application.engine, snapshot)
    findings = [finding for each in found for finding in each.findings]
    missing = [ViewsNotBuilt(projection=name) for name in application.engine.projections if name not in snapshot.builds]
    if session.json:
        print_json([*(each.as_json() for each in found), *map(_not_built, missing)])
    for each in () if session.json else found:
        at = each.checkpoint
        write_line(
            session.text(
                "{projection} {partition}/{position}: {applied} applied + {parked} parked + {ignored} "
                "ignored; the log has {events}; hash {hash}",
                projection=each.projection,
                partition=each.partition,
                position=at.position,
                applied=at.applied,
                parked=at.parked,
                ignored=at.ignored,
                events=each.events,
                hash=each.hash[:16],
            )
        )
        for finding in each.findings:
            write_line(f"  {finding.code}: {finding.message(session.language)}", style="red")
            write_line(f"    {finding.hint(session.language)}")
            more = where_more(session, finding.code)
            if more is not None:
                write_line(f"    {more}")
    for error in missing:
        tell_error(session, error.code, error.message(session.language), None, error.hint(session.language))
    if findings or missing:
        raise typer.Exit(DIFFERENT)
    if not session.json:
        write_line(session.text("complete: no event skipped, none folded twice"))
