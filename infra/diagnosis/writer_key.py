"""Whether this host could append the next record: nobody should learn that by a fact that cannot be recorded."""

from __future__ import annotations

from contextlib import closing

from infra.diagnosis.report import Report
from infra.errors import LogUnusable
from infra.log.acceptance import ChainState
from infra.log.errors import KeyMissing, WriterNotRegistered
from infra.log.partition_knowledge import check_open
from infra.log.partition_source import PartitionSource


def _tape(source: PartitionSource) -> str:
    with closing(source.follower()) as client:
        return client.tape


def look_at_writer_key(report: Report, source: PartitionSource, state: ChainState) -> None:
    """Whether the log is open here, and this host's key an active one. A host without keys of its own only reads."""
    try:
        check_open(source.address.name, state, lambda: _tape(source))
    except LogUnusable as error:
        report.add(error)
        return
    keys = source.keys
    if not keys.folder.is_own():
        return
    with report.taking():
        try:
            own = keys.folder.writer()
        except KeyMissing:
            if keys.makes_own:
                raise
            return
        if state.keys is not None and own.key_id not in state.keys.writers:
            raise WriterNotRegistered(key=own.public.hex(), log=source.address.name)
