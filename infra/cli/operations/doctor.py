"""`dossier doctor` and `dossier log`: how a log is, and what an operator may do about it."""

# ruff: noqa: PLC0415  # the clients of Kafka are needed only once it is asked

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from domain.i18n import pair
from infra.cli.support.arguments import OPERATION
from infra.cli.support.errors import BadOption
from infra.cli.support.framework import subcommand
from infra.cli.support.i18n import say
from infra.cli.support.reporting import INFRASTRUCTURE, print_json
from infra.cli.support.session import Session, session_of


def register(app: typer.Typer) -> None:
    """Add these subcommands."""
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
    subcommand(
        app,
        "log",
        panel=OPERATION,
        help=say(
            "Take over an embedded log of an earlier form, once; or leave behind records that were built on one "
            "which was altered or lost: shows them first, names each by offset and hash to dismiss it."
        ),
        examples=(
            "dossier log upgrade",
            "dossier log dismiss --partition 2",
            "dossier log dismiss --partition 2 --offset 812 --hash 5e1f…",
        ),
    )(log)


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


def log(
    ctx: typer.Context,
    what: Annotated[
        Literal["dismiss", "upgrade"],
        typer.Argument(metavar="dismiss|upgrade", show_default=False, help=say("What to do.")),
    ],
    partition: Annotated[int, typer.Option("--partition", min=0, help=say("The partition."))] = 0,
    offset: Annotated[int | None, typer.Option("--offset", min=0, help=say("The record's offset."))] = None,
    digest: Annotated[
        str | None,
        typer.Option("--hash", metavar="SHA-256", help=say("The record's hash, as shown.")),
    ] = None,
) -> None:
    """Take over a log of an earlier form; or show the open orphans, or dismiss the one with this offset and hash."""
    session = session_of(ctx)
    if what == "upgrade":
        _upgrade(session)
    else:
        _dismiss(session, partition, offset, digest)


def _upgrade(session: Session) -> None:
    from infra.log.sqlite.upgrade import upgrade

    path = session.settings().log
    if not isinstance(path, Path):
        raise BadOption(reason=pair("only an embedded log is upgraded"))
    found = upgrade(path)
    if session.json:
        print_json({"upgraded": found is not None, **(found._asdict() if found is not None else {})})
    elif found is None:
        typer.echo(session.text("the log has the present form already"))
    else:
        events, answers, kept = found
        typer.echo(
            session.text(
                "{events} events and {answers} answers were taken over and compared; the old log is kept as {kept}",
                events=events,
                answers=answers,
                kept=kept,
            )
        )


def _dismiss(session: Session, partition: int, offset: int | None, digest: str | None) -> None:
    from infra.log.kafka.index_paths import worker_log
    from infra.queue.diagnose import as_orphan, orphans

    if (offset is None) is not (digest is None):
        raise BadOption(reason=pair("--offset and --hash go together"))
    with session.application() as application:
        if partition >= application.kafka.partitions:
            most = application.kafka.partitions - 1
            raise BadOption(reason=pair("--partition is one of 0 to {most}", most=most))
        found = orphans(application, partition)
        if offset is None:
            _show_orphans(session, found)
            return
        chosen = [each for each in found if (each["offset"], each["hash"]) == (offset, digest)]
        if not chosen:
            raise BadOption(
                reason=pair("there is no open orphan at offset {offset} with that hash", offset=offset),
            )
        writer = worker_log(application.kafka, partition)
        try:
            writer.dismiss(partition, [as_orphan(each) for each in chosen])
        finally:
            writer.close()
    typer.echo(session.text("the record at offset {offset} is left behind", offset=offset))


def _show_orphans(session: Session, found: list[dict[str, Any]]) -> None:
    from infra.cli.support.tables import print_line, print_pairs

    if session.json:
        print_json(found)
        return
    text = session.text
    if not found:
        print_line(text("no record is open"))
    for each in found:
        print_pairs(
            (
                (text("Offset"), each["offset"]),
                (text("Hash"), each["hash"]),
                (text("Number"), each["number"]),
                (text("Writer"), each.get("writer")),
                (
                    text("Events"),
                    ", ".join(f"{event['dossier']}/{event['version']} {event['event']}" for event in each["events"])
                    if each.get("events")
                    else None,
                ),
                (text("Commands"), ", ".join(each.get("commands", ()))),
            )
        )
