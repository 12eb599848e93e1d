"""`python -m schemas.release check|freeze`: no change of an Avro schema lands that would break anybody.

The schemas of events follow from the event types; each version that ever wrote is frozen as
`events/<Event>.v<N>.avsc`, with golden bytes in `tests/schemas/golden/`. Whatever a released version wrote, the newest
must read, and read whole.

The public schemas are edited as `public/<Name>.avsc`; each released version is frozen as
`public/released/<Name>.v<N>.avsc`, its SHA-256 in `SHA256SUMS` there. A change passes when it is FULL_TRANSITIVE: with
every released version, the new reader reads what was written then, and the reader of then reads what is written now.

`check` names what breaks, for whom, and what is not released yet; `freeze` releases every change that breaks nobody as
the next version. Exit code 0, or 4.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from fastavro import parse_schema
from fastavro.schema import SchemaParseException

from domain.procedure import EVENT_TYPES
from schemas.avro.compatibility import breaches
from schemas.avro.derivation import Schema, derive
from schemas.avro.encoding import encoder
from schemas.avro.registry import MARKER, Released, fingerprint, released_versions
from schemas.avro.samples import sample_of

_ROOT: Final = Path(__file__).parents[1]
EVENTS: Final = _ROOT / "schemas" / "events"
GOLDEN: Final = _ROOT / "tests" / "schemas" / "golden"
PUBLIC: Final = _ROOT / "schemas" / "public"
SUMS: Final = "SHA256SUMS"
_NOT_RELEASED: Final = "it breaks nobody, and is not released yet: python -m schemas.release freeze"

Derive = Callable[[str], Schema]


def event_problems(derived: Derive = derive, *, releasing: bool = False) -> list[str]:
    """What keeps the schemas of the events from landing. `releasing`: a change need not be released yet."""
    found: list[str] = []
    for event, (schema, earlier) in _changed_events(derived).items():
        breaks = list(dict.fromkeys(_event_breaks(schema, earlier)))
        found += [f"{event}: facts already recorded could not be read: {problem}" for problem in breaks]
        if not breaks and not releasing:
            found.append(f"{event}: {_NOT_RELEASED}")
    return found


def freeze_events(events: Path = EVENTS, golden: Path = GOLDEN, derived: Derive = derive) -> list[str]:
    """Write the files of every changed event type, and name what was released. Call it only without problems.

    Raises FileExistsError rather than change a file that is there.
    """
    made = []
    for event, (schema, earlier) in _changed_events(derived).items():
        name, sample = f"{event}.v{len(earlier) + 1}", sample_of(schema)
        _write(events / f"{name}.avsc", json.dumps(schema, ensure_ascii=False, indent=2).encode() + b"\n")
        _write(golden / f"{name}.bin", MARKER + fingerprint(schema) + encoder(schema)(sample))
        said = json.dumps(sample, ensure_ascii=False, indent=2, default=lambda moment: moment.isoformat())
        _write(golden / f"{name}.json", said.encode() + b"\n")
        made.append(name)
    return made


def public_problems(folder: Path = PUBLIC, *, releasing: bool = False) -> list[str]:
    """What keeps the schemas of a folder from landing. `releasing`: a change need not be released yet."""
    found = _tampered(folder / "released")
    for path in sorted(folder.glob("*.avsc")):
        try:
            schema = json.loads(path.read_text(encoding="utf-8"))
            parse_schema(schema, _force=True)
        except (ValueError, SchemaParseException) as error:
            found.append(f"{path.stem}: no Avro schema: {error}")
            continue
        versions = _public_versions(folder, path.stem)
        breaks = list(_public_breaks(path.stem, schema, versions))
        found += breaks
        if not breaks and not releasing and (not versions or versions[max(versions)] != schema):
            found.append(f"{path.stem}: {_NOT_RELEASED}")
    return found


def freeze_public(folder: Path = PUBLIC) -> list[str]:
    """Freeze every changed schema as its next version, and name what was released. Call it only without problems."""
    made = []
    for path in sorted(folder.glob("*.avsc")):
        versions = _public_versions(folder, path.stem)
        if versions and versions[max(versions)] == json.loads(path.read_text(encoding="utf-8")):
            continue
        name, content = f"{path.stem}.v{len(versions) + 1}.avsc", path.read_bytes()
        (folder / "released").mkdir(exist_ok=True)
        _write(folder / "released" / name, content)
        with (folder / "released" / SUMS).open("a", encoding="utf-8") as sums:
            sums.write(f"{sha256(content).hexdigest()}  {name}\n")
        made.append(name)
    return made


def _changed_events(derived: Derive) -> dict[str, tuple[Schema, list[Released]]]:
    """Event → its schema as its type is now, and the released versions, where the newest is another."""
    versions = released_versions("events")
    found = {event: (derived(event), versions.get(event, [])) for event in EVENT_TYPES}
    return {
        event: (schema, earlier)
        for event, (schema, earlier) in found.items()
        if not earlier or earlier[-1].schema != schema
    }


def _event_breaks(schema: Schema, earlier: list[Released]) -> Iterator[str]:
    for released in earlier:
        yield from breaches(schema, released.schema, whole=True)
        if released.fingerprint == fingerprint(schema):
            yield f"its fingerprint is that of version {released.version}, so readers could not tell them apart"


def _public_versions(folder: Path, name: str) -> dict[int, Any]:
    """Version → schema of every released version of a public schema, oldest first."""
    found = {
        int(path.name.split(".")[1][1:]): json.loads(path.read_text(encoding="utf-8"))
        for path in (folder / "released").glob(f"{name}.v*.avsc")
    }
    return dict(sorted(found.items()))


def _public_breaks(name: str, schema: Any, versions: dict[int, Any]) -> Iterator[str]:
    """What a schema breaks, in both directions, with every released version."""
    for version, frozen in versions.items():
        old = f"{name}: old reader: subscribers with version {version} could not read what would be published"
        yield from (f"{old}: {problem}" for problem in breaches(frozen, schema))
        new = f"{name}: new reader: subscribers that take this schema could not read what version {version} wrote"
        yield from (f"{new}: {problem}" for problem in breaches(schema, frozen))


def _tampered(frozen: Path) -> list[str]:
    """What was changed, added or removed under `released` without this tool."""
    lines = (frozen / SUMS).read_text(encoding="utf-8").splitlines() if (frozen / SUMS).exists() else []
    sums = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    files = {path.name: sha256(path.read_bytes()).hexdigest() for path in frozen.glob("*.avsc")}
    return [
        f"{name}: a released version is never changed, added or removed by hand"
        for name in sorted(sums.keys() | files.keys())
        if sums.get(name) != files.get(name)
    ]


def _write(path: Path, content: bytes) -> None:
    # "x": what was released stays as it is.
    with path.open("xb") as file:
        file.write(content)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line: see the module's own words."""
    parser = argparse.ArgumentParser(prog="python -m schemas.release", description="Releases of the Avro schemas.")
    parser.add_argument("verb", choices=("check", "freeze"), help="name what breaks, or release what breaks nobody")
    releasing = parser.parse_args(arguments).verb == "freeze"
    found = [*event_problems(releasing=releasing), *public_problems(releasing=releasing)]
    if found:
        sys.stderr.write("\n".join(found) + "\n")
        return 4
    made = [*freeze_events(), *freeze_public()] if releasing else []
    sys.stdout.write(
        "\n".join(made or ["every schema is released as it is, and can read what was written before"]) + "\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
