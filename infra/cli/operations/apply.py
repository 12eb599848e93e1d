"""`dossier apply`: commands from machines, JSON Lines in, one answer a line out."""

# ruff: noqa: PLC0415  # the installation is needed only once there is something to apply

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.support.arguments import OPERATION
from infra.cli.support.framework import subcommand
from infra.cli.support.i18n import say
from infra.cli.support.input_files import SniffedStream, opened
from infra.cli.support.reporting import MALFORMED, REFUSED, note
from infra.cli.support.session import Session, session_of
from infra.terminal.streams import OutputClosed, standard_output

if TYPE_CHECKING:
    from consumers.apply import Tally


def register(app: typer.Typer) -> None:
    """Add this subcommand."""
    subcommand(
        app,
        "apply",
        panel=OPERATION,
        help=say(
            "Apply commands from a file of JSON Lines or from standard input; each gets its answer, a "
            "line of JSON.\n\nExit code: 0 when all were accepted, 3 when a rule refused any, 2 when any "
            "was malformed."
        ),
        examples=(
            "dossier apply commands.jsonl > answers.jsonl",
            "producer | dossier apply - | consumer",
            "dossier commands --json   # the form of every command",
        ),
    )(apply_commands)


def apply_commands(
    ctx: typer.Context,
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            show_default=False,
            help=say("The commands, one a line; - for standard input."),
        ),
    ],
) -> None:
    """Commands by the line; an empty standard input is no mistake, an empty file is one."""
    from consumers.apply import apply
    from infra.garbage import seldom_collected

    session = session_of(ctx)
    with opened(file) as stream, session.application(create=True) as application, seldom_collected():
        try:
            tally = apply(SniffedStream(stream, file), standard_output(), application.gateway)
        except OutputClosed:
            _say_that_nobody_reads(session)
            raise
    _summarise(session, tally)
    if tally.malformed:
        raise typer.Exit(MALFORMED)
    if tally.refused:
        raise typer.Exit(REFUSED)


def _say_that_nobody_reads(session: Session) -> None:
    note(
        session.text(
            "nobody reads the answers any more: commands that were not answered may have been carried "
            "out; given again, each gets its first answer"
        )
    )


def _summarise(session: Session, tally: Tally) -> None:
    note(
        session.text(
            "{accepted} accepted, {refused} refused, {malformed} malformed",
            accepted=tally.accepted,
            refused=tally.refused,
            malformed=tally.malformed,
        )
    )
