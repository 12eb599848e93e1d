"""What every read model owes: no event forgotten, handlers of the right type, rows and revisions as released."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, get_args, get_type_hints

import pytest

from domain.council.aggregate import CouncilEvent
from domain.dossier.aggregate import DossierEvent
from domain.dossier.application import DossierOpened
from domain.dossier.recommendation import ResultsSummedUp
from domain.dossier.states import CLOSED, State
from domain.procedure import EVENT_TYPES, PROCEDURE
from domain.recorded_event import RecordedEvent
from domain.step import CreatingStep, Shared
from projections.audit import AUDIT
from projections.council import COUNCIL
from projections.eligibility import _REASON_OF_STATE, ELIGIBILITY
from projections.engine.projection import Projection
from projections.public_decisions.read_model import DECISIONS
from projections.read_models import PROJECTIONS
from projections.status import STATUS

RELEASED = {
    "status": "1-b1d081007ba7",
    "audit": "1-989e3baad99b",
    "eligibility": "1-bae1e84eeb80",
    "council": "1-3e6844ea1762",
    "decisions": "1-0fd08392bafa",
}
"""Read model → the revision of the rows that installations have. Another one makes them build all rows anew."""

RELEASED_ROWS = "fbad55f70e96e0d4e27d059df003e20d23fe77ddbde09a2e6f37d1ee0d19c8d9"
"""SHA-256 of every row that the province's story makes. Other rows of the same events need a higher version."""


def test_rows_that_installations_have_are_served_on() -> None:
    assert {projection.name: projection.revision for projection in PROJECTIONS} == RELEASED


def test_the_same_events_make_the_rows_that_were_released(expected: bytes) -> None:
    assert sha256(expected).hexdigest() == RELEASED_ROWS


def subtypes_of(base: type[RecordedEvent]) -> set[type[RecordedEvent]]:
    return {event_type for event_type in EVENT_TYPES.values() if issubclass(event_type, base)}


def test_the_audit_records_every_event() -> None:
    assert set(AUDIT.handlers) == set(EVENT_TYPES.values())


def test_the_status_follows_every_event_of_a_dossier() -> None:
    assert set(STATUS.handlers) == subtypes_of(DossierEvent)


def test_the_council_follows_every_event_of_the_council() -> None:
    assert set(COUNCIL.handlers) == subtypes_of(CouncilEvent)


def test_eligibility_follows_what_opens_or_ends_an_attempt_or_changes_a_recognition() -> None:
    opening = {step.event for step in PROCEDURE if isinstance(step, CreatingStep)}
    ending = {step.event for step in PROCEDURE if CLOSED & set(step.becomes)}
    recognising = {step.event for step in PROCEDURE if Shared.RECOGNITIONS in step.changes}
    assert set(ELIGIBILITY.handlers) == opening | ending | recognising


def test_every_end_without_a_recognition_has_its_reason() -> None:
    assert {state for state in State if state in _REASON_OF_STATE} == CLOSED | {State.OPENED}


def test_the_public_decisions_follow_what_is_public_and_what_decisions_repeat() -> None:
    public = {step.event for step in PROCEDURE if step.public}
    assert public <= set(DECISIONS.handlers)
    assert set(DECISIONS.handlers) - public == {DossierOpened, ResultsSummedUp}


@pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda projection: projection.name)
def test_what_is_not_handled_is_ignored_and_nothing_else(projection: Projection) -> None:
    assert projection.handled | projection.ignored == EVENT_TYPES.keys()
    assert not projection.handled & projection.ignored


def handled_by(handler: Any) -> tuple[type[RecordedEvent], ...]:
    """The types of events that a handler says it takes; every event where it says Any."""
    (taken,) = get_args(get_type_hints(handler)["event"])
    return (RecordedEvent,) if taken is Any else get_args(taken) or (taken,)


@pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda projection: projection.name)
def test_each_handler_stands_beside_a_type_of_event_that_it_takes(projection: Projection) -> None:
    for event_type, handler in projection.handlers.items():
        assert issubclass(event_type, handled_by(handler)), f"{handler} for {event_type}"
