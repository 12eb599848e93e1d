"""Hypothesis strategies of event records, made from their Avro schemas."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime
from io import BytesIO
from typing import Any
from uuid import UUID

from fastavro import parse_schema, schemaless_reader
from hypothesis import strategies as st

from domain.procedure import EVENT_TYPES
from domain.recorded_event import RecordedEvent
from schemas.avro.derivation import NAMESPACE

_PRIMITIVES: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(st.characters(codec="utf-8"), max_size=20),
    "boolean": st.booleans(),
    "long": st.integers(-(2**63), 2**63 - 1) | st.integers(-200, 200),
    "date": st.dates(),
    "timestamp-micros": st.datetimes(datetime(1970, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - bounds are naive
}


def records(schema: Any, named: dict[str, st.SearchStrategy[Any]] | None = None) -> st.SearchStrategy[Any]:
    """Values of an Avro schema, every optional key present and sometimes None."""
    named = {} if named is None else named
    if isinstance(schema, list):
        return st.none() | records(schema[1], named)
    if isinstance(schema, str):
        return named[schema] if schema in named else _PRIMITIVES[schema]
    if schema["type"] == "record":
        fields = {field["name"]: records(field["type"], named) for field in schema["fields"]}
        record = st.fixed_dictionaries(fields)
        named[f"{NAMESPACE}.{schema['name']}"] = record
        return record
    if schema["type"] == "array":
        return st.lists(records(schema["items"], named), max_size=3)
    if schema["type"] == "map":
        return st.dictionaries(_PRIMITIVES["string"], records(schema["values"], named), max_size=3)
    return _PRIMITIVES[schema["logicalType"]]


def event_of(name: str, record: dict[str, Any]) -> RecordedEvent:
    """The domain event that a record describes, as version 7 of some dossier."""
    topics = {"CouncilEstablished": "domain.council.aggregate:ProvincialCouncil"}
    begins = name in ("DossierOpened", "EarlierRecognitionRecorded", "CouncilEstablished")
    fields = {key: value for key, value in record.items() if key != "recorded_at"}
    if begins:
        fields["originator_topic"] = topics.get(name, "domain.dossier.aggregate:Dossier")
    return EVENT_TYPES[name](
        originator_id=UUID("a1b2c3d4-e5f6-8a9b-8c0d-1e2f3a4b5c6d"),
        originator_version=7,
        timestamp=record["recorded_at"],
        **fields,
    )


def plain(record: Any) -> Any:
    """A record as its golden JSON holds it: days and moments as ISO 8601 text."""
    if isinstance(record, dict):
        return {key: plain(value) for key, value in record.items()}
    if isinstance(record, list):
        return [plain(value) for value in record]
    return record.isoformat() if isinstance(record, date) else record


def by_fastavro(schema: Any, body: bytes) -> Any:
    """What fastavro reads; None where it refuses, or leaves bytes unread."""
    stream = BytesIO(body)
    # It refuses damage with errors of many kinds.
    with suppress(Exception):
        record = schemaless_reader(stream, parse_schema(schema), None)
        if not stream.read(1):
            return record
    return None
