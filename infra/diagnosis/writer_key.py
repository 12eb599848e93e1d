"""Whether this host's key could sign the next record: nobody should learn that by a fact that cannot be recorded."""

from __future__ import annotations

from infra.diagnosis.report import Report
from infra.log.acceptance import ChainState
from infra.log.errors import KeyMissing, WriterNotRegistered
from infra.log.partition_source import PartitionSource


def look_at_writer_key(report: Report, source: PartitionSource, state: ChainState) -> None:
    """A host without keys of its own only reads, and needs none."""
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
