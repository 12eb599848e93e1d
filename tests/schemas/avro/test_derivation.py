"""Every event type has a frozen schema, and every version that ever wrote stays readable."""

from __future__ import annotations

import json
from copy import deepcopy

import pytest
from fastavro import parse_schema
from fastavro.schema import to_parsing_canonical_form

from domain.dossier.aggregate import DossierEvent
from domain.procedure import EVENT_TYPES
from domain.recorded_event import RecordedEvent
from schemas.avro.codec import decode
from schemas.avro.compatibility import breaches
from schemas.avro.derivation import derive
from schemas.avro.registry import fingerprint, registry, released_versions
from schemas.release import EVENTS, GOLDEN
from tests.schemas.records import plain

RELEASED = sorted(path.stem for path in EVENTS.glob("*.avsc"))


@pytest.mark.parametrize("event", EVENT_TYPES)
def test_the_newest_release_is_the_schema_of_the_event_type_as_it_is(event: str) -> None:
    assert registry().newest[event].schema == derive(event), "run `python -m schemas.release freeze`"


@pytest.mark.parametrize("event", EVENT_TYPES)
def test_every_event_type_has_an_applier(event: str) -> None:
    event_type = EVENT_TYPES[event]
    if issubclass(event_type, DossierEvent):
        assert event_type.assign is not DossierEvent.assign
    else:
        assert event_type.apply is not RecordedEvent.apply


@pytest.mark.parametrize("release_name", RELEASED)
def test_the_golden_bytes_of_every_release_are_read(release_name: str) -> None:
    event = release_name.partition(".")[0]
    said = json.loads((GOLDEN / f"{release_name}.json").read_text(encoding="utf-8"))

    read = plain(decode(event, (GOLDEN / f"{release_name}.bin").read_bytes()))

    assert said.items() <= {key: read[key] for key in said}.items()
    assert all(read[added] is None for added in read.keys() - said.keys())


def test_golden_bytes_are_kept_of_exactly_the_releases() -> None:
    assert sorted(path.stem for path in GOLDEN.glob("*.bin")) == RELEASED
    assert sorted(path.stem for path in GOLDEN.glob("*.json")) == RELEASED


def test_versions_count_from_one_and_no_two_share_a_fingerprint() -> None:
    versions = released_versions()
    for found in versions.values():
        assert [released.version for released in found] == list(range(1, len(found) + 1))
    assert len(registry().by_header) == len(RELEASED)


@pytest.mark.parametrize("event", EVENT_TYPES)
def test_every_release_is_valid_avro_and_readable_by_the_newest(event: str) -> None:
    found = released_versions()[event]
    for released in found:
        parse_schema(deepcopy(released.schema))
        assert breaches(found[-1].schema, released.schema, whole=True) == []


@pytest.mark.parametrize("event", EVENT_TYPES)
def test_the_fingerprint_is_that_of_the_avro_specification(event: str) -> None:
    schema = derive(event)
    assert fingerprint(schema) == crc_64_avro(to_parsing_canonical_form(schema).encode()).to_bytes(8, "little")


def test_the_fingerprint_of_the_specification_s_own_example() -> None:
    assert crc_64_avro(b'"int"') == 0x7275D51A3F395C8F


def crc_64_avro(data: bytes) -> int:
    """The algorithm as the Avro specification prints it."""
    empty = 0xC15D213AA4D7A795
    table = []
    for index in range(256):
        entry = index
        for _ in range(8):
            entry = (entry >> 1) ^ (empty & -(entry & 1))
        table.append(entry)
    result = empty
    for byte in data:
        result = (result >> 8) ^ table[(result ^ byte) & 0xFF]
    return result
