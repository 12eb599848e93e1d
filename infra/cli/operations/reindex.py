"""`dossier reindex`: the indexes of this machine are made anew from the log."""

# ruff: noqa: PLC0415  # the clients of Kafka are needed only once it is asked

from __future__ import annotations

from pathlib import Path

import typer

from infra.cli.support.arguments import OPERATION
from infra.cli.support.framework import subcommand
from infra.cli.support.i18n import say
from infra.cli.support.reporting import print_json
from infra.cli.support.session import Session, session_of
from infra.terminal.output import write_line


def register(app: typer.Typer) -> None:
    """Add this subcommand."""
    subcommand(
        app,
        "reindex",
        panel=OPERATION,
        help=say(
            "Make the indexes of this machine anew from the log, where `dossier doctor` says that they differ from "
            "it. What was there is kept beside them. Stop the processes that use them first."
        ),
        examples=("dossier reindex", "dossier rebuild --all --check   # then: do the read models agree?"),
    )(reindex)


def reindex(ctx: typer.Context) -> None:
    """Keep what was there, and make it anew."""
    session = session_of(ctx)
    kept = [str(path) for path in _renewed(session)]
    if session.json:
        print_json({"kept": kept})
        return
    for path in kept:
        write_line(session.text("kept as it was: {path}", path=path))
    write_line(session.text("indexes made anew: {count}", count=len(kept)))


def _renewed(session: Session) -> list[Path]:
    settings = session.settings()
    if isinstance(settings.log, Path):
        from infra.errors import LogMissing
        from infra.log.index_renewal import renew_embedded

        if not settings.log.exists():
            raise LogMissing(log=str(settings.log))
        return [renew_embedded(settings.log)]
    from infra.log.index_renewal import put_aside
    from infra.log.kafka.index_paths import index_files
    from infra.log.kafka.source import KafkaSource

    with session.application() as application:
        kafka, topic = application.kafka, application.topics.events
        return [
            put_aside(KafkaSource(kafka, number, topic), path)
            for number in range(kafka.partitions)
            for path in index_files(kafka, number)
        ]
