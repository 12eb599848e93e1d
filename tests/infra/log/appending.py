"""A process that appends and notes what was acknowledged: `BOOTSTRAP APP INDEX ACKNOWLEDGED COUNT SHARED_ID`.

A line "position originator version" is written for each append once it is acknowledged. With a SHARED_ID that is not
empty all processes append to that one dossier: whoever loses a race takes the next version.
"""

from __future__ import annotations

import sys
from pathlib import Path
from uuid import UUID, uuid4

from eventsourcing.persistence import IntegrityError, StoredEvent

from infra.kafka.settings import KafkaSettings
from infra.log.kafka.source import close_partition, open_partition
from infra.log.recorder import LogApplicationRecorder


def main() -> None:
    """See the module."""
    bootstrap, app, index, acknowledged, count, shared = sys.argv[1:]
    folder = Path(index)
    settings = KafkaSettings(bootstrap, app, index_dir=folder, own_keys_dir=folder.parent / "keys")
    opened = open_partition(settings, 0)
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
    close_partition(opened)


if __name__ == "__main__":
    main()
