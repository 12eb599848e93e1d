from __future__ import annotations

from pathlib import Path

import pytest

from infra.diagnosis.findings import RowsDiffer
from infra.diagnosis.marks import check_rows, mark_index, mark_rows
from infra.log.errors import IndexAltered, IndexUnusable
from infra.log.last_rows import check_last_rows, mark_of
from infra.state_files import StateUnusable
from projections.engine.errors import ViewsAheadOfLog

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


def test_what_contradicts_the_log_keeps_the_log_from_being_read_alone(tmp_path: Path) -> None:
    """Rows that differ do not: the log is not what is wrong then."""
    mark_rows(tmp_path, "audit", FOUND)
    check_rows(tmp_path, log_alone=True)
    ahead = ViewsAheadOfLog(projection="status", partition=0, position=56, head=53)
    mark_rows(tmp_path, "status", ahead)
    with pytest.raises(ViewsAheadOfLog) as raised:
        check_rows(tmp_path, log_alone=True)
    assert raised.value.details == ahead.details


def test_a_mark_of_a_read_model_that_cannot_be_read_refuses_too(tmp_path: Path) -> None:
    mark_rows(tmp_path, "status", FOUND)
    (mark,) = tmp_path.iterdir()
    for contents in ("no mark", "{}", '{"code": "OTHER", "details": {}}'):
        mark.write_text(contents, encoding="utf-8")
        with pytest.raises(StateUnusable):
            check_rows(tmp_path, log_alone=True)


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
