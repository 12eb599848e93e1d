"""`dossier log reindex`: make the indexes of this machine anew from the records."""

# ruff: noqa: PLC0415  # what reads a log is needed only once it is asked

from __future__ import annotations

from pathlib import Path

from infra.cli.support.reporting import print_json, tell_done
from infra.cli.support.session import Session
from infra.terminal.output import write_line


def remake_indexes(session: Session) -> None:
    """That of an embedded log at once; those of a log on Kafka are put aside, and made by whoever needs them."""
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
    """The next one who needs an index makes it anew."""
    from infra.log.kafka.index_paths import index_files
    from infra.log.kafka.renewal import put_aside
    from infra.log.kafka.source import KafkaSource

    with session.application() as application:
        kafka, topic = application.kafka, application.topics.events
        kept = [
            str(put_aside(KafkaSource(kafka, number, topic), path))
            for number in range(kafka.partitions)
            for path in index_files(kafka, number)
        ]
    if session.json:
        print_json({"reindexed": True, "kept": kept})
    for each in () if session.json else kept:
        write_line(session.text("kept as it was, to be made anew by whoever needs it: {path}", path=each))
