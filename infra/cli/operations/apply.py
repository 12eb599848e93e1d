"""`dossier apply`: commands from machines, JSON Lines in, one answer a line out."""

# ruff: noqa: PLC0415  # the installation is needed only once there is something to apply

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.support.arguments import OPERATION
from infra.cli.support.framework import subcommand
from infra.cli.support.i18n import say
from infra.cli.support.input_files import LookedAt, opened
from infra.cli.support.output import OutputClosed
from infra.cli.support.reporting import MALFORMED, REFUSED, note
from infra.cli.support.session import Session, session_of

if TYPE_CHECKING:
    from consumers.apply import Tally


def register(app: typer.Typer) -> None:
    """Add this subcommand."""
    subcommand(
        app,
        "apply",
        panel=OPERATION,
        help=say(
            "Apply commands from a file of JSON Lines or from standard input; each gets its answer, a line of JSON.\n\n"
            "Exit code: 0 when all were accepted, 3 when a rule refused any, 2 when any was malformed.",
            "Thực hiện các lệnh trong tệp JSON Lines hoặc từ đầu vào chuẩn; mỗi lệnh nhận một dòng JSON trả lời.\n\n"
            "Mã thoát: 0 khi mọi lệnh được chấp nhận, 3 khi có lệnh bị từ chối, 2 khi có lệnh sai cấu trúc.",
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
            help=say(
                "The commands, one a line; - for standard input.", "Các lệnh, mỗi dòng một lệnh; - là đầu vào chuẩn."
            ),
        ),
    ],
) -> None:
    """Commands by the line; an empty standard input is no mistake, an empty file is one."""
    from consumers.apply import apply

    session = session_of(ctx)
    with opened(file) as stream, session.application(create=True) as application:
        try:
            tally = apply(LookedAt(stream, file), typer.get_binary_stream("stdout"), application.gateway)
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
        session.said(
            "nobody reads the answers any more: commands that were not answered may have been carried out; "
            "given again, each gets its first answer",
            "không còn nơi nhận câu trả lời: những lệnh chưa được trả lời có thể đã được thực hiện; "
            "gửi lại, mỗi lệnh sẽ nhận câu trả lời đầu tiên",
        )
    )


def _summarise(session: Session, tally: Tally) -> None:
    note(
        session.said(
            f"{tally.accepted} accepted, {tally.refused} refused, {tally.malformed} malformed",
            f"{tally.accepted} chấp nhận, {tally.refused} từ chối, {tally.malformed} sai cấu trúc",
        )
    )
