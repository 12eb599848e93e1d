"""The released Avro schemas, frozen: of the events, of the public decisions and of the log's records.

    events    `events/<EventName>.v<N>.avsc`
    public    `public/released/<Name>.v<N>.avsc`
    log       `log/<name>.v<N>.avsc`

`python -m schemas.release` adds to them.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Any, Final, Literal, TypeAlias

from fastavro import parse_schema
from fastavro.schema import fingerprint as fastavro_fingerprint
from fastavro.schema import to_parsing_canonical_form

from schemas.avro.decoding import Decoder, decoder
from schemas.avro.derivation import Schema
from schemas.avro.encoding import encoder

Family: TypeAlias = Literal["events", "public", "log"]

MARKER: Final = b"\xc3\x01"
"""The first two bytes of the Avro single-object encoding."""

_FOLDERS: Final[Mapping[Family, tuple[str, ...]]] = {
    "public": ("public", "released"),
    "events": ("events",),
    "log": ("log",),
}


@dataclass(frozen=True)
class Released:
    """One released version of a schema; `name` is that of the event, or of the schema."""

    name: str
    version: int
    schema: Schema

    @cached_property
    def fingerprint(self) -> bytes:
        """See `fingerprint`."""
        return fingerprint(self.schema)

    @cached_property
    def header(self) -> bytes:
        """What each Avro single object of this schema begins with (10 bytes)."""
        return MARKER + self.fingerprint

    @cached_property
    def text(self) -> str:
        """The schema as JSON, without white space."""
        return json.dumps(self.schema, ensure_ascii=False, separators=(",", ":"))

    @cached_property
    def parsed(self) -> Any:
        """The schema as fastavro takes it, every name in full."""
        return parse_schema(self.schema)

    @cached_property
    def encode(self) -> Callable[[Mapping[str, Any]], bytes]:
        """Writes the Avro body of a record, without any header."""
        return encoder(self.schema)

    @cached_property
    def decode(self) -> Decoder:
        """Reads what `encode` wrote."""
        return decoder(self.schema)


@dataclass(frozen=True, slots=True)
class Registry:
    """All released versions of a family: by header, and the newest of each name."""

    by_header: Mapping[bytes, Released]
    newest: Mapping[str, Released]


def fingerprint(schema: Schema) -> bytes:
    """CRC-64-AVRO of the parsing canonical form, 8 bytes, least significant first (Avro specification)."""
    return bytes.fromhex(fastavro_fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO"))


@cache
def released_versions(family: Family = "events") -> Mapping[str, list[Released]]:
    """Name → every released version, oldest first; read once."""
    versions: defaultdict[str, list[Released]] = defaultdict(list)
    for file in sorted(files("schemas").joinpath(*_FOLDERS[family]).iterdir(), key=lambda file: file.name):
        if file.name.endswith(".avsc"):
            name, version, _ = file.name.split(".")
            versions[name].append(Released(name, int(version[1:]), json.loads(file.read_text(encoding="utf-8"))))
    return {name: sorted(found, key=lambda released: released.version) for name, found in versions.items()}


@cache
def registry(family: Family = "events") -> Registry:
    """The released schemas of a family."""
    versions = released_versions(family)
    return Registry(
        by_header={released.header: released for found in versions.values() for released in found},
        newest={name: found[-1] for name, found in versions.items()},
    )


def every_schema() -> dict[str, str]:
    """Fingerprint in hexadecimal digits → JSON text, of every released version of every family."""
    return {
        released.fingerprint.hex(): released.text
        for family in _FOLDERS
        for found in released_versions(family).values()
        for released in found
    }
