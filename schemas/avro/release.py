"""`python -m schemas.avro.release`: release a new schema version of every event type that has changed.

For each event whose derived schema differs from the newest released one it writes `schemas/events/<Event>.v<N>.avsc`
and golden bytes of that version with what they say, `tests/schemas/golden/<Event>.v<N>.{bin,json}`. It never changes a
file that exists, and writes none at all when a change would make a fact already recorded unreadable.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

from domain.errors import InfrastructureError
from domain.procedure import EVENT_TYPES
from schemas.avro.compatibility import obstacles
from schemas.avro.derivation import NAMESPACE, Schema, derive
from schemas.avro.encoding import encoder
from schemas.avro.registry import MARKER, Released, fingerprint, released_versions

_ROOT: Final = Path(__file__).parents[2]
EVENTS: Final = _ROOT / "schemas" / "events"
GOLDEN: Final = _ROOT / "tests" / "schemas" / "golden"

_SAMPLES: Final[dict[str, Any]] = {
    "string": "Xã Tú Lệ",
    "boolean": True,
    "long": 2024,
    "date": date(2024, 7, 3),
    "timestamp-micros": datetime(2024, 7, 3, 2, 30, 15, 123456, tzinfo=UTC),
}


class IncompatibleSchema(InfrastructureError):
    """A change of an event type after which recorded facts could not be read."""

    code = "INCOMPATIBLE_SCHEMA"


def release(events: Path, golden: Path, derived: Callable[[str], Schema] = derive) -> list[str]:
    """Write the files of every changed event type, and name what was released. Raises IncompatibleSchema."""
    versions = released_versions()
    changed: dict[str, Schema] = {}
    for event in EVENT_TYPES:
        schema = derived(event)
        earlier = versions.get(event, [])
        if not earlier or earlier[-1].schema != schema:
            _check(event, schema, earlier)
            changed[f"{event}.v{len(earlier) + 1}"] = schema
    for name, schema in changed.items():
        sample = sample_of(schema)
        _write(events / f"{name}.avsc", (json.dumps(schema, ensure_ascii=False, indent=2) + "\n").encode())
        _write(golden / f"{name}.bin", MARKER + fingerprint(schema) + encoder(schema)(sample))
        said = json.dumps(sample, ensure_ascii=False, indent=2, default=lambda moment: moment.isoformat())
        _write(golden / f"{name}.json", (said + "\n").encode())
    return list(changed)


def sample_of(schema: Schema) -> dict[str, Any]:
    """A record of a schema with every optional value given, the same each time."""
    record: dict[str, Any] = _sample(schema, {})
    return record


def _check(event: str, schema: Schema, earlier: list[Released]) -> None:
    found = [obstacle for released in earlier for obstacle in obstacles(schema, released.schema)]
    if any(released.header == MARKER + fingerprint(schema) for released in earlier):
        found.append("its fingerprint is that of an earlier version, so readers could not tell them apart")
    if found:
        raise IncompatibleSchema(event=event, version=len(earlier) + 1, obstacles="; ".join(dict.fromkeys(found)))


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


def _write(path: Path, content: bytes) -> None:
    # "x": what was released stays as it is.
    with path.open("xb") as file:
        file.write(content)


def main() -> int:
    """Exit code 0, or 4 when a change cannot be released."""
    try:
        released = release(EVENTS, GOLDEN)
    except IncompatibleSchema as error:
        sys.stderr.write(f"{error.code}: {error}\n{error.hint()}\n")
        return 4
    sys.stdout.write("\n".join(released or ["every event type is released as it is"]) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
