"""Commands are read strictly: what is malformed is named, and nothing else than MalformedCommand is ever raised."""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from copy import deepcopy
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any
from unicodedata import normalize

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator
from msgspec.structs import asdict, replace

from domain.catalogue import Level
from domain.commands import Command, EstablishCouncil, UnitReference
from domain.procedure import STEPS
from schemas.command_errors import InvalidCommand, InvalidDate, MalformedCommand
from schemas.command_parser import (
    LARGEST_COMMAND,
    MalformedMessage,
    command_from,
    command_schemas,
    example,
    is_command,
    parse_message,
    read_command,
)
from tests.support.waiting import GUARD

COMMANDS = sorted(command_schemas())
ID = example("VerifyCriterion")["command_id"]


def line(name: str = "VerifyCriterion", **data: Any) -> str:
    envelope = example(name)
    envelope["data"].update(data)
    return json.dumps(envelope, ensure_ascii=False)


def fields_of(command: Command) -> dict[str, Any]:
    return asdict(command)


def without(key: str) -> str:
    envelope = example("VerifyCriterion")
    del envelope[key]
    return json.dumps(envelope, ensure_ascii=False)


def envelope_with(**fields: Any) -> str:
    return json.dumps({**example("VerifyCriterion"), **fields}, ensure_ascii=False)


def document(**fields: Any) -> str:
    return line(letter={**example("VerifyCriterion")["data"]["letter"], **fields})


GOOD = line()
WITH_A = '"a": 6120'
assert WITH_A in GOOD

BAD: list[tuple[str, str, str | bytes]] = [
    ("EMPTY_COMMAND", "nothing", b""),
    ("EMPTY_COMMAND", "a line end", b"\n"),
    ("EMPTY_COMMAND", "white space", "  \t \r\n"),
    ("COMMAND_TOO_LARGE", "huge", b'{"command": "' + b"x" * LARGEST_COMMAND + b'"}'),
    ("COMMAND_TOO_LARGE", "huge after a valid command", GOOD + " " * LARGEST_COMMAND),
    ("NOT_UTF8", "a picture", b"\x89PNG\r\n\x1a\n\x00\x00"),
    ("NOT_UTF8", "UTF-16 with its mark", GOOD.encode("utf-16")),
    ("NOT_UTF8", "Windows-1258", GOOD.encode("utf-8").replace("Sở".encode(), b"S\xf5")),
    ("NOT_UTF8", "half a surrogate pair in Python text", GOOD.replace("Sở", "S\ud800")),
    ("BYTE_ORDER_MARK", "UTF-8 with BOM", GOOD.encode("utf-8-sig")),
    ("NUL_CHARACTER", "UTF-16 without its mark", '{"command": "VerifyCriterion"}'.encode("utf-16-le")),
    ("NUL_CHARACTER", "NUL in a text", GOOD.replace("Sở Y tế", "Sở\0Y tế")),
    ("NOT_JSON", "a spreadsheet", "command;unit;a;b"),
    ("NOT_JSON", "cut off", GOOD[:-1]),
    ("NOT_JSON", "two on a line", GOOD + GOOD),
    ("NOT_JSON", "a comma too many", GOOD[:-1] + ",}"),
    ("NOT_JSON", "single quotes", GOOD.replace('"', "'")),
    ("DUPLICATE_KEY", "in the envelope", GOOD[:-1] + ', "command": "VerifyCriterion"}'),
    ("DUPLICATE_KEY", "in a figure", GOOD.replace(WITH_A, f"{WITH_A}, {WITH_A}")),
    ("DUPLICATE_KEY", "one written with an escape", GOOD.replace(WITH_A, f'{WITH_A}, "\\u0061": 1')),
    ("NOT_A_NUMBER", "NaN", GOOD.replace(WITH_A, '"a": NaN')),
    ("NOT_A_NUMBER", "Infinity", GOOD.replace(WITH_A, '"a": Infinity')),
    ("NOT_A_NUMBER", "-Infinity", GOOD.replace(WITH_A, '"a": -Infinity')),
    ("NOT_AN_INTEGER", "a fraction", GOOD.replace(WITH_A, '"a": 61.5')),
    ("NOT_AN_INTEGER", "a whole float", GOOD.replace(WITH_A, '"a": 6120.0')),
    ("NOT_AN_INTEGER", "an exponent", GOOD.replace(WITH_A, '"a": 6e3')),
    ("NOT_AN_INTEGER", "an infinite exponent", GOOD.replace(WITH_A, '"a": 1e999')),
    ("NOT_AN_INTEGER", "negative zero", GOOD.replace(WITH_A, '"a": -0')),
    ("NUMBER_TOO_LARGE", "2^53 + 1", GOOD.replace(WITH_A, f'"a": {2**53 + 1}')),
    ("NUMBER_TOO_LARGE", "-2^53 - 1", GOOD.replace(WITH_A, f'"a": {-(2**53) - 1}')),
    ("NUMBER_TOO_LARGE", "100,000 digits", GOOD.replace(WITH_A, f'"a": {"9" * 100_000}')),
    ("TOO_DEEP", "a hundred arrays", line(system=json.loads("[" * 100 + "]" * 100))),
    ("TOO_DEEP", "a hundred thousand arrays", "[" * 100_000),
    ("TOO_DEEP", "objects without end", '{"a":' * 100_000),
    ("NOT_NFC", "NFD", normalize("NFD", GOOD)),
    ("NOT_NFC", "mixed", line(system="Hệ thống " + normalize("NFD", "hồ sơ"))),
    ("NOT_NFC", "NFD by escapes", GOOD.replace("Hệ thống", "He\\u0323\\u0302 thống")),
    ("NOT_NFC", "an NFD key", envelope_with(**{normalize("NFD", "tiêu chí"): 1})),
    ("NOT_NFC", "a compatibility character with a canonical form", line(system="5 \u212a")),
    ("BAD_TEXT", "a tab", line(system="Hệ thống\thồ sơ")),
    ("BAD_TEXT", "a raw tab", GOOD.replace("Hệ thống", "Hệ\tthống")),
    ("BAD_TEXT", "an escaped NUL", line(system="Hệ thống\0")),
    ("BAD_TEXT", "a line break", line(system="Hệ thống\nhồ sơ")),
    ("BAD_TEXT", "a C1 control", line(system="Hệ thống\x85")),
    ("BAD_TEXT", "half a surrogate pair", GOOD.replace("Hệ thống", "\\ud800")),
    ("BAD_TEXT", "a noncharacter", line(system="\ufffe")),
    ("BAD_TEXT", "a control in a key", envelope_with(**{"\x07": 1})),
    ("UNKNOWN_COMMAND", "a slip", envelope_with(command="VerifyCriterio")),
    ("UNKNOWN_COMMAND", "nothing like it", envelope_with(command="Xác minh")),
    ("UNKNOWN_COMMAND", "the shared types", envelope_with(command="types")),
    ("INVALID_DATE", "30 February", envelope_with(on="2024-02-30")),
    ("INVALID_DATE", "29 February of no leap year", document(date="2023-02-29")),
    ("INVALID_DATE", "the year zero", envelope_with(on="0000-01-01")),
    ("INVALID_DATE", "day first", envelope_with(on="03/07/2024")),
    ("INVALID_DATE", "a moment", document(date="2024-07-03T00:00:00Z")),
    ("INVALID_DATE", "no leading zero", document(date="2024-7-3")),
    ("INVALID_DATE", "a day with a line end", GOOD.replace("2024-07-18", "2024-07-18 ")),
    ("INVALID_DATE", "within a nullable", line("CorrectFact", took_place_on="2024-13-01")),
    ("INVALID_COMMAND", "an array", "[]"),
    ("INVALID_COMMAND", "null", "null"),
    ("INVALID_COMMAND", "a text", '"VerifyCriterion"'),
    ("INVALID_COMMAND", "an empty object", "{}"),
    ("INVALID_COMMAND", "a command that is no text", envelope_with(command=["VerifyCriterion"])),
    ("INVALID_COMMAND", "no command id", without("command_id")),
    ("INVALID_COMMAND", "no day", without("on")),
    ("INVALID_COMMAND", "no data", without("data")),
    ("INVALID_COMMAND", "a field too many", envelope_with(note="x")),
    ("INVALID_COMMAND", "a field too many in the data", line(note="x")),
    ("INVALID_COMMAND", "a command id in capitals", envelope_with(command_id=ID.upper())),
    ("INVALID_COMMAND", "a command id of no version", envelope_with(command_id="00000000-0000-0000-0000-000000000000")),
    ("INVALID_COMMAND", "a role that there is not", GOOD.replace("council_member", "president")),
    ("INVALID_COMMAND", "a level that there is not", envelope_with(dossier={"unit": "04630", "level": "x", "year": 1})),
    ("INVALID_COMMAND", "a boolean for a number", GOOD.replace(WITH_A, '"a": true')),
    ("INVALID_COMMAND", "a text for a number", GOOD.replace(WITH_A, '"a": "6120"')),
    ("INVALID_COMMAND", "a number for a boolean", GOOD.replace('"met": true', '"met": 1')),
    ("INVALID_COMMAND", "a hash that is too short", document(sha256="0" * 63)),
    ("INVALID_COMMAND", "an empty text", document(issuer="")),
    ("INVALID_COMMAND", "a text that is too long", document(issuer="x" * 4001)),
    ("INVALID_COMMAND", "too many items", line(contributions=[{}] * 1001)),
    ("INVALID_COMMAND", "communes, which are computed", line(finding={"communes": {"communes": 1}})),
    ("INVALID_COMMAND", "no claims", line("RecordSelfAssessment", claims={})),
    ("INVALID_COMMAND", "an empty code", line("RecordSelfAssessment", claims={"": {}})),
    ("INVALID_COMMAND", "an empty correction", line("CorrectFact", correction={})),
    ("INVALID_COMMAND", "a fact before the first", line("CorrectFact", corrects=0)),
    ("INVALID_COMMAND", "votes below zero", line("RecordCouncilMeeting", votes={"in_favour": -1, "attending": 1})),
    ("INVALID_COMMAND", "the council where a unit is asked", envelope_with(command="OpenDossier", dossier="council")),
]


@pytest.mark.parametrize(("code", "bad"), [(code, bad) for code, _, bad in BAD], ids=[f"{c}: {w}" for c, w, _ in BAD])
def test_bad_input_is_named(code: str, bad: str | bytes) -> None:
    with pytest.raises(MalformedCommand) as raised:
        read_command(bad)

    error = raised.value
    assert error.code == code
    for text in (error.message("en"), error.message("vi"), error.hint("en"), error.hint("vi")):
        text.encode("utf-8")
        assert len(text) < 4000
    json.dumps(error.details)


def test_every_error_is_in_the_corpus() -> None:
    assert {error.code for error in MalformedCommand.__subclasses__()} == {code for code, _, _ in BAD}


@pytest.mark.parametrize(
    "bad",
    [GOOD[:-1], GOOD.replace(WITH_A, '"a": NaN'), normalize("NFD", GOOD), without("on"), GOOD.encode() + b"\xff"],
)
def test_the_answer_can_carry_the_id_where_it_could_be_read(bad: str | bytes) -> None:
    with pytest.raises(MalformedCommand) as raised:
        read_command(bad)
    assert raised.value.command_id == ID


@pytest.mark.parametrize("bad", [without("command_id"), GOOD + GOOD.replace(ID, ID[:-1] + "9"), "{", GOOD[:20]])
def test_no_id_is_guessed(bad: str) -> None:
    with pytest.raises(MalformedCommand) as raised:
        read_command(bad)
    assert raised.value.command_id is None


def test_the_problem_is_said_with_its_path_in_both_languages() -> None:
    with pytest.raises(MalformedCommand) as raised:
        read_command(line("RecordSelfAssessment", claims={"I.1": {"figure": {"a": "x"}}}))
    error = raised.value
    assert error.message("en") == '$.data.claims["I.1"].figure.a must be of type integer'
    assert error.message("vi") == '$.data.claims["I.1"].figure.a phải có kiểu integer'


def test_close_names_are_offered() -> None:
    with pytest.raises(MalformedCommand) as raised:
        read_command(envelope_with(command="VerifyCriterio"))
    assert "VerifyCriterion" in raised.value.hint()


def test_there_is_one_schema_for_each_command() -> None:
    assert set(COMMANDS) == set(STEPS)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_schema_is_self_contained_explained_and_has_a_valid_example(name: str) -> None:
    schema = command_schemas()[name]
    Draft202012Validator(schema, validate_formats=True).validate(example(name))
    assert "types.json" not in json.dumps(schema)
    for key in ("title", "x-title-vi", "description", "x-description-vi"):
        assert schema[key]
    assert example(name)["actor"]["role"] in STEPS[name].roles
    for shape in schema["$defs"].values():
        assert shape["description"]
        assert shape["x-description-vi"]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_object_of_a_schema_is_closed(name: str) -> None:
    for shape in objects(command_schemas()[name]):
        assert "additionalProperties" in shape


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield schema
        for inner in schema.values():
            yield from objects(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from objects(inner)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_example_is_read_alike_from_text_bytes_and_python(name: str) -> None:
    text = json.dumps(example(name), ensure_ascii=False)
    command = read_command(text)

    assert command.name == name
    assert command == read_command(text.encode() + b"\r\n") == command_from(example(name))
    assert read_command(json.dumps(example(name))) == command


def test_days_and_percentages_are_the_domain_s() -> None:
    meeting = example("RecordOwnMeeting")["data"]["meeting"]
    meeting["votes"]["percent"] = "81,82"
    command = read_command(line("RecordOwnMeeting", meeting=meeting))
    assert command.on == date(2024, 6, 20)
    held = fields_of(command)["meeting"]
    assert held["votes"]["percent"] == "81.82"
    assert held["minutes"]["date"] == date(2024, 6, 20)

    letters = fields_of(read_command(line("ForwardToCouncil")))["letters"]
    assert {letter["date"] for letter in letters.values()} == {date(2024, 7, 8)}
    corrected = fields_of(read_command(line("CorrectFact", took_place_on="2024-07-01")))
    assert corrected["took_place_on"] == date(2024, 7, 1)
    assert corrected["correction"]["letter"]["date"] == date(2024, 7, 1)
    assert corrected["documents"][0]["date"] == date(2024, 7, 3)


def test_days_may_be_given_as_dates_by_python() -> None:
    envelope = example("AnnounceRecognition")
    assert command_from({**envelope, "on": date.fromisoformat(envelope["on"])}) == command_from(envelope)


@pytest.mark.parametrize("value", [{1, 2}, object(), b"x", float("nan"), 1.5, "\ud800", 2**64])
def test_python_values_that_no_command_has_are_refused(value: object) -> None:
    with pytest.raises(MalformedCommand):
        command_from({**example("AnnounceRecognition"), "data": {"place": value}})


def test_a_dossier_is_named_by_text_or_by_unit_level_and_year() -> None:
    reference = UnitReference("04630", Level.BASIC, 2024)
    assert read_command(line("OpenDossier")).dossier == reference
    assert read_command(line()).dossier == "04630-CB-2024-1"
    assert read_command(envelope_with(dossier=example("OpenDossier")["dossier"])).dossier == reference


def test_parts_that_the_domain_asks_for_by_name_may_be_absent_or_null() -> None:
    assert fields_of(read_command(line(letter=None, system=None)))["letter"] is None
    envelope = example("EstablishCouncil")
    council = command_from({**envelope, "data": {}})
    assert isinstance(council, EstablishCouncil)
    assert council.decision is None
    assert council.members is None


def test_the_digest_is_of_the_content_not_of_its_spelling() -> None:
    envelope = example("VerifyCriterion")
    digest = command_from(envelope).digest
    reversed_keys = json.dumps(dict(reversed(envelope.items())), indent=3)

    assert len(digest) == 32
    assert read_command(reversed_keys).digest == digest
    assert command_from({**envelope, "command_id": ID[:-1] + "9"}).digest == digest
    assert command_from({**envelope, "on": "2024-07-19"}).digest != digest
    assert read_command(line(system="Hệ thống khác")).digest != digest


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


CODES = {code for code, _, _ in BAD}


def is_valid(envelope: Any) -> bool:
    """What a validator of its own says by the command's schema."""
    name = envelope.get("command") if isinstance(envelope, dict) else None
    if not isinstance(name, str) or name not in COMMANDS:
        return False
    return Draft202012Validator(command_schemas()[name], validate_formats=True).is_valid(envelope)


def refusal_of(text: str) -> MalformedCommand | None:
    try:
        read_command(text)
    except MalformedCommand as error:
        return error
    return None


def assert_named(error: MalformedCommand) -> None:
    assert error.code in CODES
    for text in (error.message("en"), error.message("vi")):
        assert text.encode("utf-8")
    json.dumps(error.details)


@given(values)
def test_no_other_json_is_a_command(value: Any) -> None:
    with pytest.raises(MalformedCommand) as raised:
        read_command(json.dumps(value))
    assert_named(raised.value)


@given(st.binary(max_size=300) | st.text(max_size=300))
def test_nothing_else_is_a_command(value: bytes | str) -> None:
    with pytest.raises(MalformedCommand) as raised:
        read_command(value)
    assert_named(raised.value)


@settings(max_examples=300)
@given(st.data())
def test_a_command_with_anything_anywhere_is_read_exactly_when_its_schema_allows_it(data: st.DataObject) -> None:
    envelope = deepcopy(example(data.draw(st.sampled_from(COMMANDS))))
    inside: Any = envelope
    while True:
        keys = list(inside) if isinstance(inside, dict) else list(range(len(inside)))
        key = data.draw(st.sampled_from(keys))
        if not inside[key] or not isinstance(inside[key], (dict, list)) or data.draw(st.booleans()):
            break
        inside = inside[key]
    inside[key] = data.draw(values)
    text = json.dumps(envelope)
    error = refusal_of(text)
    if error is None:
        command = read_command(text)
        assert is_valid(envelope)
        assert (command.name, command.command_id) == (envelope["command"], envelope["command_id"])
        assert command.on == date.fromisoformat(envelope["on"])
        assert command.actor == envelope["actor"]
    else:
        assert_named(error)
        # What the schema allows is refused for its texts and numbers alone.
        assert not is_valid(envelope) or not isinstance(error, InvalidCommand | InvalidDate)


def test_reading_keeps_nothing_of_what_it_read() -> None:
    def read(count: int, first: int) -> None:
        for number in range(first, first + count):
            read_command(line(system=f"Hệ thống số {number}"))

    read(50, 0)
    tracemalloc.start()
    read(50, 50)
    before, _ = tracemalloc.get_traced_memory()
    read(500, 100)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 20_000


def test_a_command_does_not_change() -> None:
    command = read_command(line())
    with pytest.raises(AttributeError):
        command.on = date(2024, 7, 19)  # type: ignore[misc]
    assert replace(command, on=date(2024, 7, 19)) != command


_AT_ONCE = """
import sys, threading
from schemas.command_parser import command_schemas, example, line_of, read_command
sys.setswitchinterval(1e-6)
lines = [line_of(example(name)) for name in command_schemas()]
together = threading.Barrier(8)
def read():
    together.wait()
    for line in lines:
        read_command(line)
threads = [threading.Thread(target=read) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def test_several_threads_read_their_first_commands_at_once() -> None:
    """As the partitions of a worker do. A process has one first time: without the lock, every other one died of it."""
    for _ in range(4):
        ended = subprocess.run(
            [sys.executable, "-c", _AT_ONCE], cwd=Path(__file__).parents[2], check=False, timeout=GUARD
        )
        assert ended.returncode == 0


def test_a_line_is_told_from_every_other_one_by_digest_and_id() -> None:
    """However its JSON is written; and what is no command, by its bytes."""
    given, command = GOOD.encode(), read_command(GOOD)
    assert is_command(given, command.digest, command.command_id)
    otherwise = json.dumps(json.loads(GOOD), indent=1, sort_keys=True).replace("\n", " ")
    assert is_command(otherwise.encode(), command.digest, command.command_id)
    assert is_command(given, command.digest, None)
    assert not is_command(given, command.digest, "7d1c4a8e-9a3b-4f4e-8b57-2f1f3f0f9c11")
    assert not is_command(envelope_with(on="2020-01-01").encode(), command.digest, command.command_id)
    for junk in (b"", b"{}", b"[1]", b"\xff", b'{"command_id": 1, "a": "\\ud800"}', b"[" * 100_000):
        assert not is_command(junk, command.digest, command.command_id)
        malformed = parse_message(junk)
        assert isinstance(malformed, MalformedMessage)
        assert malformed.digest == sha256(junk).digest()
        assert is_command(junk, malformed.digest, None)
        assert not is_command(given, malformed.digest, None)
