"""A decision as a Kafka record: CloudEvents 1.0 in the Kafka binary binding, its key the unit's id.

The value is an Avro single object (C3 01, fingerprint, body) whose schema stands in the topic of schemas, or, with a
schema registry, what Confluent's clients read (00, the registry's id, body).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from consumers.cloudevents import DecisionSerializer
from consumers.publisher_ports import StreamTail
from projections.public_decisions.read_model import FeedPosition
from projections.public_decisions.tables import PublicDecision
from schemas.public_decision import newest, single_object

CONTENT_TYPE: Final = "application/avro"
_PREFIX: Final = "ce_"
_MAGIC: Final = b"\x00"


class ValueEncoding(Protocol):
    """How a decision becomes bytes."""

    data_schema: str
    """Where its schema is, for the CloudEvents attribute `dataschema`."""

    def encode(self, record: PublicDecision) -> bytes:
        """The value of a record."""


class FingerprintEncoding:
    """The Avro single-object encoding; the schema is found by its fingerprint."""

    def __init__(self) -> None:
        self.data_schema = f"urn:avro:crc64:{newest().fingerprint.hex()}"

    def encode(self, record: PublicDecision) -> bytes:
        """C3 01, the fingerprint, the body."""
        return single_object(record)


class RegistryEncoding:
    """The wire format of Confluent's clients; the schema is found by the registry's number for it."""

    def __init__(self, schema_id: int, data_schema: str) -> None:
        self.data_schema = data_schema
        self._head = _MAGIC + schema_id.to_bytes(4, "big")

    def encode(self, record: PublicDecision) -> bytes:
        """00, four bytes of the number, the body."""
        return self._head + newest().encode(record)


@dataclass(frozen=True, slots=True)
class OutgoingRecord:
    """What is sent."""

    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


def record_of(
    serializer: DecisionSerializer, encoding: ValueEncoding, place: FeedPosition, decision: PublicDecision, **more: str
) -> OutgoingRecord:
    """The record of a decision; `more` are further CloudEvents attributes."""
    attributes = serializer.attributes(
        decision,
        dataschema=encoding.data_schema,
        logid=decision["log"]["log_id"],
        logposition=f"{place.position}.{place.ordinal}",
        **more,
    )
    headers = [("content-type", CONTENT_TYPE.encode())]
    headers += [(_PREFIX + name, value.encode()) for name, value in attributes.items()]
    return OutgoingRecord(decision["unit"]["id"].encode(), encoding.encode(decision), headers)


def tail_of(headers: Iterable[tuple[str, Any]] | None) -> StreamTail | None:
    """Where a record stems from; None for a record that is not ours."""
    found: Mapping[str, bytes] = dict(headers or ())
    try:
        position, _, ordinal = found["ce_logposition"].decode().partition(".")
        return StreamTail(
            found["ce_logid"].decode(), FeedPosition(int(position), int(ordinal)), found["ce_id"].decode()
        )
    except (KeyError, ValueError, AttributeError):
        return None
