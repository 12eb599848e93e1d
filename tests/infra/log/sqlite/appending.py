"""A process that appends to an embedded log: `PATH ACKNOWLEDGED COUNT SHARED_ID`. See `tests.support.appending`."""

from __future__ import annotations

import sys
from pathlib import Path

from infra.log.partition_handle import PartitionHandle
from infra.log.recorder import LogApplicationRecorder
from infra.log.sqlite.source import SQLiteSource
from tests.support.appending import append_and_note


def main() -> None:
    """See the module."""
    path, acknowledged, count, shared = sys.argv[1:]
    opened = PartitionHandle(SQLiteSource(Path(path)))
    append_and_note(LogApplicationRecorder(opened), Path(acknowledged), int(count), shared)
    opened.close()


if __name__ == "__main__":
    main()
