"""`dossier log reindex`, `upgrade` and `copy`: the files of a log, made anew, taken over or copied."""

# ruff: noqa: PLC0415  # what reads a log is needed only once it is asked

from __future__ import annotations

from pathlib import Path

from domain.i18n import pair
from infra.cli.support.errors import BadOption
from infra.cli.support.reporting import print_json, tell_done
from infra.cli.support.session import Session
from infra.terminal.output import write_line


def reindex_log(session: Session) -> None:
    path = session.settings().log
    if isinstance(path, Path):
        _reindex_embedded(session, path)
    else:
        _put_indexes_aside(session)


def _reindex_embedded(session: Session, path: Path) -> None:
    from infra.errors import LogMissing
    from infra.log.sqlite.source import SQLiteSource
    from infra.log.sqlite.whole import reindex

    if not path.exists():
        raise LogMissing(log=str(path))
    position = reindex(SQLiteSource(path))
    line = session.text("the index was made anew from the records, up to position {position}", position=position)
    tell_done(session, {"reindexed": True, "position": position}, line)


def _put_indexes_aside(session: Session) -> None:
    """The next one who needs an index makes it anew. Raises LogChanged where one is the last copy of something."""
    from infra.log.kafka.index_paths import index_files
    from infra.log.kafka.renewal import check_held, put_aside
    from infra.log.kafka.source import KafkaSource

    with session.application() as application:
        kafka, topic = application.kafka, application.topics.events
        sources = [KafkaSource(kafka, number, topic) for number in range(kafka.partitions)]
        found = [(source, index_files(kafka, source.address.partition)) for source in sources]
        for source, paths in found:
            check_held(source, paths)
        kept = [str(put_aside(source, path)) for source, paths in found for path in paths]
    if session.json:
        print_json({"reindexed": True, "kept": kept})
    for each in () if session.json else kept:
        write_line(session.text("kept as it was, to be made anew by whoever needs it: {path}", path=each))


def upgrade_log(session: Session) -> None:
    from infra.log.sqlite.upgrade import upgrade

    path = session.settings().log
    if not isinstance(path, Path):
        raise BadOption(reason=pair("only an embedded log is upgraded"))
    found = upgrade(path, session.settings().keys)
    if session.json:
        print_json({"upgraded": found is not None, **(found._asdict() if found is not None else {})})
    elif found is None:
        write_line(session.text("the log has the present form already"))
    else:
        events, answers, kept = found
        write_line(
            session.text(
                "{events} events and {answers} answers were taken over and compared; the old log is kept as {kept}",
                events=events,
                answers=answers,
                kept=kept,
            )
        )


def copy_file(session: Session, to: Path) -> None:
    from infra.log.sqlite.copying import copy_log

    with session.application() as application:
        if not isinstance(application.settings.log, Path):
            raise BadOption(reason=pair("only an embedded log is copied"))
        source = application.read_only_source
        found = copy_log(source, to)
    if session.json:
        print_json(
            {
                "copied": str(to),
                "records": found.number,
                "position": found.position,
                "head": found.head.hex(),
                "identity": found.identity.hex(),
                "keys_copied": False,
            }
        )
        return
    write_line(
        session.text(
            "{records} records up to position {position} were copied to {to} and compared; "
            "the last one's hash is {hash}",
            records=found.number,
            position=found.position,
            to=to,
            hash=found.head.hex(),
        )
    )
    write_line(
        session.text(
            "keys are not copied: keep those in {folder} apart, since without them nobody can write to the copy",
            folder=source.keys.folder.path,
        )
    )
