"""Indexes of a log on Kafka compared with it, and put aside where they differ: whoever needs one makes it anew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from infra.errors import LogUnusable
from infra.log.errors import IndexInUse, IndexUnusable, LogChanged
from infra.log.index_comparison import IndexDifference, fill_anew, first_difference
from infra.log.index_file import open_index
from infra.log.kafka.source import KafkaSource
from infra.log.last_rows import mark_of


@contextmanager
def made_anew(source: KafkaSource) -> Iterator[tuple[Path, LogUnusable | None]]:
    """An index of a partition that is made from the log alone, in a file that is gone afterwards.

    With it comes the error for an accepted record that cannot be used. Raises LogUnusable.
    """
    folder = source.settings.index_dir
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="doctor-", dir=folder) as made:
        own = KafkaSource(replace(source.settings, index_dir=Path(made)), source.address.partition, source.topic)
        client, index = own.open()
        with closing(client), closing(index):
            wrong_record = fill_anew(own.address, client, index)
        yield own.index_path, wrong_record


def log_changed(source: KafkaSource, path: Path, difference: IndexDifference) -> LogChanged | None:
    """The error where it is the log that lacks what an index had read; None where the index alone is wrong."""
    if difference.gone is None:
        return None
    reason = f"record {difference.gone}, which had been read, is not in it"
    return LogChanged(log=source.address.name, reason=reason, index=str(path))


def check_held(source: KafkaSource, paths: Sequence[Path]) -> None:
    """Raises LogChanged where one of these indexes had read what the log does not hold: it may be the last copy."""
    with made_anew(source) as (made, _):
        for path in paths:
            try:
                difference = first_difference(path, made)
            except IndexUnusable:
                # Nothing can be had back from a file that cannot be read; it is kept all the same.
                continue
            changed = log_changed(source, path, difference) if difference is not None else None
            if changed is not None:
                raise changed


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
