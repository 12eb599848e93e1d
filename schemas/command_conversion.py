"""From JSON values to the domain's: days become `datetime.date`, a percentage's comma a point. Made from the schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, TypeAlias

from schemas.command_schemas import definition

Convert: TypeAlias = Callable[[Any], Any]


def converter(schema: Mapping[str, Any], shared: Mapping[str, Any]) -> Convert | None:
    """What changes a valid value of `schema` in place and returns it; None where nothing in it is to be changed.

    Raises TypeError for a schema whose branches would change a value in different ways.
    """
    found = [convert for convert in _converters(schema, shared) if convert is not None]
    if len(found) > 1:
        raise TypeError(f"more than one way to convert {schema!r}")
    return found[0] if found else None


def _converters(schema: Mapping[str, Any], shared: Mapping[str, Any]) -> list[Convert | None]:
    if schema.get("format") == "date":
        return [date.fromisoformat]
    found: list[Convert | None] = []
    if "$ref" in schema:
        name = definition(schema["$ref"])
        found.append(_point if name == "Percent" else converter(shared[name], shared))
    found.extend(converter(branch, shared) for key in ("anyOf", "allOf") for branch in schema.get(key, ()))
    if "items" in schema:
        found.append(_list(converter(schema["items"], shared)))
    if isinstance(schema.get("additionalProperties"), dict):
        found.append(_map(converter(schema["additionalProperties"], shared)))
    if "properties" in schema:
        found.append(_object({key: converter(inner, shared) for key, inner in schema["properties"].items()}))
    return found


def _point(percent: str) -> str:
    return percent.replace(",", ".")


def _list(convert: Convert | None) -> Convert | None:
    if convert is None:
        return None

    def convert_list(values: list[Any]) -> list[Any]:
        return [convert(value) for value in values]

    return convert_list


def _map(convert: Convert | None) -> Convert | None:
    if convert is None:
        return None

    def convert_map(values: dict[str, Any]) -> dict[str, Any]:
        for key, value in values.items():
            values[key] = convert(value)
        return values

    return convert_map


def _object(converters: Mapping[str, Convert | None]) -> Convert | None:
    changed = [(key, convert) for key, convert in converters.items() if convert is not None]
    if not changed:
        return None

    def convert_object(value: dict[str, Any]) -> dict[str, Any]:
        for key, convert in changed:
            given = value.get(key)
            if given is not None:
                value[key] = convert(given)
        return value

    return convert_object
