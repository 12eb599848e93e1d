"""`dossier log`: copy a log, take over an earlier one, leave orphans behind, and void records that nobody can use."""

# ruff: noqa: PLC0415  # what reads a log is needed only once it is asked

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from domain.i18n import pair
from infra.cli.operations.dismissal import check_named_whole, dismiss, name_partition
from infra.cli.operations.log_files import copy_file, reindex_log, upgrade_log
from infra.cli.operations.lost import show_lost
from infra.cli.operations.move import MoveOptions, move
from infra.cli.operations.queue_recovery import recover_queue
from infra.cli.operations.recovery import recover
from infra.cli.support.arguments import OPERATION
from infra.cli.support.errors import BadOption
from infra.cli.support.framework import subcommand
from infra.cli.support.i18n import say
from infra.cli.support.key_folders import ROOTS_HELP, root_keys
from infra.cli.support.reporting import print_json, tell_done
from infra.cli.support.session import Session, session_of

if TYPE_CHECKING:
    from infra.bootstrap import Application
    from infra.log.partition_source import PartitionSource
    from infra.log.repair import Examination, SeenRecord


def register(app: typer.Typer) -> None:
    """Add this subcommand."""
    subcommand(
        app,
        "log",
        panel=OPERATION,
        help=say(
            "Mend a log that stopped. dismiss leaves records behind that were built on one which was altered or "
            "lost; void empties the records from one on that nobody can use; reindex makes the indexes of this machine "
            "anew from the records; upgrade takes over an embedded log of an earlier form, once; copy makes a whole "
            "copy of an embedded log, also while it is in use; recover queue brings a queue on Kafka back that lost "
            "its end; lost lists what an index or a backup holds beyond the log, and recover leads out of what the "
            "doctor found.\n\n"
            "dismiss and void show first what they would do, and name each record by its hash to do it; recover shows "
            "it too, and names the last handled offset.\n\n"
            "move takes the log to another file or cluster while it is in use, compares every record, and closes this "
            "one: here it can still be read. A move that was broken off goes on. To another number of partitions it "
            "goes as a new log, whose genesis names this one: each dossier keeps its events, and each command its "
            "answer."
        ),
        examples=(
            "dossier log dismiss --partition 2",
            "dossier log dismiss --partition 2 --offset 812 --hash 5e1f…",
            "dossier log dismiss --partition 2 --all --hash 90ab…",
            "dossier log void --partition 2",
            "dossier log void --partition 2 --number 17 --hash 5e1f… --reason 'garbage by a faulty writer'",
            "dossier log recover queue --partition 2",
            "dossier log recover queue --partition 2 --handled 812",
            "dossier log lost --backup backup --write again.jsonl",
            "dossier log recover --backup backup",
            "dossier log reindex",
            "dossier log upgrade",
            "dossier log copy /backup/dossier.sqlite",
            "dossier log move --to 'kafka://HOST:9092?partitions=4'",
        ),
    )(log)


@dataclass(frozen=True, slots=True)
class _NamedRecord:
    """Which record a person means."""

    number: int | None
    digest: str | None


def log(
    ctx: typer.Context,
    what: Annotated[
        Literal["dismiss", "void", "lost", "recover", "reindex", "upgrade", "copy", "move"],
        typer.Argument(
            metavar="dismiss|void|lost|recover|reindex|upgrade|copy|move", show_default=False, help=say("What to do.")
        ),
    ],
    about: Annotated[
        str | None,
        typer.Argument(
            metavar="[queue|TO]",
            show_default=False,
            help=say("queue: the queue alone is recovered (recover). A file that does not exist yet (copy)."),
        ),
    ] = None,
    *,
    partition: Annotated[int, typer.Option("--partition", min=0, help=say("The partition."))] = 0,
    offset: Annotated[int | None, typer.Option("--offset", min=0, help=say("The record's offset (dismiss)."))] = None,
    every: Annotated[bool, typer.Option("--all", help=say("All that were shown, and no others (dismiss)."))] = False,
    number: Annotated[
        int | None, typer.Option("--number", min=1, help=say("The first record's number (void)."))
    ] = None,
    digest: Annotated[
        str | None,
        typer.Option("--hash", metavar="SHA-256", help=say("The record's hash, or the hash of all, as shown.")),
    ] = None,
    reason: Annotated[
        str | None, typer.Option("--reason", help=say("Why, for those who read it later (void)."))
    ] = None,
    losing: Annotated[
        int | None,
        typer.Option(
            "--losing",
            min=0,
            help=say(
                "How many acknowledged facts will be lost, as shown: where others still can use the record (void), or "
                "for good (recover)."
            ),
        ),
    ] = None,
    roots: Annotated[list[Path] | None, typer.Option("--roots", metavar="FOLDER", help=ROOTS_HELP)] = None,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="URL", help=say("Where the log goes, as --log names a log (move).")),
    ] = None,
    instead: Annotated[
        bool,
        typer.Option("--instead", help=say("Give up the place that the log was moved to before (move).")),
    ] = False,
    new_log: Annotated[
        bool,
        typer.Option(
            "--new-log", help=say("Begin a new log there, as is done where the number of partitions is another (move).")
        ),
    ] = False,
    writer_lost: Annotated[
        bool,
        typer.Option(
            "--writer-lost", help=say("There is no key of an active writer any more: begin a new log (move).")
        ),
    ] = False,
    decisions_again: Annotated[
        bool,
        typer.Option(
            "--decisions-again",
            help=say("Publish the public decisions of a new log once more, with the same ids (move)."),
        ),
    ] = False,
    handled: Annotated[
        int | None, typer.Option("--handled", min=0, help=say("The last handled offset, as shown (recover queue)."))
    ] = None,
    indexes: Annotated[
        list[Path] | None,
        typer.Option(
            "--index", metavar="FILE", help=say("An index, or an older log, that may hold more (lost, recover).")
        ),
    ] = None,
    backups: Annotated[
        list[Path] | None,
        typer.Option("--backup", metavar="FOLDER", help=say("A backup that may hold more (lost, recover).")),
    ] = None,
    write: Annotated[
        Path | None,
        typer.Option("--write", metavar="FILE", help=say("Write the commands to be given again to a new file (lost).")),
    ] = None,
) -> None:
    """Show what is wrong with a partition, or mend it."""
    session = session_of(ctx)
    if what == "recover" and about not in (None, "queue"):
        raise BadOption(reason=pair("recover is followed by queue, or by nothing"))
    if (what == "copy") is (about is None) and what != "recover":
        raise BadOption(reason=pair("the path of the copy belongs to copy, which needs it: dossier log copy TO"))
    alone = {
        "copy": lambda: copy_file(session, Path(about or "")),
        "move": lambda: move(
            session,
            MoveOptions(
                to,
                roots or [],
                instead=instead,
                new_log=new_log,
                writer_lost=writer_lost,
                decisions_again=decisions_again,
            ),
        ),
        "lost": lambda: show_lost(session, indexes or [], backups or [], write),
        "upgrade": lambda: upgrade_log(session),
        "reindex": lambda: reindex_log(session),
        **({} if about else {"recover": lambda: recover(session, indexes or [], backups or [], losing)}),
    }
    if what in alone:
        alone[what]()
        return
    if what == "dismiss":
        check_named_whole(offset, digest, every=every)
    with session.application() as application:
        if what == "recover":
            recover_queue(session, application, partition, handled)
            return
        source = _source(application, partition)
        if what == "dismiss":
            dismiss(session, source, offset, digest)
        else:
            _void(
                session,
                application,
                source,
                _NamedRecord(number, digest),
                reason=reason,
                losing=losing,
                roots=roots or [],
            )


def _source(application: Application, partition: int) -> PartitionSource:
    sources = application.sources()
    if partition >= len(sources):
        raise BadOption(reason=pair("--partition is one of 0 to {most}", most=len(sources) - 1))
    return sources[partition]


def _void(
    session: Session,
    application: Application,
    source: PartitionSource,
    asked: _NamedRecord,
    *,
    reason: str | None,
    losing: int | None,
    roots: list[Path],
) -> None:
    from infra.log.repair import examined

    stopped = _stopped_at(application, source)
    number = asked.number or stopped
    if number is None:
        line = session.text("every record can be used; name one with --number")
        tell_done(session, {"records": [], "losing": 0}, line)
        name_partition(session, source)
        return
    with examined(source, number) as (partition, found):
        if not found.records:
            raise BadOption(reason=pair("there is no record {number}", number=number))
        if asked.number is None or asked.digest is None:
            _show_examination(session, found, needed=stopped != number or found.built_on)
            return
        if found.records[0].hash.hex() != asked.digest:
            raise BadOption(reason=pair("record {number} has another hash", number=number))
        if not reason:
            raise BadOption(reason=pair("--reason says why"))
        facts = len(found.facts)
        if (stopped != number or found.built_on) and facts and losing != facts:
            raise BadOption(
                reason=pair(
                    "others can use the record, and {facts} acknowledged facts would be lost: --losing {facts} agrees",
                    facts=facts,
                )
            )
        partition.void(found, reason, root_keys(source, roots), source.keys.writer())
    line = session.text("records {first} to {last} are void", first=number, last=found.last)
    tell_done(session, {"void": {"first": number, "last": found.last}}, line)


def _stopped_at(application: Application, source: PartitionSource) -> int | None:
    """The number of the record that this program cannot use; None where it can use all."""
    from infra.log.errors import NewerLog, RecordUnreadable
    from infra.log.full_scan import check_whole
    from infra.queue.errors import ReadingBehind

    try:
        try:
            application.log.head(source.address.partition)
        except ReadingBehind:
            # Whoever holds the shared index does not read on: the records themselves tell it too, if more slowly.
            check_whole(source)
    except (NewerLog, RecordUnreadable) as stopped:
        number = stopped.details["number"]
        return number if isinstance(number, int) else None
    return None


def _show_examination(session: Session, found: Examination, *, needed: bool) -> None:
    from infra.cli.support.tables import print_line, print_pairs

    text = session.text
    if session.json:
        print_json({"records": [_as_json(each) for each in found.records], "losing": len(found.facts)})
        return
    for each in found.records:
        print_pairs(
            (
                (text("Number"), each.header.number),
                (text("Offset"), each.offset),
                (text("Hash"), each.hash.hex()),
                (text("Key"), each.header.key.hex()),
                (text("Writer"), each.writer),
                (text("Facts"), ", ".join(each.facts)),
            )
        )
    if needed:
        print_line(
            text("others can use these records; acknowledged facts that would be lost: {facts}", facts=len(found.facts))
        )


def _as_json(record: SeenRecord) -> dict[str, Any]:
    return {
        "number": record.header.number,
        "offset": record.offset,
        "hash": record.hash.hex(),
        "key": record.header.key.hex(),
        "writer": record.writer,
        "facts": record.facts,
    }
