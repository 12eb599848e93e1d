"""Every event type has a frozen schema, and every version that ever wrote stays readable."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from fastavro import parse_schema
from fastavro.schema import to_parsing_canonical_form

from domain.dossier.event import DossierEvent
from domain.procedure import EVENT_TYPES
from domain.recorded_event import RecordedEvent
from schemas.avro.codec import decode
from schemas.avro.compatibility import obstacles
from schemas.avro.derivation import Schema, derive
from schemas.avro.registry import fingerprint, registry, released_versions
from schemas.avro.release import EVENTS, GOLDEN, IncompatibleSchema, release
from tests.schemas.records import plain

RELEASED = sorted(path.stem for path in EVENTS.glob("*.avsc"))


@pytest.mark.parametrize("event", EVENT_TYPES)
def test_the_newest_release_is_the_schema_of_the_event_type_as_it_is(event: str) -> None:
    assert registry().newest[event].schema == derive(event), "run `python -m schemas.avro.release`"


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
        assert obstacles(found[-1].schema, released.schema) == []


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


def test_nothing_is_released_when_nothing_changed(tmp_path: Path) -> None:
    assert release(tmp_path, tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def changed(event: str, change: dict[str, Any]) -> Schema:
    schema = derive(event)
    if event == "DossierReceived":
        schema["fields"].append(change)
    return schema


def test_an_added_nullable_field_is_released_as_the_next_version(tmp_path: Path) -> None:
    added = {"name": "note", "type": ["null", "string"], "default": None}
    following = len(released_versions()["DossierReceived"]) + 1

    released = release(tmp_path, tmp_path, lambda event: changed(event, added))

    assert released == [f"DossierReceived.v{following}"]
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".avsc", ".bin", ".json"]
    assert json.loads((tmp_path / f"{released[0]}.avsc").read_bytes()) == changed("DossierReceived", added)


def test_a_released_file_is_never_written_again(tmp_path: Path) -> None:
    added = {"name": "note", "type": ["null", "string"], "default": None}
    (name,) = release(tmp_path, tmp_path, lambda event: changed(event, added))
    before = (tmp_path / f"{name}.avsc").read_bytes()

    with pytest.raises(FileExistsError):
        release(tmp_path, tmp_path, lambda event: changed(event, {**added, "name": "other"}))

    assert (tmp_path / f"{name}.avsc").read_bytes() == before


@pytest.mark.parametrize(
    ("change", "obstacle"),
    [
        ({"name": "note", "type": "string"}, "DossierReceived.note: added without a default"),
        ({"name": "on", "type": "string"}, "DossierReceived.on: date became string"),
        ({"name": "due_on", "type": "int"}, "DossierReceived.due_on: date became int"),
        ({"name": "actor", "type": {"type": "array", "items": "string"}}, "DossierReceived.actor: Actor became array"),
    ],
)
def test_what_would_make_recorded_facts_unreadable_is_not_released(
    tmp_path: Path, change: dict[str, Any], obstacle: str
) -> None:
    def derived(event: str) -> Schema:
        schema = changed(event, change)
        *earlier, last = schema["fields"]
        if event == "DossierReceived":
            schema["fields"] = [field for field in earlier if field["name"] != change["name"]] + [last]
        return schema

    with pytest.raises(IncompatibleSchema, match=obstacle):
        release(tmp_path, tmp_path, derived)
    assert list(tmp_path.iterdir()) == []


def test_a_removed_field_and_one_that_is_no_longer_nullable_are_obstacles() -> None:
    earlier = derive("DossierWithdrawn")
    later = deepcopy(earlier)
    later["fields"][-1] = {"name": "reason", "type": "string"}
    assert obstacles(later, earlier) == ["DossierWithdrawn.reason: was nullable and must now be there"]
    assert obstacles(earlier, later) == []
    del later["fields"][-1]
    assert len(obstacles(later, earlier)) == 1
