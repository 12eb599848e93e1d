"""Events to and from the log: the Avro single-object encoding, plugged in as the library's mapper.

The state of a stored event is C3 01, the fingerprint of the schema that wrote it (8 bytes, least significant first) and
the Avro body. Its topic is the event's name alone ("CriterionVerified"), so that no module path is ever in the log.

    InfrastructureError
    ├── ProgramTooOld
    │   ├── UnknownEventType     the log holds an event of a name that this release does not know
    │   └── UnknownSchema        its fingerprint belongs to no schema of that event that this release knows
    ├── UnreadableEvent      its bytes are not what any schema of it says
    └── PlainEventsOnly      a compressor or cipher is set
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from io import BytesIO
from typing import Any, Final, NamedTuple
from uuid import UUID

from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import Cipher, Compressor, Mapper, StoredEvent, Transcoder
from fastavro import schemaless_reader

from domain.council.aggregate import CouncilEvent
from domain.errors import InfrastructureError, ProgramTooOld
from domain.procedure import EVENT_TYPES
from domain.recorded_event import RecordedEvent
from schemas.avro.decoding import Decoder, decoder
from schemas.avro.derivation import RECORDED_AT
from schemas.avro.registry import MARKER, Released, registry

_HEADER_LENGTH: Final = 10
# Looked up once: they are called for every event of a log.
_new: Final = object.__new__
_set: Final = object.__setattr__
_UNREADABLE: Final = (EOFError, IndexError, OverflowError, ValueError)
_NOWHERE: Final = "-"
"""The place of an event that stands in no log."""
_COUNCIL: Final = "domain.council.aggregate:ProvincialCouncil"
_DOSSIER: Final = "domain.dossier.aggregate:Dossier"


class UnknownEventType(ProgramTooOld):
    """An event of a name that this release does not know."""

    code = "UNKNOWN_EVENT_TYPE"


class UnknownSchema(ProgramTooOld):
    """A fingerprint of no released schema of the event."""

    code = "UNKNOWN_SCHEMA"


class UnreadableEvent(InfrastructureError):
    """Bytes that follow no schema of the event."""

    code = "UNREADABLE_EVENT"


class PlainEventsOnly(InfrastructureError):
    """Compression or encryption of single events was asked for."""

    code = "PLAIN_EVENTS_ONLY"


def encode(event: str, record: dict[str, Any]) -> bytes:
    """The single-object encoding of an event's record by the newest schema of the event of that name.

    `record` holds the event's fields, the moment under `recorded_at`; keys that no schema field has are left out. An
    absent or None optional key is null. Raises UnknownEventType; KeyError or TypeError for a record of another shape.
    """
    try:
        newest = registry().newest[event]
    except KeyError:
        raise UnknownEventType(topic=event, place=_NOWHERE) from None
    return newest.header + newest.encode(record)


def decode(topic: str, state: bytes) -> dict[str, Any]:
    """The record of a stored event in the shape of the newest schema: `recorded_at` in UTC, days as `date`.

    Every key of the schema is present, None where nothing was given. Raises UnknownEventType, UnknownSchema and
    UnreadableEvent.
    """
    known = registry()
    newest = known.newest.get(topic)
    if newest is None:
        raise UnknownEventType(topic=topic, place=_NOWHERE)
    header = state[:_HEADER_LENGTH]
    writer = known.by_header.get(header)
    if writer is None and header.startswith(MARKER) and len(header) == _HEADER_LENGTH:
        raise UnknownSchema(topic=topic, header=header.hex(), place=_NOWHERE)
    if writer is None or writer.name != topic:
        # No release writes that.
        reason = f"it begins with {header.hex()!r}"
        raise UnreadableEvent(topic=topic, version=newest.version, reason=reason)
    try:
        return writer.decode(state, _HEADER_LENGTH) if writer is newest else _resolved(writer, newest, state)
    except _UNREADABLE as error:
        raise UnreadableEvent(topic=topic, version=writer.version, reason=str(error)) from error


def decode_event(stored_event: StoredEvent) -> RecordedEvent:
    """The domain event of a stored event, in its newest shape. Raises what `decode` raises.

    Its place is there the dossier's id and the event's version: `<id>/<version>`.
    """
    topic, state = stored_event.topic, stored_event.state
    reader = newest_readers().get(state[:_HEADER_LENGTH])
    if reader is not None and reader[0] == topic:
        _, version, event_type, begins, read = reader
        try:
            record = read(state, _HEADER_LENGTH)
        except _UNREADABLE as error:
            raise UnreadableEvent(topic=topic, version=version, reason=str(error)) from error
    else:
        try:
            record = decode(topic, state)
        except ProgramTooOld as error:
            place = f"{stored_event.originator_id}/{stored_event.originator_version}"
            raise error.at(place=place) from None
        record["timestamp"] = record.pop(RECORDED_AT)
        event_type, begins = EVENT_TYPES[topic], _BEGINNINGS.get(topic)
    originator_id = stored_event.originator_id
    record["originator_id"] = originator_id if originator_id.__class__ is UUID else UUID(str(originator_id))
    record["originator_version"] = stored_event.originator_version
    if begins is not None:
        record["originator_topic"] = begins
    event = _new(event_type)
    # As the library's own mapper does: events are frozen, and were checked when they came to be.
    _set(event, "__dict__", record)
    return event


class _EventReader(NamedTuple):
    """The newest schema of a type of event, read straight into the fields of its class.

    `begins` is the topic of the aggregate that the event begins; None for every later one.
    """

    topic: str
    version: int
    event_type: type[RecordedEvent]
    begins: str | None
    read: Decoder


@cache
def newest_readers() -> Mapping[bytes, _EventReader]:
    """Header of a stored event → its reader: what nearly every event of a log is read by."""
    return {
        newest.header: _EventReader(
            name,
            newest.version,
            EVENT_TYPES[name],
            _BEGINNINGS.get(name),
            decoder(newest.schema, {RECORDED_AT: "timestamp"}),
        )
        for name, newest in registry().newest.items()
    }


def _resolved(writer: Released, newest: Released, state: bytes) -> dict[str, Any]:
    """An event of an older version in the shape of the newest one, by fastavro's schema resolution."""
    body = BytesIO(state)
    body.seek(_HEADER_LENGTH)
    record: dict[str, Any] = schemaless_reader(body, writer.parsed, newest.parsed)  # type: ignore[assignment]
    if body.read(1):
        raise ValueError("bytes follow its end")
    return record


class AvroMapper(Mapper[UUID]):
    """Between domain events and stored events, for `MAPPER_TOPIC=schemas.avro.codec:AvroMapper`."""

    def __init__(
        self,
        transcoder: Transcoder | None = None,
        compressor: Compressor | None = None,
        cipher: Cipher | None = None,
    ) -> None:
        if compressor is not None or cipher is not None:
            raise PlainEventsOnly
        # The library hands its JSON transcoder to every mapper; nothing here uses it.
        self.transcoder = transcoder  # type: ignore[assignment]
        self.compressor = None
        self.cipher = None

    def to_stored_event(self, domain_event: DomainEventProtocol[UUID]) -> StoredEvent:
        """The event as the log keeps it. Raises UnknownEventType."""
        record = dict(vars(domain_event))
        record[RECORDED_AT] = record.pop("timestamp")
        topic = type(domain_event).__name__
        return StoredEvent(
            originator_id=record["originator_id"],
            originator_version=record["originator_version"],
            topic=topic,
            state=encode(topic, record),
        )

    def to_domain_event(self, stored_event: StoredEvent) -> DomainEventProtocol[UUID]:
        """The event as it happened, in its newest shape. Raises what `decode` raises."""
        return decode_event(stored_event)


_BEGINNINGS: Final = {
    name: _COUNCIL if issubclass(event_type, CouncilEvent) else _DOSSIER
    for name, event_type in EVENT_TYPES.items()
    if any(field.name == "originator_topic" for field in fields(event_type))
}
"""The first event of a history → the topic of the aggregate that the library makes from it."""
