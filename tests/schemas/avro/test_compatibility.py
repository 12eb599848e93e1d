"""What one Avro schema reads of what another wrote."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from schemas.avro.compatibility import breaches
from schemas.avro.derivation import derive


@pytest.mark.parametrize(
    ("reader", "writer", "fits"),
    [
        ("long", "int", True),
        ("int", "long", False),
        ("double", "float", True),
        ("string", "bytes", True),
        (["null", "string"], "string", True),
        ("string", ["null", "string"], False),
        (["null", "long"], ["null", "int"], True),
        ({"type": "array", "items": "long"}, {"type": "array", "items": "int"}, True),
        ({"type": "map", "values": "int"}, {"type": "map", "values": "long"}, False),
        ({"type": "fixed", "name": "F", "size": 4}, {"type": "fixed", "name": "F", "size": 8}, False),
        (
            {"type": "enum", "name": "E", "symbols": ["A"], "default": "A"},
            {"type": "enum", "name": "E", "symbols": ["A", "B"]},
            True,
        ),
        (
            {"type": "enum", "name": "E", "symbols": ["A"]},
            {"type": "enum", "name": "E", "symbols": ["A", "B"]},
            False,
        ),
    ],
)
def test_resolution_follows_the_specification(reader: Any, writer: Any, fits: bool) -> None:
    assert (breaches(reader, writer) == []) is fits


def test_a_record_that_holds_itself_is_compared_once() -> None:
    tree = {
        "type": "record",
        "name": "Tree",
        "fields": [{"name": "children", "type": {"type": "array", "items": "Tree"}}],
    }
    assert breaches(tree, deepcopy(tree)) == []


def test_a_removed_field_and_one_that_is_no_longer_nullable_break_the_reader_of_facts() -> None:
    earlier = derive("DossierWithdrawn")
    later = deepcopy(earlier)
    later["fields"][-1] = {"name": "reason", "type": "string"}
    assert breaches(later, earlier, whole=True) == ["DossierWithdrawn.reason: null is no string"]
    assert breaches(earlier, later, whole=True) == []
    del later["fields"][-1]
    assert breaches(later, earlier) == []
    assert breaches(later, earlier, whole=True) == [
        "DossierWithdrawn.reason: it was written, and would no longer be read"
    ]
