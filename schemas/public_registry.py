"""The public schema of decisions: its released versions, the newest one's writer, and examples of each kind."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from importlib.resources import files
from io import BytesIO
from types import MappingProxyType
from typing import Any, Final

from fastavro import parse_schema, schemaless_reader

from schemas.avro.derivation import Schema
from schemas.avro.encoding import encoder
from schemas.avro.registry import MARKER, fingerprint

NAME: Final = "Decision"


@dataclass(frozen=True, slots=True)
class PublicSchema:
    """One released version. `fingerprint` is its CRC-64-AVRO, 8 bytes, least significant first.

    `encode` writes the Avro body of a record, without any header.
    """

    version: int
    schema: Schema
    text: str
    parsed: Any
    fingerprint: bytes
    encode: Callable[[Mapping[str, Any]], bytes]


@dataclass(frozen=True, slots=True)
class Published:
    """All released versions, by fingerprint, and the newest."""

    by_fingerprint: Mapping[bytes, PublicSchema]
    newest: PublicSchema


@cache
def published() -> Published:
    """The released versions of the schema of public decisions, read once."""
    found = []
    for file in (files("schemas") / "public" / "released").iterdir():
        if file.name.startswith(f"{NAME}.v") and file.name.endswith(".avsc"):
            schema = json.loads(file.read_text(encoding="utf-8"))
            found.append(
                PublicSchema(
                    version=int(file.name.split(".")[1][1:]),
                    schema=schema,
                    text=json.dumps(schema, ensure_ascii=False, separators=(",", ":")),
                    parsed=parse_schema(schema),
                    fingerprint=fingerprint(schema),
                    encode=encoder(schema),
                )
            )
    found.sort(key=lambda version: version.version)
    return Published(MappingProxyType({version.fingerprint: version for version in found}), found[-1])


def single_object(record: Mapping[str, Any]) -> bytes:
    """A decision as an Avro single object: C3 01, the schema's fingerprint, the body."""
    newest = published().newest
    return MARKER + newest.fingerprint + newest.encode(record)


def decoded(value: bytes) -> dict[str, Any]:
    """The record in an Avro single object, as its writer's schema has it. KeyError for an unknown fingerprint."""
    schema = published().by_fingerprint[value[2:10]]
    record: dict[str, Any] = schemaless_reader(BytesIO(value[10:]), schema.parsed, None)  # type: ignore[assignment]
    return record


@cache
def examples() -> Mapping[str, dict[str, Any]]:
    """Kind → an example of a decision, as JSON has it."""
    found = {}
    for file in (files("schemas") / "public" / "examples").iterdir():
        found[file.name.removesuffix(".json")] = json.loads(file.read_text(encoding="utf-8"))
    return MappingProxyType(found)


def example(kind: str) -> dict[str, Any]:
    """An example of a decision as a record: days as `date`, moments in UTC. KeyError for an unknown kind."""
    record: dict[str, Any] = from_json(published().newest.schema, examples()[kind])
    return record


def from_json(schema: Schema, value: Any) -> Any:
    """A JSON value as the schema means it: ISO days and moments become `date` and `datetime`; absent keys None."""
    return _from_json(schema, value, dict(_records(schema)))


def _from_json(schema: Any, value: Any, named: Mapping[str, Schema]) -> Any:
    # Our unions are "null or X".
    schema = schema[1] if isinstance(schema, list) else schema
    schema = named.get(schema, {"type": schema}) if isinstance(schema, str) else schema
    match None if value is None else schema.get("logicalType", schema["type"]):
        case "record":
            fields = schema["fields"]
            return {field["name"]: _from_json(field["type"], value.get(field["name"]), named) for field in fields}
        case "array":
            return [_from_json(schema["items"], item, named) for item in value]
        case "date":
            return date.fromisoformat(value)
        case "timestamp-micros":
            return datetime.fromisoformat(value).astimezone(UTC)
        case _:
            return value


def _records(schema: Any) -> Iterator[tuple[str, Schema]]:
    """Full name → schema of every record in a schema."""
    if isinstance(schema, list):
        yield from _records(schema[-1])
    elif isinstance(schema, dict) and schema["type"] == "record":
        yield f"{schema['namespace']}.{schema['name']}", schema
        for field in schema["fields"]:
            yield from _records(field["type"])
    elif isinstance(schema, dict):
        yield from _records(schema.get("items"))
