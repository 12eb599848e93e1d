"""`python -m schemas.public_release [--release]`: no change of a public schema lands that would break anybody.

The schemas that are worked on are `schemas/public/<Name>.avsc`; each released version is frozen as
`schemas/public/released/<Name>.v<N>.avsc`, its SHA-256 in `SHA256SUMS` there. A change passes when it is
FULL_TRANSITIVE: with every released version, the new reader reads what was written then, and the reader of then reads
what is written now. `--release` freezes what passes as the next version. Exit code 0, or 4 with what breaks, for whom.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Literal

from fastavro import parse_schema
from fastavro.schema import SchemaParseException

from schemas.avro.resolution import breaches

PUBLIC: Final = Path(__file__).parent / "public"
SUMS: Final = "SHA256SUMS"


@dataclass(frozen=True, slots=True)
class Breakage:
    """Something that a change breaks. `who` is the reader that can no longer read; `version` what it meets."""

    schema: str
    who: Literal["old reader", "new reader"]
    version: int
    problem: str

    def __str__(self) -> str:
        if self.who == "old reader":
            broken = f"subscribers with version {self.version} could not read what would be published"
        else:
            broken = f"subscribers that take this schema could not read what version {self.version} wrote"
        return f"{self.schema}: {self.who}: {broken}: {self.problem}"


def released(folder: Path, name: str) -> dict[int, Any]:
    """Version → schema of every released version of a schema, oldest first."""
    found = {
        int(path.name.split(".")[1][1:]): json.loads(path.read_text(encoding="utf-8"))
        for path in (folder / "released").glob(f"{name}.v*.avsc")
    }
    return dict(sorted(found.items()))


def check(name: str, schema: Any, versions: dict[int, Any]) -> list[Breakage]:
    """What a schema breaks, in both directions, with every released version."""
    found = []
    for version, frozen in versions.items():
        found += [Breakage(name, "old reader", version, problem) for problem in breaches(frozen, schema)]
        found += [Breakage(name, "new reader", version, problem) for problem in breaches(schema, frozen)]
    return found


def tampered(folder: Path) -> list[str]:
    """What was changed, added or removed under `released` without this gate."""
    frozen = folder / "released"
    lines = (frozen / SUMS).read_text(encoding="utf-8").splitlines() if (frozen / SUMS).exists() else []
    sums = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    files = {path.name: sha256(path.read_bytes()).hexdigest() for path in frozen.glob("*.avsc")}
    return [
        f"{name}: a released version is never changed, added or removed by hand"
        for name in sorted(sums.keys() | files.keys())
        if sums.get(name) != files.get(name)
    ]


def problems(folder: Path = PUBLIC, *, releasing: bool = False) -> list[str]:
    """Everything that keeps the schemas of a folder from landing. `releasing`: a change need not be released yet."""
    found = tampered(folder)
    for path in sorted(folder.glob("*.avsc")):
        try:
            schema = json.loads(path.read_text(encoding="utf-8"))
            parse_schema(schema, _force=True)
        except (ValueError, SchemaParseException) as error:
            found.append(f"{path.stem}: no Avro schema: {error}")
            continue
        versions = released(folder, path.stem)
        breaks = check(path.stem, schema, versions)
        found += [str(each) for each in breaks]
        if not breaks and not releasing and (not versions or versions[max(versions)] != schema):
            found.append(
                f"{path.stem}: it breaks nobody, and is not released yet: python -m schemas.public_release --release"
            )
    return found


def release(folder: Path = PUBLIC) -> list[str]:
    """Freeze every changed schema as its next version, and name what was released. Call it only without `problems`."""
    made = []
    for path in sorted(folder.glob("*.avsc")):
        schema = json.loads(path.read_text(encoding="utf-8"))
        versions = released(folder, path.stem)
        if versions and versions[max(versions)] == schema:
            continue
        name = f"{path.stem}.v{len(versions) + 1}.avsc"
        content = path.read_bytes()
        (folder / "released").mkdir(exist_ok=True)
        with (folder / "released" / name).open("xb") as file:
            file.write(content)
        with (folder / "released" / SUMS).open("a", encoding="utf-8") as sums:
            sums.write(f"{sha256(content).hexdigest()}  {name}\n")
        made.append(name)
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line: see the module's own words."""
    parser = argparse.ArgumentParser(
        prog="python -m schemas.public_release", description="The gate of the public schemas."
    )
    parser.add_argument("--release", action="store_true", help="freeze what passes as the next version")
    told = parser.parse_args(arguments)
    found = problems(releasing=told.release)
    if found:
        sys.stderr.write("\n".join(found) + "\n")
        return 4
    made = release() if told.release else []
    sys.stdout.write("\n".join(made or ["every public schema is compatible with all its released versions"]) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
