"""Whether events of one schema can be read by another, as Avro's schema resolution says, for the types that we use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from schemas.avro.derivation import NAMESPACE, Schema


def obstacles(reader: Schema, writer: Schema) -> list[str]:
    """Why `reader` cannot read what `writer` wrote: one text for each place; empty when it can."""
    return list(_Comparison(reader, writer).at(reader, writer, reader["name"]))


class _Comparison:
    def __init__(self, reader: Schema, writer: Schema) -> None:
        self._readers = dict(_named(reader))
        self._writers = dict(_named(writer))
        self._compared: set[str] = set()

    def at(self, reader: Any, writer: Any, path: str) -> Iterator[str]:
        reader = self._readers.get(reader, reader) if isinstance(reader, str) else reader
        writer = self._writers.get(writer, writer) if isinstance(writer, str) else writer
        if isinstance(reader, list) or isinstance(writer, list):
            yield from self._unions(reader, writer, path)
        elif isinstance(reader, str) or isinstance(writer, str) or "logicalType" in {*reader, *writer}:
            if reader != writer:
                yield f"{path}: {_said(writer)} became {_said(reader)}"
        elif reader["type"] != writer["type"]:
            yield f"{path}: {_said(writer)} became {_said(reader)}"
        elif reader["type"] == "record":
            yield from self._records(reader, writer, path)
        else:
            inner = "items" if reader["type"] == "array" else "values"
            yield from self.at(reader[inner], writer[inner], f"{path}[]")

    def _unions(self, reader: Any, writer: Any, path: str) -> Iterator[str]:
        if not isinstance(reader, list):
            yield f"{path}: was nullable and must now be there"
            return
        branches = writer if isinstance(writer, list) else [writer]
        yield from self.at(reader[1], branches[-1], path)

    def _records(self, reader: Schema, writer: Schema, path: str) -> Iterator[str]:
        if reader["name"] != writer["name"]:
            yield f"{path}: record {writer['name']} became {reader['name']}"
            return
        if reader["name"] in self._compared:
            return
        self._compared.add(reader["name"])
        written = {field["name"]: field for field in writer["fields"]}
        for field in reader["fields"]:
            below = f"{path}.{field['name']}"
            if field["name"] in written:
                yield from self.at(field["type"], written[field["name"]]["type"], below)
            elif "default" not in field:
                yield f"{below}: added without a default (make it `X | None`)"
        for name in written.keys() - {field["name"] for field in reader["fields"]}:
            yield f"{path}.{name}: removed, and what was recorded under it would no longer be read"


def _named(schema: Any) -> Iterator[tuple[str, Schema]]:
    if isinstance(schema, list):
        for branch in schema:
            yield from _named(branch)
    elif isinstance(schema, dict):
        if schema["type"] == "record":
            yield f"{NAMESPACE}.{schema['name']}", schema
            for field in schema["fields"]:
                yield from _named(field["type"])
        else:
            yield from _named(schema.get("items", schema.get("values")))


def _said(schema: Any) -> str:
    if isinstance(schema, dict):
        return str(schema.get("logicalType", schema.get("name", schema["type"])))
    return str(schema)
