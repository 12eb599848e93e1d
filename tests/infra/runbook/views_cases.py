"""Cases about read models, and about the index that they are made from, on an embedded log."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Final

from infra.bootstrap import Application
from infra.settings import load
from projections.engine.hashchain import extend_all, initial
from tests.infra.runbook.case import LOG, OPEN, UNITS, VIEWS, Case, Place, record
from tests.support.unreadable import unreadable

_NEW: Final = "04642"
_AUDIT: Final = ("audit", f"{UNITS[0]}-CB-2024-1")


def edit(place: Place, *statements: str, file: str = LOG) -> None:
    """Somebody changes rows that only the program should write."""
    with closing(sqlite3.connect(place.path(file))) as connection, connection:
        for statement in statements:
            assert connection.execute(statement).rowcount > 0


def index(*statements: str) -> Callable[[Place], None]:
    """A case in which the index beside the records is changed."""
    return partial(_edited, statements=statements, file=LOG)


def views(*statements: str) -> Callable[[Place], None]:
    """A case in which read models are changed."""
    return partial(_edited, statements=statements, file=VIEWS)


def _edited(place: Place, statements: tuple[str, ...], file: str) -> None:
    edit(place, *statements, file=file)


def _older(place: Place) -> None:
    """The log was put back from a copy, and the read models know a fact behind it."""
    place.copy("copy", LOG)
    place.run(*OPEN, _NEW)
    place.run("status")
    for file in place.folder.glob(f"{LOG}-*"):
        file.unlink()
    place.path("copy").joinpath(LOG).rename(place.path(LOG))


def _locked(place: Place) -> None:
    """While there is a fact that they do not show yet."""
    record(place, _NEW)
    place.hold(VIEWS)


def _overwritten(place: Place) -> None:
    with place.path(VIEWS).open("r+b") as file:
        file.write(b"no database any more")


def _elsewhere(place: Place) -> None:
    """A database server is named that does not answer."""
    right = f"sqlite:///{place.path(VIEWS)}"
    place.environment |= {"RIGHT": right, "DOSSIER_VIEWS": "postgresql://127.0.0.1:1/views"}


def _parked(place: Place) -> None:
    """By a release that could not read a fact, and was mended since."""
    record(place, _NEW)
    with unreadable("DossierOpened"):
        place.ask("status")
    place.environment["DOSSIER"] = f"{_NEW}-CB-2024-1"


def _parked_unlisted(place: Place) -> None:
    _parked(place)
    edit(place, "DELETE FROM views_parked WHERE projection = 'status'", file=VIEWS)


def _folded(place: Place, times: int) -> None:
    """The second event is folded so often into what a read model says that it has folded."""
    with Application(load({"DOSSIER_LOG": place.log})) as application:
        events = application.engine.log.read(0, 0, len(UNITS))
    digest, _ = extend_all(initial(0), [events[0], *[events[1]] * times, *events[2:]])
    change = "UPDATE views_positions SET digest = ?, applied = applied + ? WHERE projection = 'status'"
    with closing(sqlite3.connect(place.path(VIEWS))) as connection, connection:
        assert connection.execute(change, (digest.hex(), times - 1)).rowcount == 1


def _ahead_of_what_was_folded(place: Place) -> None:
    record(place, _NEW)
    edit(place, "UPDATE views_positions SET position = position + 1 WHERE projection = 'status'", file=VIEWS)


_VERIFY: Final = ("views", "verify")
_STATUS: Final = ("status",)

VIEWS_CASES: Final[dict[str, Case]] = {
    "BROKEN_CHAIN": Case(index("DELETE FROM stored_events WHERE rowid = 2"), _STATUS),
    "DOSSIERS_PARKED": Case(_parked, ("doctor",)),
    "DOSSIER_PARKED": Case(_parked, ("status", f"{_NEW}-CB-2024-1")),
    "EVENT_FOLDED_TWICE": Case(partial(_folded, times=2)),
    "EVENT_SKIPPED": Case(partial(_folded, times=0)),
    "FACT_DIFFERS": Case(views("UPDATE audit_events_g1 SET person = 'x' WHERE version = 1"), _AUDIT),
    "FACT_MISSING": Case(index("UPDATE stored_events SET originator_version = 1000 WHERE rowid = 2")),
    "INDEX_ALTERED": Case(index("DELETE FROM stored_events WHERE rowid = 3"), _STATUS),
    "MISCOUNTED": Case(views("UPDATE views_positions SET applied = applied + 1 WHERE projection = 'status'")),
    "OTHER_EVENTS_FOLDED": Case(
        views("UPDATE views_positions SET position = position - 1 WHERE projection = 'status'")
    ),
    "PARKED_OTHERWISE": Case(_parked_unlisted),
    "POSITIONS_MISSING": Case(index("DELETE FROM stored_events WHERE rowid = 2"), ("doctor",)),
    "POSITION_AHEAD_OF_LOG": Case(_older, lambda place: place.run(*_VERIFY, code=4).out),
    "POSITION_MOVED_AHEAD": Case(_ahead_of_what_was_folded),
    "UNREADABLE_EVENT": Case(index("UPDATE stored_events SET state = substr(state, 1, 12) WHERE rowid = 2")),
    "VIEWS_AHEAD_OF_LOG": Case(_older, _STATUS),
    "VIEWS_DATABASE_UNAVAILABLE": Case(_elsewhere, _STATUS),
    "VIEWS_LOCKED": Case(_locked, _STATUS),
    "VIEWS_NOT_BUILT": Case(views("DELETE FROM views_generations WHERE projection = 'audit'"), _VERIFY),
    "VIEWS_OF_NEWER_PROGRAM": Case(
        views("UPDATE views_generations SET version = 99, revision = '99-x' WHERE projection = 'status'"), _STATUS
    ),
    "VIEWS_UNAVAILABLE": Case(_overwritten, _STATUS),
}
