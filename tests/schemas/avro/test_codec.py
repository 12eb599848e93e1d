"""Events go to the log and come back the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from io import BytesIO
from typing import Any
from uuid import UUID, uuid4

import pytest
from eventsourcing.compressor import ZlibCompressor
from eventsourcing.persistence import JSONTranscoder, Mapper, StoredEvent
from eventsourcing.utils import resolve_topic
from fastavro import parse_schema, schemaless_writer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.catalogue import Level
from domain.council.aggregate import ProvincialCouncil
from domain.dossier.aggregate import Dossier
from domain.errors import DossierError
from domain.procedure import EVENT_TYPES
from schemas.avro.codec import (
    AvroMapper,
    PlainEventsOnly,
    UnknownEventType,
    UnknownSchema,
    UnreadableEvent,
    decode,
    decode_event,
    encode,
    newest_readers,
)
from schemas.avro.derivation import derive
from schemas.avro.registry import MARKER, Registry, fingerprint, registry
from schemas.avro.samples import sample_of
from tests.schemas.records import by_fastavro, event_of, records

DAY = date(2024, 7, 3)
VERIFIED: dict[str, Any] = {
    "recorded_at": datetime(2024, 7, 3, 2, 30, tzinfo=UTC),
    "on": DAY,
    "actor": {"person": "Phạm Quốc Huy", "agency": "so-yt", "role": "council_member"},
    "command_id": "01907f3a-0000-710c-8000-00000000000d",
    "criterion": "III.7",
    "finding": {"a": 6120, "b": 6500, "met": True},
    "system": "Hệ thống hồ sơ sức khỏe điện tử",
    "inspection": None,
    "letter": {"number": "915/SYT-NVY", "date": DAY, "issuer": "Sở Y tế", "sha256": "0" * 64},
    "contributions": [],
    "read_at": [],
    "complete": False,
}


@pytest.mark.parametrize("name", EVENT_TYPES)
@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_every_event_type_comes_back_as_it_was(name: str, data: st.DataObject) -> None:
    event = event_of(name, data.draw(records(derive(name))))
    mapper = AvroMapper()

    stored = mapper.to_stored_event(event)

    assert (stored.topic, stored.originator_id, stored.originator_version) == (name, event.originator_id, 7)
    assert mapper.to_domain_event(stored) == event


@pytest.mark.parametrize("name", EVENT_TYPES)
@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_the_bytes_are_those_of_fastavro(name: str, data: st.DataObject) -> None:
    schema = derive(name)
    record = data.draw(records(schema))
    expected = BytesIO()
    schemaless_writer(expected, parse_schema(schema), record)

    assert encode(name, record) == MARKER + fingerprint(schema) + expected.getvalue()


def test_an_optional_key_that_is_absent_is_none_afterwards() -> None:
    read = decode("CriterionVerified", encode("CriterionVerified", VERIFIED))

    assert read["letter"] == {**VERIFIED["letter"], "title": None}
    assert read["finding"] == {
        **dict.fromkeys(("answer", "count", "communes", "not_applicable", "not_applicable_confirmed")),
        **VERIFIED["finding"],
    }
    assert read["recorded_at"] == VERIFIED["recorded_at"]
    assert read["recorded_at"].tzinfo is UTC
    assert type(read["on"]) is date


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("criterion", None, AttributeError),
        ("complete", None, TypeError),
        ("complete", 1, TypeError),
        ("inspection", 2**63, OverflowError),
        ("inspection", "1", TypeError),
        ("on", "2024-07-03", AttributeError),
    ],
)
def test_a_value_of_another_type_is_not_written(field: str, value: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        encode("CriterionVerified", {**VERIFIED, field: value})


def test_a_field_that_must_be_there_is_missed_by_name() -> None:
    with pytest.raises(KeyError, match="criterion"):
        encode("CriterionVerified", {key: value for key, value in VERIFIED.items() if key != "criterion"})


def test_a_closed_word_is_written_as_its_text() -> None:
    record = {**sample_of(derive("DossierOpened")), "level": Level.BASIC}
    assert decode("DossierOpened", encode("DossierOpened", record))["level"] == "basic"


@pytest.mark.parametrize(
    ("topic", "state", "error"),
    [
        ("CriterionForgotten", encode("CriterionVerified", VERIFIED), UnknownEventType),
        ("DossierReceived", encode("CriterionVerified", VERIFIED), UnreadableEvent),
        ("CriterionVerified", b"", UnreadableEvent),
        ("CriterionVerified", b"\xc3\x01" + b"\x00" * 7, UnreadableEvent),
        ("CriterionVerified", b'{"criterion": "III.7"}', UnreadableEvent),
        ("CriterionVerified", b"\xc3\x01" + b"\x00" * 20, UnknownSchema),
        ("CriterionVerified", encode("CriterionVerified", VERIFIED)[:-5], UnreadableEvent),
        ("CriterionVerified", encode("CriterionVerified", VERIFIED) + b"\x00", UnreadableEvent),
    ],
)
def test_what_is_no_known_event_is_refused_by_name(topic: str, state: bytes, error: type[DossierError]) -> None:
    with pytest.raises(error) as raised:
        decode(topic, state)
    assert "{" not in str(raised.value)
    with pytest.raises(error) as raised_for_event:
        decode_event(StoredEvent(uuid4(), 1, topic, state))
    assert "{" not in str(raised_for_event.value)
    ours, theirs = raised_for_event.value.details, raised.value.details
    assert {**ours, "place": ""} == {**theirs, "place": ""}, "where it stands is known of an event of a log alone"


@st.composite
def damaged_bodies(draw: st.DrawFn) -> bytes:
    """The body of an event with one byte changed, or cut off somewhere."""
    body = bytearray(encode("CriterionVerified", VERIFIED)[10:])
    place = draw(st.integers(0, len(body) - 1))
    if draw(st.booleans()):
        return bytes(body[:place])
    body[place] = draw(st.integers(0, 255))
    return bytes(body)


@settings(max_examples=300)
@given(damaged_bodies() | st.binary(max_size=200))
def test_damage_is_either_read_as_fastavro_reads_it_or_named(body: bytes) -> None:
    """A negative branch of a union, which fastavro takes as Python's index from the end, is no branch here."""
    newest = registry().newest["CriterionVerified"]
    expected = by_fastavro(newest.schema, body)
    if expected is None or newest.encode(expected) != body:
        refusal = refusal_of(newest.header + body)
        if refusal is not None:
            assert (refusal["topic"], refusal["version"]) == ("CriterionVerified", newest.version)
            assert expected is None or "branch" in str(refusal["reason"])
            return
    assert decode("CriterionVerified", newest.header + body) == expected


def refusal_of(state: bytes) -> dict[str, Any] | None:
    """The details of the refusal of a CriterionVerified; None when it is read."""
    try:
        decode("CriterionVerified", state)
    except UnreadableEvent as error:
        return dict(error.details)
    return None


def test_a_negative_branch_is_no_branch() -> None:
    newest = registry().newest["CriterionVerified"]
    body = bytearray(encode("CriterionVerified", {**VERIFIED, "system": None})[10:])
    whole = encode("CriterionVerified", {**VERIFIED, "system": "x"})[10:]
    place = next(at for at, (none, given) in enumerate(zip(body, whole, strict=False)) if none != given)
    body[place] = 0x03
    with pytest.raises(UnreadableEvent, match="branch") as raised:
        decode("CriterionVerified", newest.header + bytes(body))
    assert (raised.value.details["topic"], raised.value.details["version"]) == ("CriterionVerified", newest.version)


@pytest.fixture
def one_version_later(monkeypatch: pytest.MonkeyPatch) -> Iterator[bytes]:
    """The state of a DossierReceived, and then a release with one more field."""
    state = encode("DossierReceived", sample_of(derive("DossierReceived")))
    earlier = registry().newest["DossierReceived"]
    schema = derive("DossierReceived")
    schema["fields"].insert(3, {"name": "note", "type": ["null", "string"], "default": None})
    later = replace(earlier, version=earlier.version + 1, schema=schema)
    known = Registry(
        by_header={**registry().by_header, later.header: later},
        newest={**registry().newest, "DossierReceived": later},
    )
    monkeypatch.setattr("schemas.avro.codec.registry", lambda: known)
    newest_readers.cache_clear()
    yield state
    newest_readers.cache_clear()


def test_an_event_of_an_earlier_version_is_read_in_the_newest_shape(one_version_later: bytes) -> None:
    newest = {**sample_of(derive("DossierReceived")), "note": None}
    assert decode("DossierReceived", one_version_later) == newest
    stored = StoredEvent(uuid4(), 3, "DossierReceived", one_version_later)
    newest["timestamp"] = newest.pop("recorded_at")
    assert vars(decode_event(stored)) == {**newest, "originator_id": stored.originator_id, "originator_version": 3}


def test_the_library_can_make_the_mapper_from_its_topic() -> None:
    mapper_class: type[Mapper[UUID]] = resolve_topic("schemas.avro.codec:AvroMapper")
    assert isinstance(mapper_class(transcoder=JSONTranscoder(), compressor=None, cipher=None), AvroMapper)


def test_compression_of_single_events_is_refused() -> None:
    with pytest.raises(PlainEventsOnly):
        AvroMapper(transcoder=JSONTranscoder(), compressor=ZlibCompressor())


def test_an_id_that_the_recorder_keeps_as_text_is_a_uuid_again() -> None:
    stored = AvroMapper().to_stored_event(event_of("CriterionVerified", VERIFIED))
    as_text = StoredEvent(str(stored.originator_id), stored.originator_version, stored.topic, stored.state)
    assert AvroMapper().to_domain_event(as_text).originator_id == stored.originator_id


def test_the_topics_of_aggregates_are_those_that_the_library_gives() -> None:
    for name, aggregate in (
        ("DossierOpened", Dossier),
        ("EarlierRecognitionRecorded", Dossier),
        ("CouncilEstablished", ProvincialCouncil),
    ):
        stored = AvroMapper().to_stored_event(event_of(name, sample_of(derive(name))))
        assert resolve_topic(vars(AvroMapper().to_domain_event(stored))["originator_topic"]) is aggregate
