"""The Avro schema of an event type, derived from its type hints.

    str, bool, int      string, boolean, long
    date, datetime      int of logical type date, long of logical type timestamp-micros (UTC)
    list[X], dict[str, X]   array, map
    X | None            union of null and X, default null
    a TypedDict         a record named after it in the namespace `dossier`, written out where it first occurs

The hint decides whether a value must be there, also in a TypedDict with total=False: `X | None` may be absent or None
and is null in Avro; any other key must have its value in every event (it may be absent from a command only, and then
the domain refuses the command by the name of the missing part).

An event's id, version and topic are the log's, not its record's; `timestamp` is stored as `recorded_at`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import date, datetime
from types import NoneType, UnionType
from typing import Any, Final, TypeAlias, Union, get_args, get_origin, get_type_hints, is_typeddict

from domain.procedure import EVENT_TYPES
from domain.recorded_event import RecordedEvent
from domain.shapes import DecimalText

Schema: TypeAlias = dict[str, Any]

NAMESPACE: Final = "dossier"
RECORDED_AT: Final = "recorded_at"
HELD_BY_THE_LOG: Final = frozenset({"originator_id", "originator_version", "originator_topic"})

_PRIMITIVES: Final[Mapping[object, str | Schema]] = {
    str: "string",
    DecimalText: "string",
    bool: "boolean",
    int: "long",
    date: {"type": "int", "logicalType": "date"},
    datetime: {"type": "long", "logicalType": "timestamp-micros"},
}


def derive(event: str) -> Schema:
    """The Avro record schema of the event type of that name, as its hints are now. Raises TypeError for other hints."""
    event_type = EVENT_TYPES[event]
    return _record(event, _hints_of(event_type), set())


def _hints_of(event_type: type[RecordedEvent]) -> dict[str, Any]:
    hints = get_type_hints(event_type)
    return {
        RECORDED_AT if field.name == "timestamp" else field.name: hints[field.name]
        for field in fields(event_type)
        if field.name not in HELD_BY_THE_LOG
    }


def _record(name: str, hints: Mapping[str, Any], written_out: set[str]) -> Schema:
    return {
        "type": "record",
        "name": name,
        "namespace": NAMESPACE,
        "fields": [_field(key, hint, written_out) for key, hint in hints.items()],
    }


def _field(name: str, hint: Any, written_out: set[str]) -> Schema:
    field: Schema = {"name": name, "type": _type(hint, written_out)}
    if _optional(hint):
        field["default"] = None
    return field


def _type(hint: Any, written_out: set[str]) -> Any:
    if hint in _PRIMITIVES:
        return _PRIMITIVES[hint]
    arguments = get_args(hint)
    if _optional(hint):
        (inner,) = (argument for argument in arguments if argument is not NoneType)
        return ["null", _type(inner, written_out)]
    if get_origin(hint) is list:
        return {"type": "array", "items": _type(arguments[0], written_out)}
    if get_origin(hint) is dict and arguments[0] is str:
        return {"type": "map", "values": _type(arguments[1], written_out)}
    if is_typeddict(hint):
        return _named(hint, written_out)
    raise TypeError(f"no Avro type for {hint!r}")


def _optional(hint: Any) -> bool:
    arguments = get_args(hint)
    return get_origin(hint) in (Union, UnionType) and len(arguments) == 2 and NoneType in arguments  # noqa: PLR2004


def _named(hint: Any, written_out: set[str]) -> str | Schema:
    # Avro defines a name once; after that the name alone stands for it.
    if hint.__name__ in written_out:
        return f"{NAMESPACE}.{hint.__name__}"
    written_out.add(hint.__name__)
    return _record(hint.__name__, get_type_hints(hint), written_out)
