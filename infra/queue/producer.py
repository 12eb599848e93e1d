"""Records to a topic of the queue, together and durably."""

from __future__ import annotations

from collections.abc import Sequence

from infra.kafka.client import KafkaPartitionClient
from infra.kafka.errors import KafkaUnreachable
from infra.retry import Retry
from infra.timeouts import Timeout


def send_durably(client: KafkaPartitionClient, records: Sequence[tuple[bytes | None, bytes]], name: str) -> int:
    """Append keys and values together, at least once; the offset of the first one of the copy that was acknowledged.

    Raises KafkaUnreachable after a minute, and what cannot be mended by another try.
    """
    for _ in Retry(Timeout.SEND):
        offset = client.send_all(records).result()
        if offset is not None:
            return offset
    raise KafkaUnreachable(log=name, reason="the brokers did not acknowledge in time")
