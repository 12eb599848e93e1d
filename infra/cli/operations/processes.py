"""`dossier worker` and `dossier projector`: the processes of a log on Kafka, until they are told to stop."""

# ruff: noqa: PLC0415  # the processes need much that --help does not

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from domain.i18n import pair
from infra.cli.support.arguments import OPERATION, LogLevelOption
from infra.cli.support.errors import BadOption
from infra.cli.support.framework import subcommand
from infra.cli.support.i18n import say
from infra.cli.support.session import session_of


def register(app: typer.Typer) -> None:
    """Add these subcommands."""
    subcommand(
        app,
        "worker",
        panel=OPERATION,
        help=say(
            "Handle the commands of the queue of a log on Kafka. Any number of workers share the "
            "partitions; each may be stopped or killed at any time."
        ),
        examples=("dossier worker --log 'kafka://localhost:9092?partitions=4'",),
    )(worker)
    subcommand(
        app,
        "projector",
        panel=OPERATION,
        help=say("Keep the read models of a log on Kafka in step. Any number of projectors share the partitions."),
        examples=("dossier projector --log 'kafka://localhost:9092?partitions=4'",),
    )(projector)


def worker(
    ctx: typer.Context,
    log_level: LogLevelOption = "info",
    take_up_queue: Annotated[
        str | None,
        typer.Option(
            "--take-up-queue",
            metavar="TOPIC-ID",
            help=say("Read a topic of commands that was made anew, from its beginning."),
        ),
    ] = None,
) -> None:
    """Run a member of the group of workers."""
    from infra.logging import log_as_json
    from infra.processes import until_stopped
    from infra.queue.worker_process import Worker

    log_as_json(log_level)
    try:
        take_up = UUID(take_up_queue) if take_up_queue else None
    except ValueError:
        text = f"--take-up-queue {take_up_queue}"
        raise BadOption(reason=pair("{text}: a topic's id is expected", text=text)) from None
    session = session_of(ctx)
    with until_stopped() as stopped, session.application(create=True, long_running=True) as application:
        Worker(application, stopped, take_up=take_up).run()


def projector(ctx: typer.Context, log_level: LogLevelOption = "info") -> None:
    """Run a member of the group of projectors."""
    from infra.logging import log_as_json
    from infra.processes import until_stopped
    from infra.queue.projector_process import run_projector

    log_as_json(log_level)
    with until_stopped() as stopped, session_of(ctx).application(create=True, long_running=True) as application:
        run_projector(application, stopped)
