"""`dossier log`: what an operator may do about a log on Kafka that was altered or lost something."""

# ruff: noqa: PLC0415  # the clients of Kafka are needed only once it is asked

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

import typer

from domain.i18n import pair
from infra.cli.support.arguments import OPERATION
from infra.cli.support.errors import BadOption
from infra.cli.support.framework import subcommand
from infra.cli.support.i18n import say
from infra.cli.support.reporting import print_json
from infra.cli.support.session import Session, session_of
from infra.terminal.output import write_line

_SHOWN: Final = 20


def register(app: typer.Typer) -> None:
    """Add this subcommand."""
    subcommand(
        app,
        "log",
        panel=OPERATION,
        help=say(
            "Leave behind records that were built on one which was altered or lost. Shows them first; "
            "names each by offset and hash to dismiss it, or all by the one hash of what was shown."
        ),
        examples=(
            "dossier log dismiss --partition 2",
            "dossier log dismiss --partition 2 --offset 812 --hash 5e1f…",
            "dossier log dismiss --partition 2 --all --hash 90ab…",
        ),
    )(log)


def log(
    ctx: typer.Context,
    what: Annotated[
        Literal["dismiss"],
        typer.Argument(metavar="dismiss", show_default=False, help=say("What to do.")),
    ],
    partition: Annotated[int, typer.Option("--partition", min=0, help=say("The partition."))],
    offset: Annotated[int | None, typer.Option("--offset", min=0, help=say("The record's offset."))] = None,
    digest: Annotated[
        str | None,
        typer.Option("--hash", metavar="SHA-256", help=say("The record's hash, or the hash of all, as shown.")),
    ] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help=say("All that were shown, and no others."))] = False,
) -> None:
    """Show the open orphans, or dismiss the one with this offset and hash, or all with this hash."""
    from infra.queue.orphans import dismiss, orphans

    del what
    session = session_of(ctx)
    if (offset is not None and everything) or (offset is not None or everything) is not (digest is not None):
        raise BadOption(reason=pair("--hash goes with --offset, or with --all"))
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
        write_line(session.text("records that are left behind: {count}", count=len(chosen)))
    else:
        write_line(session.text("the record at offset {offset} is left behind", offset=offset))


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
