"""No schema changes so that a recorded fact, or the public stream, can no longer be read by anybody who reads it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from fastavro import parse_schema, schemaless_reader, schemaless_writer
from fastavro.read import SchemaResolutionError

from schemas.avro.derivation import Schema, derive
from schemas.avro.registry import released_versions
from schemas.public_decision import example, newest
from schemas.release import PUBLIC, SUMS, event_problems, freeze_events, freeze_public, public_problems

Change = Callable[[dict[str, Any]], None]


def _field(schema: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [field for field in schema["fields"] if field["name"] == name]
    return dict_of(found)


def dict_of(value: Any) -> dict[str, Any]:
    assert isinstance(value, dict)
    return value


def _without(schema: dict[str, Any], name: str) -> None:
    schema["fields"] = [field for field in schema["fields"] if field["name"] != name]


def _set(name: str, type_: Any) -> Change:
    return lambda schema: _field(schema, name).update(type=type_)


def _add(**field: Any) -> Change:
    return lambda schema: schema["fields"].append(field)


def _in(record: str, change: Change) -> Change:
    def changed(schema: dict[str, Any]) -> None:
        type_ = _field(schema, record)["type"]
        change(type_[1] if isinstance(type_, list) else type_)

    return changed


def _renamed_with_alias(schema: dict[str, Any]) -> None:
    _field(schema, "year").update(name="of_year", aliases=["year"])


_OLD, _NEW = "old reader", "new reader"
PLANTED: dict[str, tuple[Change, set[str]]] = {
    "a field without a default": (_add(name="place", type="string"), {_NEW}),
    "a field that had no default is removed": (lambda schema: _without(schema, "year"), {_OLD}),
    "a field is renamed": (lambda schema: _field(schema, "year").update(name="of_year"), {_OLD, _NEW}),
    "a field is renamed with an alias": (_renamed_with_alias, {_OLD}),
    "a type becomes another": (_set("year", "string"), {_OLD, _NEW}),
    "a type is widened": (_set("attempt", "double"), {_OLD}),
    "a type is narrowed": (_set("year", "int"), {_NEW}),
    "what was always there may be null": (_set("level", ["null", "string"]), {_OLD}),
    "what may be null is always there": (
        lambda schema: _field(schema, "reasons").update(type="string", default=""),
        {_NEW},
    ),
    "a union gets a branch": (_set("reasons", ["null", "string", "long"]), {_OLD}),
    "a union loses a branch": (lambda schema: _field(schema, "counts").update(type=["null"]), {_NEW}),
    "the kind becomes an enum": (
        _set("kind", {"type": "enum", "name": "Kind", "symbols": ["approved", "rejected"]}),
        {_OLD, _NEW},
    ),
    "a day becomes a plain number": (_set("took_place_on", "int"), {_OLD, _NEW}),
    "microseconds become milliseconds": (
        _set("recorded_at", {"type": "long", "logicalType": "timestamp-millis"}),
        {_OLD, _NEW},
    ),
    "a list becomes a map": (
        lambda schema: _field(schema, "legal_basis").update(
            type={"type": "map", "values": _field(schema, "legal_basis")["type"]["items"]}
        ),
        {_OLD, _NEW},
    ),
    "the items of a list change": (_set("legal_basis", {"type": "array", "items": "string"}), {_OLD, _NEW}),
    "the record is renamed": (lambda schema: schema.update(name="PublicDecision"), {_OLD, _NEW}),
    "a record moves to another namespace": (
        _in("counts", lambda record: record.update(namespace="other")),
        {_OLD, _NEW},
    ),
    "a field inside a record is removed": (_in("unit", lambda record: _without(record, "name")), {_OLD}),
    "a field inside a record changes": (
        _in("counts", lambda record: _field(record, "mandatory_met").update(type="boolean")),
        {_OLD, _NEW},
    ),
}
"""What is changed → the readers that it breaks."""

HARMLESS: dict[str, Change] = {
    "a field with a default": _add(name="place", type=["null", "string"], default=None),
    "a removed field that had a default": lambda schema: _without(schema, "announcement"),
    "another order of the fields": lambda schema: schema["fields"].append(schema["fields"].pop(1)),
    "other words": lambda schema: _field(schema, "year").update(doc="Năm của hồ sơ."),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PUBLIC, tmp_path / "public"))


def _plant(folder: Path, change: Change) -> dict[str, Any]:
    path = folder / "Decision.avsc"
    schema = dict_of(json.loads(path.read_text(encoding="utf-8")))
    change(schema)
    path.write_text(json.dumps(schema), encoding="utf-8")
    return schema


def test_the_public_schemas_pass_and_are_released() -> None:
    assert public_problems() == []


@pytest.mark.parametrize("name", PLANTED)
def test_a_change_that_breaks_a_reader_is_refused_and_the_reader_is_named(name: str, folder: Path) -> None:
    change, broken = PLANTED[name]
    _plant(folder, change)

    found = public_problems(folder, releasing=True)

    assert found
    assert {who for who in (_OLD, _NEW) if any(who in problem for problem in found)} == broken


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_refused_would_have_failed_or_misled_a_reader(name: str) -> None:
    """The gate's word against fastavro's: what one reader cannot read, or reads as something else, is what it names."""
    change, broken = PLANTED[name]
    old = newest().schema
    new = deepcopy(old)
    change(new)
    record = example("approved")
    if _NEW in broken and name not in _MISLEADING:
        assert not _reads(parse_schema(deepcopy(old)), parse_schema(deepcopy(new)), record)


_MISLEADING = {
    "a day becomes a plain number",
    "microseconds become milliseconds",
    # fastavro compares no namespaces and narrows a long; Java's library refuses both.
    "a record moves to another namespace",
    "a type is narrowed",
    "a field inside a record changes",
    # The example has no reasons, and every value of it is in the branch that stays.
    "a union loses a branch",
}


def _reads(writer: Any, reader: Any, record: dict[str, Any]) -> bool:
    body = BytesIO()
    schemaless_writer(body, writer, record)
    body.seek(0)
    try:
        schemaless_reader(body, writer, reader)
    except (EOFError, LookupError, ValueError, TypeError, SchemaResolutionError):
        return False
    return True


@pytest.mark.parametrize("name", HARMLESS)
def test_a_harmless_change_passes_but_must_be_released(name: str, folder: Path) -> None:
    _plant(folder, HARMLESS[name])

    assert public_problems(folder, releasing=True) == []
    assert ["not released yet" in problem for problem in public_problems(folder)] == [True]
    assert freeze_public(folder) == ["Decision.v2.avsc"]
    assert public_problems(folder) == []
    assert freeze_public(folder) == []


def test_every_released_version_counts_not_only_the_last(folder: Path) -> None:
    _plant(folder, _add(name="place", type=["null", "string"], default=None))
    freeze_public(folder)

    # Readers of version 2 would not mind: they write the field themselves. Version 1 did not.
    _plant(folder, lambda schema: _field(schema, "place").pop("default"))

    (problem,) = public_problems(folder, releasing=True)
    assert "new reader" in problem
    assert "version 1" in problem


def test_a_released_version_is_frozen(folder: Path) -> None:
    frozen = folder / "released" / "Decision.v1.avsc"
    frozen.write_text(frozen.read_text(encoding="utf-8").replace("Decision", "Verdict"), encoding="utf-8")
    assert any("never changed" in problem for problem in public_problems(folder))

    frozen.unlink()
    assert any("never changed" in problem for problem in public_problems(folder))


def test_a_schema_that_is_none_is_named(folder: Path) -> None:
    _plant(folder, lambda schema: _field(schema, "year").update(type="integer"))
    assert any("no Avro schema" in problem for problem in public_problems(folder))


def test_the_sums_name_exactly_the_released_files() -> None:
    lines = (PUBLIC / "released" / SUMS).read_text(encoding="utf-8").splitlines()
    names = [line.partition("  ")[2] for line in lines]
    assert sorted(names) == sorted(path.name for path in (PUBLIC / "released").glob("*.avsc"))


def test_the_command_line_says_that_all_is_well() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "schemas.release", "check"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_nothing_is_released_when_nothing_changed(tmp_path: Path) -> None:
    assert event_problems() == []
    assert freeze_events(tmp_path, tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def changed(event: str, change: dict[str, Any]) -> Schema:
    schema = derive(event)
    if event == "DossierReceived":
        schema["fields"].append(change)
    return schema


def test_an_added_nullable_field_is_released_as_the_next_version(tmp_path: Path) -> None:
    added = {"name": "note", "type": ["null", "string"], "default": None}
    following = len(released_versions()["DossierReceived"]) + 1

    (problem,) = event_problems(lambda event: changed(event, added))
    assert "DossierReceived: it breaks nobody, and is not released yet" in problem
    assert event_problems(lambda event: changed(event, added), releasing=True) == []
    released = freeze_events(tmp_path, tmp_path, lambda event: changed(event, added))

    assert released == [f"DossierReceived.v{following}"]
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".avsc", ".bin", ".json"]
    assert json.loads((tmp_path / f"{released[0]}.avsc").read_bytes()) == changed("DossierReceived", added)


def test_a_released_file_is_never_written_again(tmp_path: Path) -> None:
    added = {"name": "note", "type": ["null", "string"], "default": None}
    (name,) = freeze_events(tmp_path, tmp_path, lambda event: changed(event, added))
    before = (tmp_path / f"{name}.avsc").read_bytes()

    with pytest.raises(FileExistsError):
        freeze_events(tmp_path, tmp_path, lambda event: changed(event, {**added, "name": "other"}))

    assert (tmp_path / f"{name}.avsc").read_bytes() == before


@pytest.mark.parametrize(
    ("change", "breach"),
    [
        ({"name": "note", "type": "string"}, "DossierReceived.note: the reader needs it"),
        ({"name": "on", "type": "string"}, "DossierReceived.on: int (date) is no string"),
        ({"name": "due_on", "type": "int"}, "DossierReceived.due_on: int (date) would be read as int"),
        (
            {"name": "actor", "type": {"type": "array", "items": "string"}},
            "DossierReceived.actor: record Actor is no array",
        ),
    ],
)
def test_what_would_make_recorded_facts_unreadable_is_named(change: dict[str, Any], breach: str) -> None:
    def derived(event: str) -> Schema:
        schema = changed(event, change)
        *earlier, last = schema["fields"]
        if event == "DossierReceived":
            schema["fields"] = [field for field in earlier if field["name"] != change["name"]] + [last]
        return schema

    (problem,) = event_problems(derived, releasing=True)
    assert "could not be read" in problem
    assert breach in problem
