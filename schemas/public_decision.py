"""The public decision: its released schema, how a record is written and read, and an example of each kind."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

from schemas.avro.derivation import Schema
from schemas.avro.registry import Released, registry

NAME: Final = "Decision"
_HEADER_LENGTH: Final = 10


def newest() -> Released:
    """The newest version of the schema of public decisions."""
    return registry("public").newest[NAME]


def single_object(record: Mapping[str, Any]) -> bytes:
    """A decision as an Avro single object: C3 01, the schema's fingerprint, the body."""
    schema = newest()
    return schema.header + schema.encode(record)


def decoded(value: bytes) -> dict[str, Any]:
    """The record in an Avro single object, as its writer's schema has it. KeyError for an unknown fingerprint."""
    return registry("public").by_header[value[:_HEADER_LENGTH]].decode(value, _HEADER_LENGTH)


@cache
def examples() -> Mapping[str, dict[str, Any]]:
    """Kind → an example of a decision, as JSON has it."""
    found = {}
    for file in (files("schemas") / "public" / "examples").iterdir():
        found[file.name.removesuffix(".json")] = json.loads(file.read_text(encoding="utf-8"))
    return MappingProxyType(found)


def example(kind: str) -> dict[str, Any]:
    """An example of a decision as a record: days as `date`, moments in UTC. KeyError for an unknown kind."""
    record: dict[str, Any] = from_json(newest().schema, examples()[kind])
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
