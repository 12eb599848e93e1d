"""What putting a backup back has in common on both tapes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from infra.backup.errors import RestoreOtherLog, RestoreOtherShape
from infra.backup.manifest import Manifest


class Restored(NamedTuple):
    """What was done: records that were written to each partition, and how many there bear another moment than before.

    `commands`: the id of the queue's topic on a log on Kafka, which the restored log does not know yet where the last
    handled commands stood in another.
    """

    added: Sequence[int]
    moments: int
    commands: UUID | None = None


def check_shape(manifest: Manifest, target: str, app: str, partitions: int) -> None:
    """Raises RestoreOtherShape: name and number of partitions are part of every signature of the log."""
    if (manifest.app, len(manifest.partitions)) != (app, partitions):
        raise RestoreOtherShape(
            target=target, app=manifest.app, partitions=len(manifest.partitions), other=app, others=partitions
        )


def check_identity(manifest: Manifest, target: str, identity: bytes | None) -> None:
    """Raises RestoreOtherLog where the settings or the keys at the target name another log."""
    if identity is not None and identity.hex() != manifest.identity:
        raise RestoreOtherLog(target=target, backup=manifest.identity, expected=identity.hex())
