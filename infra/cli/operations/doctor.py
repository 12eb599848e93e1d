"""`dossier doctor`: how a log is, and all around it."""

# ruff: noqa: PLC0415  # the clients of Kafka are needed only once it is asked

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from infra.cli.support.arguments import OPERATION
from infra.cli.support.framework import subcommand
from infra.cli.support.i18n import say
from infra.cli.support.reporting import INFRASTRUCTURE, print_json
from infra.cli.support.session import session_of


def register(app: typer.Typer) -> None:
    """Add this subcommand."""
    subcommand(
        app,
        "doctor",
        panel=OPERATION,
        help=say(
            "Look at the log and all around it: what waits, who halted and why, indexes and read models, free "
            "disk, the clock; on Kafka also connection, topics and ignored records.\n\nExit code: 0 when all is "
            "well, 4 when something must be mended."
        ),
        examples=("dossier doctor", "dossier doctor --json", "dossier doctor --whole"),
    )(doctor)


def doctor(
    ctx: typer.Context,
    *,
    whole: Annotated[
        bool,
        typer.Option(
            "--whole",
            help=say(
                "Read every record again from the first one, and compare indexes and read models with it row by row."
            ),
        ),
    ] = False,
) -> None:
    """Report what there is, and what is wrong with it."""
    from infra.cli.operations.doctor_report import show
    from infra.diagnosis.embedded import diagnose_embedded

    session = session_of(ctx)
    with session.application() as application:
        log = application.settings.log
        if isinstance(log, Path):
            found = diagnose_embedded(application, log, whole=whole)
        else:
            from infra.queue.diagnose import diagnose

            found = diagnose(application, whole=whole)
    if session.json:
        print_json(found.as_json())
    else:
        show(session, found)
    if found.wrong:
        raise typer.Exit(INFRASTRUCTURE)
