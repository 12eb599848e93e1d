"""What is said of two rows that are not the same."""

from __future__ import annotations

import json

import pytest

from projections.engine.comparison import Difference
from projections.engine.table import Value


@pytest.mark.parametrize(
    ("live", "rebuilt", "fields"),
    [
        ("received", "forwarded", {"column": ("received", "forwarded")}),
        (None, 3, {"column": (None, 3)}),
        ('{"a":1,"b":{"c":[1,2]}}', '{"a":1,"b":{"c":[1,3]}}', {"column.b.c[1]": (2, 3)}),
        ('{"a":1}', '{"b":1}', {"column.a": (1, None), "column.b": (None, 1)}),
        ("[1]", "[1,2]", {"column[1]": (None, 2)}),
        ('{"a":1}', "{ none", {"column": ({"a": 1}, "{ none")}),
        ('{"a":1}', '{"a": 1}', {"column": ('{"a":1}', '{"a": 1}')}),
        ('{"a":null}', "{}", {"column": ('{"a":null}', "{}")}),
        ('{"a":1}', '{"a":true}', {"column": ('{"a":1}', '{"a":true}')}),
    ],
)
def test_the_field_that_differs_is_named(live: Value, rebuilt: Value, fields: dict[str, tuple[object, object]]) -> None:
    """Also within a column that holds JSON: nobody looks for one figure in two lines of a thousand characters."""
    found = Difference("table", ("key",), "changed", {"column": (live, rebuilt)})
    assert found.fields == fields
    shown = json.loads(json.dumps(found.as_json()))
    assert shown["fields"] == [*fields]
    assert shown["columns"] == {"column": {"live": live, "rebuilt": rebuilt}}
