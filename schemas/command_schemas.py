"""`python -m schemas.command_schemas [--check]`: the JSON Schemas of the commands, `commands/<CommandName>.json`.

They are made from the types of `domain.commands`, the texts of the catalogue and one example for each command,
`commands/examples/<CommandName>.json`; the shapes that commands share are in `commands/types.json`. `--check` compares
only: exit code 0 when the files are current, else 4. `command_schemas` has each schema self-contained.
"""

# ruff: noqa: PLC0415  # every command that is read imports this module; only making the files needs more

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from domain.commands import COMMAND_TYPES

FOLDER: Final = Path(__file__).parent / "commands"
TYPES: Final = "types.json"
_SHARED: Final = f"{TYPES}#/$defs/"
_LOCAL: Final = "#/$defs/"


@cache
def command_schemas() -> Mapping[str, dict[str, Any]]:
    """Command name → its JSON Schema (2020-12) of the whole envelope, with every shared shape under `$defs`."""
    folder = files("schemas") / "commands"
    shared = json.loads((folder / TYPES).read_text(encoding="utf-8"))["$defs"]
    return MappingProxyType(
        {
            name: _bundled(json.loads((folder / f"{name}.json").read_text(encoding="utf-8")), shared)
            for name in sorted(COMMAND_TYPES)
        }
    )


def example(name: str) -> dict[str, Any]:
    """A valid command of that name; a new dict each time. Raises KeyError for an unknown name."""
    found: dict[str, Any] = json.loads(json.dumps(command_schemas()[name]["examples"][0]))
    return found


def derived() -> dict[str, str]:
    """File name → what it must hold, by the types, texts and examples as they are now."""
    schemas, _ = _derived()
    return {name: json.dumps(schema, ensure_ascii=False, indent=2) + "\n" for name, schema in schemas.items()}


def command_texts() -> set[str]:
    """The texts in the schemas, in English: each is a text of the message catalogue."""
    return _derived()[1]


def _derived() -> tuple[dict[str, dict[str, Any]], set[str]]:
    from schemas.command_derivation import Derivation

    derivation = Derivation()
    schemas = {
        f"{name}.json": derivation.command(command, _example(name)) for name, command in sorted(COMMAND_TYPES.items())
    }
    schemas[TYPES] = derivation.shared()
    return schemas, derivation.texts


def _example(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / "examples" / f"{name}.json").read_text(encoding="utf-8"))
    return found


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


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line: see the module's own words."""
    import argparse

    parser = argparse.ArgumentParser(
        prog="python -m schemas.command_schemas", description="The JSON Schemas of the commands."
    )
    parser.add_argument("--check", action="store_true", help="compare only")
    options = parser.parse_args(arguments)
    present = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
    wanted = derived()
    stale = sorted(name for name in wanted.keys() | present.keys() if wanted.get(name) != present.get(name))
    if options.check and stale:
        sys.stderr.write(f"behind the types of the commands: {', '.join(stale)}: python -m schemas.command_schemas\n")
        return 4
    for name in stale:
        if name in wanted:
            (FOLDER / name).write_text(wanted[name], encoding="utf-8")
        else:
            (FOLDER / name).unlink()
    sys.stdout.write("the schemas of the commands are current\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
