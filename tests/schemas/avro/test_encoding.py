"""The writer writes what fastavro writes, and refuses what no schema of ours has."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from fastavro import parse_schema, schemaless_writer

from schemas.avro.encoding import encoder, long_bytes, text_bytes

ID = {"type": "fixed", "name": "Id", "size": 2}


def record(kind: Any) -> dict[str, Any]:
    return {"type": "record", "name": "R", "namespace": "n", "fields": [{"name": "f", "type": kind}]}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("bytes", b"\x00\xff" * 100),
        (ID, b"ab"),
        ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, "B"),
        ([ID, "string"], b"ab"),
        ([ID, "string"], "ab"),
        (["null", {"type": "array", "items": ID}], [b"ab", b"cd"]),
        (["null", "long"], None),
        ({"type": "map", "values": "boolean"}, {"x": True}),
    ],
)
def test_it_writes_what_fastavro_writes(kind: Any, value: Any) -> None:
    expected = BytesIO()
    schemaless_writer(expected, parse_schema(record(kind)), {"f": value})
    assert encoder(record(kind))({"f": value}) == expected.getvalue()


@pytest.mark.parametrize("kind", [["string", "long"], ["long", "null"], "float", {"type": "double"}])
def test_a_schema_that_ours_never_are_is_refused_when_it_is_loaded(kind: Any) -> None:
    with pytest.raises((TypeError, KeyError)):
        encoder(record(kind))


def test_a_fixed_value_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="3 bytes are not 2"):
        encoder(record(ID))({"f": b"abc"})


@pytest.mark.parametrize("value", [-(2**63) - 1, 2**63])
def test_a_number_beyond_64_bits_is_refused(value: int) -> None:
    with pytest.raises(OverflowError):
        long_bytes(value)


def test_a_text_is_its_length_in_bytes_and_its_utf_8() -> None:
    assert text_bytes("Tú") == long_bytes(3) + "Tú".encode()
