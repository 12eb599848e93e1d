"""What a partition's client knows between two steps: its producer, its leader, and a request that is on its way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple


@dataclass(slots=True)
class Producer:
    """An idempotent producer: the broker takes each sequence number once."""

    id: int
    epoch: int
    sequence: int = 0


class Leader(NamedTuple):
    """The broker that leads the partition, and the number of its election."""

    node: int
    epoch: int


class SentRequest(NamedTuple):
    """A request on its way, of a kind that is waited for by itself."""

    future: Any
    kind: str
