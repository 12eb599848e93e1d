"""The generated reader is held to fastavro: the same record from the same bytes, and nothing from damaged ones."""

from __future__ import annotations

from datetime import UTC, date, datetime
from io import BytesIO
from typing import Any

import pytest
from fastavro import parse_schema, schemaless_writer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.procedure import EVENT_TYPES
from schemas.avro.decoding import decoder
from schemas.avro.derivation import derive
from schemas.avro.registry import released_versions
from tests.schemas.records import by_fastavro, records

_ERRORS = (EOFError, IndexError, OverflowError, ValueError)


def _written(schema: Any, record: Any) -> bytes:
    body = BytesIO()
    schemaless_writer(body, parse_schema(schema), record)
    return body.getvalue()


@pytest.mark.parametrize("name", EVENT_TYPES)
@settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_it_reads_what_fastavro_reads(name: str, data: st.DataObject) -> None:
    schema = derive(name)
    record = data.draw(records(schema))
    body = _written(schema, record)
    assert decoder(schema)(body, 0) == by_fastavro(schema, body) == record
    assert decoder(schema)(b"\xc3\x01 a header" + body, 11) == record


@pytest.mark.parametrize("name", ["SelfAssessmentRecorded", "CriterionVerified", "FactCorrected"])
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(data=st.data())
def test_it_reads_nothing_from_damaged_bytes_that_fastavro_does_not(name: str, data: st.DataObject) -> None:
    schema = derive(name)
    body = bytearray(_written(schema, data.draw(records(schema))))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(body) - 1))
        body[place] = data.draw(st.integers(0, 255))
    damaged = bytes(body[: data.draw(st.integers(0, len(body)) | st.just(len(body)))])
    try:
        found = decoder(schema)(damaged, 0)
    except _ERRORS:
        return
    assert found == by_fastavro(schema, damaged)


def test_a_record_that_ends_early_or_goes_on_is_refused() -> None:
    schema = derive("DossierWithdrawn")
    record = {
        "recorded_at": datetime(2024, 7, 1, tzinfo=UTC),
        "on": date(2024, 7, 1),
        "actor": {"person": "Nguyễn Văn An", "agency": "so-tttt", "role": "standing_agency"},
        "command_id": "01907f3a-0000-710c-8000-00000000000d",
        "reason": "rút hồ sơ",
    }
    body = _written(schema, record)
    for cut in range(1, 30):
        for damaged in (body[:-cut], body + b"\0" * cut):
            with pytest.raises(_ERRORS):
                decoder(schema)(damaged, 0)


def test_every_released_version_has_a_reader() -> None:
    for versions in released_versions().values():
        for released in versions:
            assert callable(decoder(released.schema))


def test_a_schema_that_it_cannot_read_is_named() -> None:
    record = {"type": "record", "name": "R", "namespace": "n", "fields": [{"name": "f", "type": ["int", "string"]}]}
    with pytest.raises(TypeError, match="union"):
        decoder(record)
    with pytest.raises(TypeError, match="double"):
        decoder({**record, "fields": [{"name": "f", "type": "double"}]})


def test_a_field_of_the_record_itself_can_get_another_key() -> None:
    """And a field of the same name further in keeps its own."""
    inner = {"type": "record", "name": "I", "namespace": "n", "fields": [{"name": "f", "type": "long"}]}
    schema = {
        "type": "record", "name": "R", "namespace": "n",
        "fields": [{"name": "f", "type": "long"}, {"name": "g", "type": inner}],
    }  # fmt: skip
    assert decoder(schema, {"f": "h"})(bytes([2, 4]), 0) == {"h": 1, "g": {"f": 2}}


def test_blocks_with_their_size_are_read() -> None:
    """Other writers may put the size in bytes behind a negative count."""
    schema = {
        "type": "record", "name": "R", "namespace": "n",
        "fields": [{"name": "f", "type": {"type": "array", "items": "long"}}],
    }  # fmt: skip
    body = bytes([3, 4, 2, 4, 2, 6, 0])
    assert decoder(schema)(body, 0) == by_fastavro(schema, body) == {"f": [1, 2, 3]}
