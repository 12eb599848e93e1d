from __future__ import annotations

from pathlib import Path

import pytest

from infra.diagnosis.findings import RowsDiffer
from infra.diagnosis.marks import check_rows, mark_index, mark_rows
from infra.log.errors import IndexAltered, IndexUnusable
from infra.log.last_rows import check_last_rows, mark_of

FOUND = RowsDiffer(projection="status", different=3, table="status_dossiers", key="a")


def test_rows_that_were_named_are_refused_until_they_were_made_anew(tmp_path: Path) -> None:
    check_rows(tmp_path)
    mark_rows(tmp_path, "status", FOUND)
    mark_rows(tmp_path, "audit", None)
    with pytest.raises(RowsDiffer) as raised:
        check_rows(tmp_path)
    assert raised.value.details == FOUND.details
    mark_rows(tmp_path, "status", None)
    check_rows(tmp_path)


def test_an_index_that_was_named_is_refused_by_its_first_bad_position(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    mark_index(path, 17)
    with pytest.raises(IndexAltered, match="position 17"):
        check_last_rows(path, None)
    mark_index(path, None)
    # There is none: it is looked at, and no mark keeps anybody from it.
    with pytest.raises(IndexUnusable) as raised:
        check_last_rows(path, None)
    assert not isinstance(raised.value, IndexAltered)


def test_a_mark_that_cannot_be_read_refuses_too(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    mark_of(path).write_text("no mark", encoding="utf-8")
    with pytest.raises(IndexUnusable, match=str(path)):
        check_last_rows(path, None)
