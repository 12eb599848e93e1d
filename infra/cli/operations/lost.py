"""`dossier log lost`: what an index or a backup holds beyond the log, and its commands to be given again."""

# ruff: noqa: PLC0415  # what reads a log is needed only once it is asked

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from domain.i18n import pair
from infra.cli.support.errors import BadOption
from infra.cli.support.reporting import print_json
from infra.cli.support.session import Session
from infra.terminal.output import write_line

if TYPE_CHECKING:
    from infra.recovery.lost import LostCommand, Settled


def show_lost(session: Session, indexes: Sequence[Path], backups: Sequence[Path], write: Path | None) -> None:
    """List it, and with `write` write the commands that are given again to a new file of JSON Lines.

    Raises BadOption, and what `Looking.beyond` raises.
    """
    from infra.recovery.looking import given_again, looking

    if not indexes and not backups:
        raise BadOption(reason=pair("--index or --backup says what may hold more than the log"))
    with session.application() as application, looking(application) as look:
        found = look.beyond(indexes, backups)
    again = [command for each in found for command in given_again(each.commands)]
    if write is not None:
        write_lines(write, [each.line or "" for each in again])
    if session.json:
        written = str(write) if write is not None else None
        print_json({"partitions": [each.as_json() for each in found], "given_again": len(again), "written": written})
        return
    show(session, found)
    if write is not None:
        text, count = session.text, len(again)
        write_line(text("{count} commands were written to {file}: dossier apply {file}", count=count, file=write))


def show(session: Session, found: Sequence[Settled]) -> None:
    """What was lost, partition by partition, for people."""
    from infra.cli.support.tables import print_line

    text = session.text
    for each in found:
        beyond, at, name = each.beyond, each.beyond.holder.partition, each.beyond.holder.name
        if beyond.number is None:
            print_line(text("partition {partition}: {holder} holds nothing beyond the log", partition=at, holder=name))
            continue
        if beyond.how == "cut":
            line = text(
                "partition {partition}: the log ends with record {standing}; {holder} goes on from record {number}, "
                "position {position}",
                partition=at,
                standing=beyond.standing,
                holder=name,
                number=beyond.number,
                position=beyond.position,
            )
        else:
            line = text(
                "partition {partition}: from record {number}, position {position}, the log went on with other records "
                "than {holder}",
                partition=at,
                number=beyond.number,
                position=beyond.position,
                holder=name,
            )
        print_line(line)
        if beyond.holder.proof == "signatures":
            print_line(text("its records were judged by their signatures, from the first one on"))
        else:
            print_line(text("it has the log's hashes up to there, and holds no records: nothing beyond is signed"))
        if each.back:
            print_line(text("facts that are back in the log already: {count}", count=each.back))
        show_commands(session, each.commands)


def show_commands(session: Session, commands: Sequence[LostCommand]) -> None:
    """Lost commands, one a row."""
    from infra.cli.support.tables import print_table

    text = session.text
    print_table(
        (text("Position"), text("Command id"), text("Command"), text("Dossier"), text("Caller"), text("Given again")),
        ((each.position, each.command_id, each.command, each.dossier, _caller(each), _fate(session, each))
         for each in commands),
    )  # fmt: skip


def _caller(command: LostCommand) -> str | None:
    return f"{command.caller['person']} ({command.caller['agency']})" if command.caller else None


def _fate(session: Session, command: LostCommand) -> str:
    if command.waits:
        return session.text("it waits in the queue")
    if command.reason is not None:
        return session.text("no: {reason}", reason=session.text(command.reason.text))
    if command.origin == "queue":
        return session.text("yes, as it stands in the queue")
    return session.text("yes, rebuilt from its fact and proven by its digest")


def write_lines(path: Path, lines: Sequence[str]) -> None:
    """Write a new file of JSON Lines that only its owner can read, durably. Raises BadOption."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in lines)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise BadOption(reason=pair("{file}: {error}", file=path, error=error.strerror or error)) from error
