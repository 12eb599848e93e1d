"""The released event schemas: `events/<EventName>.v<N>.avsc`, frozen, found by the fingerprint in each event."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from fastavro import parse_schema
from fastavro.schema import fingerprint as fastavro_fingerprint
from fastavro.schema import to_parsing_canonical_form

from schemas.avro.decoding import Decoder, decoder
from schemas.avro.derivation import Schema
from schemas.avro.encoding import encoder

MARKER: Final = b"\xc3\x01"
"""The first two bytes of the Avro single-object encoding."""


@dataclass(frozen=True, slots=True)
class Released:
    """One released version of one event's schema.

    `header` is what each of its events begins with (10 bytes); `encode` writes the body of a record, `decode` reads
    it; `parsed` is what fastavro reads it by, where the newest version of the event has another shape.
    """

    event: str
    version: int
    schema: Schema
    parsed: Any
    header: bytes
    encode: Callable[[Mapping[str, Any]], bytes]
    decode: Decoder


@dataclass(frozen=True, slots=True)
class Registry:
    """All released versions: by header, and the newest of each event by the event's name."""

    by_header: Mapping[bytes, Released]
    newest: Mapping[str, Released]


def fingerprint(schema: Schema) -> bytes:
    """CRC-64-AVRO of the parsing canonical form, 8 bytes, least significant first (Avro specification)."""
    return bytes.fromhex(fastavro_fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO"))


def released_versions() -> dict[str, list[Released]]:
    """Every released version of every event, read from its file, oldest first."""
    versions: defaultdict[str, list[Released]] = defaultdict(list)
    for file in (files("schemas") / "events").iterdir():
        if not file.name.endswith(".avsc"):
            continue
        event, version, _ = file.name.split(".")
        schema = json.loads(file.read_text(encoding="utf-8"))
        versions[event].append(
            Released(
                event=event,
                version=int(version[1:]),
                schema=schema,
                parsed=parse_schema(schema),
                header=MARKER + fingerprint(schema),
                encode=encoder(schema),
                decode=decoder(schema),
            )
        )
    return {event: sorted(found, key=lambda released: released.version) for event, found in versions.items()}


@cache
def registry() -> Registry:
    """The released schemas, read once."""
    versions = released_versions()
    return Registry(
        by_header={released.header: released for found in versions.values() for released in found},
        newest={event: found[-1] for event, found in versions.items()},
    )
