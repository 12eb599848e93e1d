"""The JSON Schemas of the commands, `commands/<CommandName>.json`, each made self-contained."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

_TYPES: Final = "types.json"
_SHARED: Final = f"{_TYPES}#/$defs/"
_LOCAL: Final = "#/$defs/"


@cache
def command_schemas() -> Mapping[str, dict[str, Any]]:
    """Command name → its JSON Schema (2020-12) of the whole envelope, with every shared shape under `$defs`."""
    folder = files("schemas") / "commands"
    shared = json.loads((folder / _TYPES).read_text(encoding="utf-8"))["$defs"]
    return MappingProxyType(
        {
            file.name.removesuffix(".json"): _bundled(json.loads(file.read_text(encoding="utf-8")), shared)
            for file in sorted(folder.iterdir(), key=lambda file: file.name)
            if file.name != _TYPES
        }
    )


def example(name: str) -> dict[str, Any]:
    """A valid command of that name; a new dict each time. Raises KeyError for an unknown name."""
    found: dict[str, Any] = json.loads(json.dumps(command_schemas()[name]["examples"][0]))
    return found


def definition(reference: str) -> str:
    """The name of the shared shape that a `$ref` of a bundled schema means."""
    return reference.removeprefix(_LOCAL)


def _bundled(schema: dict[str, Any], shared: Mapping[str, Any]) -> dict[str, Any]:
    wanted: dict[str, Any] = {}
    open_ends = list(_references(schema))
    while open_ends:
        name = open_ends.pop().rpartition("/")[2]
        if name not in wanted:
            wanted[name] = shared[name]
            open_ends.extend(_references(shared[name]))
    local = _localised(schema)
    bundled: dict[str, Any] = {**local, "$defs": {name: wanted[name] for name in sorted(wanted)}}
    return bundled


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield schema["$ref"]
        for inner in schema.values():
            yield from _references(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _references(inner)


def _localised(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {
            key: value.replace(_SHARED, _LOCAL) if key == "$ref" else _localised(value) for key, value in schema.items()
        }
    if isinstance(schema, list):
        return [_localised(inner) for inner in schema]
    return schema
