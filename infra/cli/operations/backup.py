"""`dossier backup`, `dossier verify-backup` and `dossier restore`: the log in a folder, looked at, and put back."""

# ruff: noqa: PLC0415  # what reads a log is needed only once it is asked

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from domain.i18n import pair
from infra.cli.support.arguments import OPERATION
from infra.cli.support.errors import BadOption
from infra.cli.support.framework import subcommand
from infra.cli.support.i18n import say
from infra.cli.support.reporting import new_read_models, note, print_json, take_up_queue, tell_error
from infra.cli.support.session import Session, session_of

if TYPE_CHECKING:
    from infra.backup.manifest import Manifest
    from infra.backup.restoring import Restored
    from infra.backup.verifying import Noted, VerifiedBackup
    from infra.backup.writing import BackupTaken
    from infra.bootstrap import Application
    from infra.errors import LogUnusable

_HASH: Final = re.compile(r"[0-9a-f]{64}")
_AT_LEAST: Final = re.compile(r"(\d{1,18})(?:/(\d{1,9}))?")

FolderArgument = Annotated[
    Path, typer.Argument(metavar="FOLDER", show_default=False, help=say("The folder of the backup."))
]
IdentityOption = Annotated[
    str | None,
    typer.Option("--identity", metavar="SHA-256", help=say("The identity of the log, as you noted it elsewhere.")),
]
AtLeastOption = Annotated[
    list[str] | None,
    typer.Option(
        "--at-least",
        metavar="NUMBER[/PARTITION]",
        help=say("How many records it must hold, of all partitions or of one; once for each."),
    ),
]
HeadOption = Annotated[
    list[str] | None,
    typer.Option(
        "--head",
        metavar="SHA-256",
        help=say("The head of a partition, as an earlier backup showed it: it must be in this one; once for each."),
    ),
]


def register(app: typer.Typer) -> None:
    """Add these subcommands."""
    subcommand(
        app,
        "backup",
        panel=OPERATION,
        help=say(
            "Copy the log into a folder, from a running system: every record as it stands. Into a folder that holds a "
            "backup of this log, only what is new is written.\n\nPrivate keys are not in it: `dossier keys backup` "
            "copies them. Note the identity and the heads that it shows elsewhere: only by them can you tell later "
            "that a backup was not replaced by an older one."
        ),
        examples=("dossier backup /media/backup", "dossier backup /media/backup --with-views"),
    )(backup)
    subcommand(
        app,
        "verify-backup",
        panel=OPERATION,
        help=say(
            "Read a backup whole: every byte of every file, all records by the rule of the log, and all signatures."
            "\n\nNothing in a folder can show that all of it was replaced by an older backup: name what you noted "
            "elsewhere, by --identity, --at-least or --head."
        ),
        examples=(
            "dossier verify-backup /media/backup",
            "dossier verify-backup /media/backup --identity 3f9c… --at-least 5200/2 --head 90ab…",
        ),
    )(verify_backup)
    subcommand(
        app,
        "restore",
        panel=OPERATION,
        help=say(
            "Put the log of a backup where --log (else DOSSIER_LOG) says, record by record as it was: into a new file, "
            "or into topics of Kafka that are not there yet or are empty. The backup is verified first, and what was "
            "written is read back. A restore that was broken off goes on."
        ),
        examples=(
            "dossier restore /media/backup --log sqlite:////var/lib/dossier/dossier.sqlite",
            "dossier restore /media/backup --log 'kafka://HOST:9092?partitions=4'",
        ),
    )(restore)


def backup(
    ctx: typer.Context,
    folder: FolderArgument,
    *,
    with_views: Annotated[
        bool,
        typer.Option("--with-views", help=say("Copy the file of the read models too, which can be made anew.")),
    ] = False,
) -> None:
    """Take a backup, or bring it up to the end of the log."""
    from importlib.metadata import version

    from infra.backup.folder import FolderStorage
    from infra.backup.writing import BackupTold, take_backup

    session = session_of(ctx)
    with session.application() as application:
        check_form(application)
        views = application.settings.views if with_views else None
        told = BackupTold(application.clock(), version("dossier"), views)
        taken = take_backup(FolderStorage(folder), application.sources(), told)
    _show_taken(session, folder, taken)
    for each in taken.unsigned:
        if each.details not in [fault.details for fault in taken.faults]:
            _tell(session, each)
    for fault in taken.faults[1:]:
        _tell(session, fault)
    for fault in taken.faults:
        raise fault


def check_form(application: Application) -> None:
    """Raises EarlierLog, which has no records yet, and LogUnusable."""
    import sqlite3
    from contextlib import closing

    from infra.errors import LogUnusable
    from infra.log.errors import EarlierLog
    from infra.log.sqlite.index import tables_of
    from infra.sqlite_file import read_only_uri, reading_schema

    path = application.settings.log
    if not isinstance(path, Path) or not path.exists():
        return
    try:
        with closing(sqlite3.connect(read_only_uri(path), uri=True)) as connection, reading_schema():
            tables = tables_of(connection)
    except sqlite3.Error as error:
        raise LogUnusable(log=str(path), reason=str(error)) from error
    if "records" not in tables and tables & {"stored_events", "answers"}:
        raise EarlierLog(log=str(path))


def verify_backup(
    ctx: typer.Context,
    folder: FolderArgument,
    *,
    identity: IdentityOption = None,
    at_least: AtLeastOption = None,
    head: HeadOption = None,
) -> None:
    """Verify a backup."""
    from infra.backup.folder import FolderStorage
    from infra.backup.verifying import verify

    session = session_of(ctx)
    storage, noted = FolderStorage(folder), _noted(identity, at_least, head)
    with storage.reading():
        verified = verify(storage, noted)
    _show_verified(session, folder, verified, is_noted=bool(noted.records or noted.heads))
    for error in verified.unusable:
        raise error


def restore(
    ctx: typer.Context,
    folder: FolderArgument,
    *,
    with_views: Annotated[
        bool,
        typer.Option("--with-views", help=say("Put the read models back too, to be served by an embedded log.")),
    ] = False,
    identity: IdentityOption = None,
    at_least: AtLeastOption = None,
    head: HeadOption = None,
) -> None:
    """Put a backup back."""
    from infra.backup.folder import FolderStorage
    from infra.backup.verifying import verify

    session = session_of(ctx)
    storage = FolderStorage(folder)
    with session.application(create=True) as application, storage.reading():
        verified = verify(storage, _noted(identity, at_least, head))
        views = _views_target(application, verified.manifest) if with_views else None
        done = _restored(storage, verified, application)
        if views is not None:
            from infra.backup.views import put_views

            put_views(storage, views[0], views[1])
        shown = _as_json(folder, verified.manifest)
        _show_restored(session, verified, done, shown, _next(session, application, verified, done, with_views))


def _restored(storage: Any, verified: VerifiedBackup, application: Application) -> Restored:
    path = application.settings.log
    if isinstance(path, Path):
        from infra.backup.restoring_embedded import restore_embedded

        return restore_embedded(storage, verified.manifest, application.sqlite_source(path))
    from infra.backup.restoring_kafka import restore_kafka

    return restore_kafka(storage, verified.manifest, path, verified.largest)


def _views_target(application: Application, manifest: Manifest) -> Any:
    """The copy of the read models, and where it goes. Raises BadOption, RestoreTargetTaken."""
    from infra.backup.views import check_no_views

    views = application.settings.views
    if manifest.views is None:
        raise BadOption(reason=pair("the backup has no copy of the read models"))
    # Read models know their log by its id, which on Kafka is the topic's.
    if not isinstance(application.settings.log, Path) or "/" in manifest.log_id or not isinstance(views, Path):
        raise BadOption(
            reason=pair("read models are put back for an embedded log alone; elsewhere `dossier rebuild` makes them")
        )
    check_no_views(views)
    return manifest.views, views


def _noted(identity: str | None, at_least: list[str] | None, heads: list[str] | None) -> Noted:
    """Raises BadOption."""
    from infra.backup.verifying import Noted

    for each in [*([identity] if identity is not None else []), *(heads or ())]:
        if not _HASH.fullmatch(each):
            raise BadOption(reason=pair("a hash has 64 hexadecimal digits in lower case"))
    records: dict[int | None, int] = {}
    for each in at_least or ():
        found = _AT_LEAST.fullmatch(each)
        if found is None:
            raise BadOption(reason=pair("--at-least is a number of records, or NUMBER/PARTITION"))
        records[int(found[2]) if found[2] is not None else None] = int(found[1])
    return Noted(identity, records, heads or ())


def _contents(manifest: Manifest) -> list[dict[str, Any]]:
    return [
        {
            "partition": each.partition,
            "records": each.records,
            "head": each.head,
            "next_position": each.next_position,
            "files": len(each.segments),
            "bytes": sum(segment.size for segment in each.segments),
        }
        for each in manifest.partitions
    ]


def _as_json(folder: Path | str, manifest: Manifest) -> dict[str, Any]:
    return {
        "folder": str(folder),
        "identity": manifest.identity,
        "app": manifest.app,
        "log_id": manifest.log_id,
        "taken_at": manifest.taken_at,
        "partitions": _contents(manifest),
        "views": manifest.views.taken_at if manifest.views is not None else None,
        "keys": False,
    }


def _show_contents(session: Session, manifest: Manifest, added: list[int] | None = None) -> None:
    from infra.cli.support.tables import print_pairs, print_table

    text = session.text
    print_pairs(
        (
            (text("Identity"), manifest.identity),
            (text("Taken at"), manifest.taken_at.isoformat(timespec="seconds")),
            (text("Read models of"), manifest.views and manifest.views.taken_at.isoformat(timespec="seconds")),
        )
    )
    headings = [text("Partition"), text("Records"), text("Head"), *([text("New")] if added is not None else [])]
    rows = [
        [each.partition, each.records, each.head, *([added[each.partition]] if added is not None else [])]
        for each in manifest.partitions
    ]
    print_table(headings, rows)


def _show_taken(session: Session, folder: Path, taken: BackupTaken) -> None:
    added = list(taken.added)
    if session.json:
        unsigned = [error.details for error in taken.unsigned]
        print_json({**_as_json(folder, taken.manifest), "added": added, "unsigned": unsigned})
        return
    _show_contents(session, taken.manifest, added)
    note(session.text("private keys are not in it: `dossier keys backup FOLDER` copies those of this host"))
    note(session.text("note the identity and the heads elsewhere: they tell later whether this is the latest backup"))


def _show_verified(session: Session, folder: Path, verified: VerifiedBackup, *, is_noted: bool) -> None:
    manifest = verified.manifest
    if session.json:
        found = {
            "verified": not verified.unusable,
            "left_over": verified.left_over,
            "handled": [each and each._asdict() for each in verified.handled],
        }
        print_json({**_as_json(folder, manifest), **found})
        return
    _show_contents(session, manifest)
    for name in verified.left_over:
        note(session.text("no part of the backup: {name}", name=name))
    if not is_noted:
        note(
            session.text(
                "whole up to these heads; that it is the latest backup only what you noted elsewhere can show: "
                "--at-least, --head"
            )
        )


def _tell(session: Session, error: LogUnusable) -> None:
    """An error that does not end the run."""
    language = session.language
    tell_error(session, error.code, error.message(language), error.clause, error.hint(language))


def _show_restored(
    session: Session, verified: VerifiedBackup, done: Restored, shown: dict[str, Any], steps: list[str]
) -> None:
    if session.json:
        found = {"restored": True, "added": list(done.added), "other_moments": done.moments}
        print_json({**shown, **found, "commands_topic": done.commands, "next": steps})
    else:
        _show_contents(session, verified.manifest, list(done.added))
        if done.moments:
            note(session.text("{count} records bear another moment than they had", count=done.moments))
        for step in steps:
            note(step)
    for error in verified.unusable:
        _tell(session, error)


def _next(
    session: Session, application: Application, verified: VerifiedBackup, done: Restored, with_views: bool
) -> list[str]:
    """What to type next."""
    text, path = session.text, application.settings.log
    own = application.sqlite_source(path).keys.folder.path if isinstance(path, Path) else application.kafka.key_folder
    steps = []
    if not (own / "writer.pem").exists():
        steps.append(text("to write again, put this host's keys into {folder}: `dossier keys list`", folder=own))
    if done.commands is not None and any(each and each.topic_id != done.commands for each in verified.handled):
        steps.append(take_up_queue(session, done.commands))
    elif done.commands is not None:
        steps.append(text("begin workers with `dossier worker`"))
    places = {place for each in verified.manifest.partitions for _, _, place in each.closed or ()}
    steps += [text("this log was moved to {place}: be sure that it does not go on there", place=at) for at in places]
    if not with_views:
        steps.append(new_read_models(session))
    steps.append(text("look at the whole with `dossier doctor --whole`"))
    return steps
