"""A sample of a record of any of our schemas, the same each time: what golden bytes are made of."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, Final

from schemas.avro.derivation import NAMESPACE, Schema

_SAMPLES: Final[dict[str, Any]] = {
    "string": "Xã Tú Lệ",
    "boolean": True,
    "long": 2024,
    "date": date(2024, 7, 3),
    "timestamp-micros": datetime(2024, 7, 3, 2, 30, 15, 123456, tzinfo=UTC),
}


def sample_of(schema: Schema) -> dict[str, Any]:
    """A record of a schema with every optional value given."""
    record: dict[str, Any] = _sample(schema, {})
    return record


def _sample(schema: Any, named: dict[str, Schema]) -> Any:
    if isinstance(schema, list):
        return _sample(schema[-1], named)
    if isinstance(schema, str):
        return _sample(named[schema], named) if schema in named else _SAMPLES[schema]
    match schema["type"]:
        case "record":
            named[f"{NAMESPACE}.{schema['name']}"] = schema
            return {field["name"]: _sample(field["type"], named) for field in schema["fields"]}
        case "array":
            return [_sample(schema["items"], named), _sample(schema["items"], named)]
        case "map":
            return {"I.1": _sample(schema["values"], named)}
        case _:
            return _SAMPLES[schema["logicalType"]]
