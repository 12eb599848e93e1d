"""What both stores do alike with rows."""

from __future__ import annotations

import pytest

from projections.engine.ports import InvalidRow
from projections.engine.table import Kind, Table, Value
from tests.support.stores import Store

NOTES = Table("notes", {"number": Kind.INTEGER, "text": Kind.TEXT}, ("number",))


@pytest.fixture(autouse=True)
def _made(views: Store) -> None:
    with views.exclusive_transaction() as writer:
        writer.create(NOTES, NOTES.name)


def stored(views: Store) -> dict[Value, Value]:
    """Number → text of all rows."""
    with views.reading() as reader:
        return {row["number"]: row["text"] for row in reader.select("SELECT * FROM notes")}


@pytest.mark.parametrize("count", [1, 20, 21, 3000])
@pytest.mark.parametrize("new", [True, False])
def test_rows_are_stored_whether_they_were_there_or_not(views: Store, count: int, *, new: bool) -> None:
    """`new` is a guess: a row that is there all the same is changed, and none beside it is lost."""
    with views.transaction() as writer:
        writer.upsert(NOTES, NOTES.name, [(count // 2, "before")])
    rows = [(number, f"note {number}\t\\N") for number in range(count)]
    with views.transaction() as writer:
        writer.upsert(NOTES, NOTES.name, rows, new=new)
        writer.upsert(NOTES, NOTES.name, [(count, "after")], new=new)
    assert stored(views) == {**dict(rows), count: "after"}


@pytest.mark.parametrize("new", [True, False])
def test_a_refused_row_leaves_none_behind(views: Store, *, new: bool) -> None:
    rows: list[tuple[Value, ...]] = [(number, "note") for number in range(100)]
    with pytest.raises(InvalidRow), views.transaction() as writer:
        writer.upsert(NOTES, NOTES.name, [*rows, (1 << 70, "too large")], new=new)
    assert stored(views) == {}
