"""Indexes of a log on Kafka put aside, where somebody has changed their rows: whoever needs one makes it anew."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from infra.errors import LogUnusable
from infra.log.errors import IndexInUse
from infra.log.index_file import open_index
from infra.log.kafka.source import KafkaSource
from infra.log.last_rows import mark_of


def put_aside(source: KafkaSource, path: Path) -> Path:
    """Give an index of a partition another name, which is returned: it may be the last copy of what is missing.

    Raises IndexInUse, LogUnusable.
    """
    try:
        open_index(path, source.address.app, source.topic.identity, source.address.partition).close()
    except IndexInUse:
        raise
    except LogUnusable:
        # Of whatever is wrong with it, nothing keeps it from being put aside.
        pass
    kept = path.with_name(f"{path.name}.{datetime.now(UTC):%Y%m%dT%H%M%S}.kept")
    try:
        path.rename(kept)
        mark_of(path).unlink(missing_ok=True)
        for rest in ("-wal", "-shm"):
            with suppress(FileNotFoundError):
                path.with_name(path.name + rest).rename(kept.with_name(kept.name + rest))
    except OSError as error:
        raise LogUnusable(log=str(path), reason=error.strerror or str(error)) from error
    return kept
