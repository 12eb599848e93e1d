"""A process that appends to an embedded log: `PATH ACKNOWLEDGED COUNT SHARED_ID`. See `tests.infra.log.appending`."""

from __future__ import annotations

import sys
from pathlib import Path
from uuid import UUID, uuid4

from eventsourcing.persistence import IntegrityError, StoredEvent

from infra.log.partition_handle import PartitionHandle
from infra.log.recorder import LogApplicationRecorder
from infra.log.sqlite.source import SQLiteSource


def main() -> None:
    """See the module."""
    path, acknowledged, count, shared = sys.argv[1:]
    opened = PartitionHandle(SQLiteSource(Path(path)))
    recorder = LogApplicationRecorder(opened)
    with Path(acknowledged).open("a", encoding="ascii", buffering=1) as file:
        for _ in range(int(count)):
            originator_id = UUID(shared) if shared else uuid4()
            while True:
                last = recorder.select_events(originator_id, desc=True, limit=1)
                version = last[0].originator_version + 1 if last else 1
                try:
                    (position,) = recorder.insert_events(  # type: ignore[misc]
                        [StoredEvent(originator_id, version, "Happened", b"state")]
                    )
                except IntegrityError:
                    continue
                break
            file.write(f"{position} {originator_id.hex} {version}\n")
    opened.close()


if __name__ == "__main__":
    main()
