"""The store of a publisher's fold: what was saved comes back, and whatever else stands there is forgotten."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from consumers.publisher_ports import FoldCheckpoint
from infra.delivery import fold_store
from infra.delivery.fold_store import SQLiteFoldStore
from projections.public_decisions.read_model import FeedPosition
from projections.public_decisions.tables import UNITS

CHECKPOINT = FoldCheckpoint(7, b"\x01" * 32, FeedPosition(6, 1), "a decision")
ROWS = 200


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "publisher.sqlite"


def opened(path: Path, log_id: str = "log", partition: int = 0) -> SQLiteFoldStore:
    return SQLiteFoldStore(path, log_id, partition)


def fill(store: SQLiteFoldStore) -> None:
    for number in range(ROWS):
        store.upsert_row(UNITS, UNITS.blank(unit_id=f"{number:05}", sequence=number, recognitions="{}"))


@pytest.fixture
def saved(path: Path) -> Path:
    """A file that was saved and closed."""
    with closing(opened(path)) as store:
        assert store.load() is None
        fill(store)
        store.save(CHECKPOINT)
    return path


def read(store: SQLiteFoldStore) -> list[int | None]:
    """The sequence of each row that was saved, None where it is missing."""
    rows = [store.get(UNITS, f"{number:05}") for number in range(ROWS)]
    return [row["sequence"] if row is not None else None for row in rows]


def test_what_was_saved_comes_back(saved: Path) -> None:
    with closing(opened(saved)) as store:
        assert store.load() == CHECKPOINT
        assert read(store) == list(range(ROWS))


def test_what_was_not_saved_does_not(saved: Path) -> None:
    with closing(opened(saved)) as store:
        store.load()
        store.upsert_row(UNITS, UNITS.blank(unit_id="00003", sequence=99, recognitions="{}"))
        row = store.get(UNITS, "00003")
        assert row is not None
        assert row["sequence"] == 99
    with closing(opened(saved)) as store:
        assert store.load() == CHECKPOINT
        assert read(store) == list(range(ROWS))


def test_a_row_that_is_saved_again_is_what_it_was_last(saved: Path) -> None:
    with closing(opened(saved)) as store:
        store.load()
        store.upsert_row(UNITS, UNITS.blank(unit_id="00003", sequence=99, recognitions="{}"))
        store.save(CHECKPOINT._replace(position=9))
    with closing(opened(saved)) as store:
        assert store.load() == CHECKPOINT._replace(position=9)
        assert read(store) == [99 if number == 3 else number for number in range(ROWS)]


def test_it_is_its_owners_alone(saved: Path) -> None:
    assert saved.stat().st_mode & 0o077 == 0
    assert saved.parent.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(("log_id", "partition"), [("another log", 0), ("log", 1)])
def test_it_is_of_one_log_and_partition(saved: Path, log_id: str, partition: int) -> None:
    with closing(opened(saved, log_id, partition)) as store:
        assert store.load() is None


def test_it_is_of_one_releases_fold(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Later:
        revision = "99-of-a-later-release"

    monkeypatch.setattr(fold_store, "DECISIONS", Later)
    with closing(opened(saved)) as store:
        assert store.load() is None


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _text(path: Path) -> None:
    path.write_text("no database", encoding="utf-8")


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _execute(sql: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(sql)
            connection.commit()

    return change


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(Path.unlink, id="deleted"),
        pytest.param(_empty, id="empty"),
        pytest.param(_text, id="no database"),
        pytest.param(_cut, id="cut"),
        pytest.param(_execute("PRAGMA user_version = 99"), id="tables of another release"),
        pytest.param(_execute("DELETE FROM rows WHERE key = '00003'"), id="a row is missing"),
        pytest.param(_execute("UPDATE rows SET body = replace(body, '3', '4')"), id="rows are changed"),
        pytest.param(_execute("UPDATE rows SET key = 'x' || key WHERE key = '00003'"), id="a row is another one's"),
        pytest.param(_execute("UPDATE checkpoint SET body = replace(body, '7', '8')"), id="the checkpoint is changed"),
        pytest.param(_execute("UPDATE checkpoint SET body = 'x'"), id="the checkpoint is no checkpoint"),
        pytest.param(_execute("DROP TABLE checkpoint"), id="a table is missing"),
    ],
)
def test_what_was_spoilt_is_forgotten_and_made_anew(saved: Path, spoil: Callable[[Path], None]) -> None:
    spoil(saved)
    with closing(opened(saved)) as store:
        assert store.load() is None
        store.clear()
        assert read(store) == [None] * ROWS
        fill(store)
        store.save(CHECKPOINT)
    with closing(opened(saved)) as store:
        assert store.load() == CHECKPOINT
        assert read(store) == list(range(ROWS))


def test_rows_of_two_moments_are_never_taken_for_one(saved: Path, tmp_path: Path) -> None:
    """As a torn transaction, or a page of a copy, would leave them: each row is one that was saved once."""
    before = tmp_path / "before.sqlite"
    shutil.copy(saved, before)
    with closing(opened(saved)) as store:
        store.load()
        store.upsert_row(UNITS, UNITS.blank(unit_id="00003", sequence=99, recognitions="{}"))
        store.upsert_row(UNITS, UNITS.blank(unit_id="00004", sequence=99, recognitions="{}"))
        store.save(CHECKPOINT._replace(position=9))
    with closing(sqlite3.connect(saved)) as connection:
        connection.execute("ATTACH ? AS before", (str(before),))
        connection.execute("REPLACE INTO rows SELECT * FROM before.rows WHERE key = '00003'")
        connection.commit()
    with closing(opened(saved)) as store:
        assert store.load() is None


def test_any_bit_that_is_flipped_is_noticed_or_of_no_matter(saved: Path) -> None:
    """Whatever is loaded is what was saved."""
    whole, random = saved.read_bytes(), Random(12)
    noticed = 0
    for _ in range(60):
        contents = bytearray(whole)
        contents[random.randrange(len(contents))] ^= 1 << random.randrange(8)
        saved.write_bytes(contents)
        with closing(opened(saved)) as store:
            found = store.load()
            noticed += found is None
            assert found in (None, CHECKPOINT)
            assert found is None or read(store) == list(range(ROWS))
    assert noticed


def test_texts_that_are_no_utf_8_any_more_are_damage(saved: Path) -> None:
    """In the schema, which SQLite then quotes in its error, and in what was saved."""
    whole = saved.read_bytes()
    for text in (b"CREATE TABLE rows", b"PRIMARY KEY (kind", b"a decision", b'"scope"'):
        contents = bytearray(whole)
        contents[whole.rindex(text) + 3] ^= 0x80
        saved.write_bytes(contents)
        with closing(opened(saved)) as store:
            assert store.load() is None
            fill(store)
            store.save(CHECKPOINT)
        with closing(opened(saved)) as store:
            assert store.load() == CHECKPOINT


def test_a_second_one_does_not_wait_for_the_first_and_leaves_its_file_alone(saved: Path) -> None:
    with closing(opened(saved)) as first, closing(opened(saved)) as second:
        assert first.load() == CHECKPOINT
        assert second.load() is None
        second.clear()
        fill(second)
        second.save(CHECKPOINT._replace(position=12))
        assert read(second) == list(range(ROWS))
    with closing(opened(saved)) as store:
        assert store.load() == CHECKPOINT


def test_a_folder_that_cannot_be_written_keeps_nobody_from_folding(tmp_path: Path) -> None:
    """It folds anew at each start, and says why in its log."""
    (tmp_path / "state").write_text("a file, and no folder", encoding="utf-8")
    with closing(opened(tmp_path / "state" / "publisher.sqlite")) as store:
        assert store.load() is None
        fill(store)
        store.save(CHECKPOINT)
        assert read(store) == list(range(ROWS))


def test_memory_holds_only_what_was_changed_since(saved: Path) -> None:
    with closing(opened(saved)) as store:
        store.load()
        fill(store)
        assert len(store._changed) == ROWS
        store.save(CHECKPOINT)
        read(store)
        assert not store._changed
