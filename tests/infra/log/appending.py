"""A process that appends to a log on Kafka: `BOOTSTRAP APP INDEX ACKNOWLEDGED COUNT SHARED_ID`.

See `tests.support.appending`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from infra.kafka.settings import KafkaSettings
from infra.log.kafka.source import close_partition, open_partition
from infra.log.recorder import LogApplicationRecorder
from tests.support.appending import append_and_note


def main() -> None:
    """See the module."""
    bootstrap, app, index, acknowledged, count, shared = sys.argv[1:]
    folder = Path(index)
    settings = KafkaSettings(bootstrap, app, index_dir=folder, own_keys_dir=folder.parent / "keys")
    opened = open_partition(settings, 0)
    append_and_note(LogApplicationRecorder(opened), Path(acknowledged), int(count), shared)
    close_partition(opened)


if __name__ == "__main__":
    main()
