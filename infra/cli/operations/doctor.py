"""`dossier doctor`: how a log on Kafka is."""

# ruff: noqa: PLC0415  # the clients of Kafka are needed only once it is asked

from __future__ import annotations

from typing import Annotated, Any

import typer

from infra.cli.support.arguments import OPERATION
from infra.cli.support.framework import subcommand
from infra.cli.support.i18n import say
from infra.cli.support.reporting import INFRASTRUCTURE, note, print_json
from infra.cli.support.session import Session, session_of


def register(app: typer.Typer) -> None:
    """Add this subcommand."""
    subcommand(
        app,
        "doctor",
        panel=OPERATION,
        help=say(
            "Look at a log on Kafka: connection, topics, head and index of each partition, ignored "
            "records, and who is how far behind.\n\nExit code: 0 when all is well, 4 when something must be "
            "mended."
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
            help=say("Read every record again from the first one: finds one that was altered after it had been read."),
        ),
    ] = False,
) -> None:
    """Report what there is, and what is wrong with it."""
    from infra.queue.diagnose import diagnose

    session = session_of(ctx)
    with session.application() as application:
        found = diagnose(application, whole=whole)
    if session.json:
        print_json(found)
    else:
        _show(session, found)
    if found["wrong"]:
        raise typer.Exit(INFRASTRUCTURE)


def _show(session: Session, found: dict[str, Any]) -> None:
    from infra.cli.support.tables import print_heading, print_pairs, print_table

    text = session.text
    print_pairs(
        (
            (text("Log"), found["log"]),
            (text("Cluster"), found["cluster"]),
            *((name, f"{topic['id']}, P = {topic['partitions']}") for name, topic in found["topics"].items()),
        )
    )
    print_heading(text("Partitions"))
    headings = (
        "",
        text("Record"),
        text("Position"),
        text("Read to"),
        text("Late"),
        text("Foreign"),
        text("Orphans"),
        text("Commands waiting"),
        text("Events behind"),
    )
    print_table(
        headings,
        (
            (
                each["partition"],
                each["record"],
                each["position"],
                each["read_to"],
                each["ignored"]["late"],
                each["ignored"]["foreign"],
                f"{len(each['orphans'])} ({each['ignored']['orphans']})",
                each["commands_waiting"],
                ", ".join(f"{name} {behind}" for name, behind in each["behind"].items()),
            )
            for each in found["partitions"]
        ),
    )
    print_heading(text("Processes"))
    print_pairs(
        (group, "; ".join(f"{member}: {partitions}" for member, partitions in members.items()) or text("none"))
        for group, members in found["groups"].items()
    )
    for wrong in found["wrong"]:
        note(wrong)
