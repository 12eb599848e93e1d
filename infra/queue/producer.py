"""Records to a topic of the queue, together and durably."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from infra.kafka.client import KafkaPartitionClient
from infra.kafka.errors import KafkaUnreachable

_GIVE_UP: Final = 60.0
_PAUSE: Final = 0.1


def send_durably(tape: KafkaPartitionClient, records: Sequence[tuple[bytes | None, bytes]], name: str) -> int:
    """Append keys and values together, at least once; the offset of the first one of the copy that was acknowledged.

    Raises KafkaUnreachable after a minute, and what cannot be mended by another try.
    """
    deadline = time.monotonic() + _GIVE_UP
    while True:
        offset = tape.send_all(records).result()
        if offset is not None:
            return offset
        if time.monotonic() > deadline:
            raise KafkaUnreachable(log=name, reason="the brokers did not acknowledge in time")
        time.sleep(_PAUSE)
