"""`dossier log`: what an operator may do about a log: take over an old one, go on with one that lost something."""

# ruff: noqa: PLC0415  # the clients of Kafka are needed only once it is asked

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import typer

from domain.i18n import pair
from infra.cli.support.arguments import OPERATION
from infra.cli.support.errors import BadOption
from infra.cli.support.framework import subcommand
from infra.cli.support.i18n import say
from infra.cli.support.reporting import print_json
from infra.cli.support.session import Session, session_of

_SHOWN: Final = 20


def register(app: typer.Typer) -> None:
    """Add this subcommand."""
    subcommand(
        app,
        "log",
        panel=OPERATION,
        help=say(
            "Take over an embedded log of an earlier form, once; or leave behind records that were built on one "
            "which was altered or lost: shows them first, names each by offset and hash to dismiss it, or all by the "
            "one hash of what was shown."
        ),
        examples=(
            "dossier log upgrade",
            "dossier log dismiss --partition 2",
            "dossier log dismiss --partition 2 --offset 812 --hash 5e1f…",
            "dossier log dismiss --partition 2 --all --hash 90ab…",
        ),
    )(log)


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
        typer.Option("--hash", metavar="SHA-256", help=say("The record's hash, or the hash of all, as shown.")),
    ] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help=say("All that were shown, and no others."))] = False,
) -> None:
    """Take over a log of an earlier form; or show the open orphans, or dismiss the one or all with this hash."""
    session = session_of(ctx)
    if what == "upgrade":
        _upgrade(session)
        return
    if (offset is not None and everything) or (offset is not None or everything) is not (digest is not None):
        raise BadOption(reason=pair("--hash goes with --offset, or with --all"))
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
    from infra.queue.orphans import dismiss, orphans

    with session.application() as application:
        if partition >= application.kafka.partitions:
            most = application.kafka.partitions - 1
            raise BadOption(reason=pair("--partition is one of 0 to {most}", most=most))
        found = orphans(application, partition)
        if digest is None:
            _show(session, found)
            return
        chosen = _chosen(found, offset, digest)
        dismiss(application, partition, chosen)
    if offset is None:
        typer.echo(session.text("records that are left behind: {count}", count=len(chosen)))
    else:
        typer.echo(session.text("the record at offset {offset} is left behind", offset=offset))


def _chosen(found: Sequence[dict[str, Any]], offset: int | None, digest: str) -> Sequence[dict[str, Any]]:
    """Raises BadOption for a hash that is not the one shown: others may have come since."""
    from infra.queue.orphans import hash_of_all

    if offset is None:
        if not found or hash_of_all(found) != digest:
            raise BadOption(reason=pair("the open records have another hash by now: look at them again"))
        return found
    chosen = [each for each in found if (each["offset"], each["hash"]) == (offset, digest)]
    if not chosen:
        raise BadOption(
            reason=pair("there is no open orphan at offset {offset} with that hash", offset=offset),
        )
    return chosen


def _show(session: Session, found: Sequence[dict[str, Any]]) -> None:
    from infra.cli.support.tables import print_line, print_pairs
    from infra.queue.orphans import hash_of_all

    if session.json:
        print_json({"orphans": found, "hash": hash_of_all(found)})
        return
    text = session.text
    if not found:
        print_line(text("no record is open"))
        return
    for each in found[:_SHOWN]:
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
    if len(found) > _SHOWN:
        print_line(text("and {count} more: --json shows all", count=len(found) - _SHOWN))
    print_pairs(((text("Open records"), len(found)), (text("Hash of all"), hash_of_all(found))))
