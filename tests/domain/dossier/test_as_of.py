"""A dossier as of any moment: what was known then, and what was true on a day."""

from __future__ import annotations

from datetime import date, timedelta

from domain.dossier.aggregate import DossierEvent
from domain.dossier.as_of import as_effective, as_recorded, at_version, state_of
from domain.dossier.states import State
from tests.domain.scenario import DEPARTMENT, given
from tests.support.command_builders import Draft, document
from tests.support.histories import NOW, commands_up_to, events_of, history


def recorded_daily(drafts: list[Draft]) -> list[DossierEvent]:
    """Facts that were recorded one a day, beginning on the day of NOW."""
    events: list[DossierEvent] = []
    for place, draft in enumerate(drafts):
        events += given(events, recorded_at=NOW + timedelta(days=place)).when(draft).new
    return events


def state(events: list[DossierEvent]) -> State:
    """What they amount to."""
    dossier = state_of(events)
    assert dossier is not None
    return dossier.state


def test_what_was_known_is_what_was_recorded_by_then() -> None:
    """The moment of recording itself included; before the first fact there is no dossier."""
    events = recorded_daily(commands_up_to(DEPARTMENT, "received"))
    assert state_of(as_recorded(events, NOW - timedelta(microseconds=1))) is None
    assert state(as_recorded(events, NOW)) is State.OPENED
    assert state(as_recorded(events, NOW + timedelta(days=3, hours=-1))) is State.OWN_MEETING
    assert state(as_recorded(events, NOW + timedelta(days=400))) is State.RECEIVED
    assert state(at_version(events, 2)) is State.SELF_ASSESSED
    assert at_version(events, 0) == []


def test_what_was_true_goes_by_the_day_of_the_fact() -> None:
    """Whenever it was recorded."""
    events = history(DEPARTMENT, "announced")
    for day, expected in (
        (date(2024, 6, 16), None),
        (date(2024, 6, 25), State.OWN_MEETING),
        (date(2024, 7, 9), State.RECEIVED),
        (date(2024, 8, 15), State.APPROVED),
        (date(2024, 8, 22), State.ANNOUNCED),
    ):
        dossier = state_of(as_effective(events, day))
        assert (dossier and dossier.state) == expected


def test_a_fact_took_place_on_its_corrected_day() -> None:
    """The receipt that was entered for 1 July was of 28 June."""
    so_tttt = ("standing_agency", "so-tttt")
    correction = DEPARTMENT.correct_fact(5, "2024-07-03", actor=so_tttt, took_place_on="2024-06-28")
    events = events_of([*commands_up_to(DEPARTMENT, "received"), correction])
    assert state(as_effective(events, date(2024, 6, 27))) is State.SUBMITTED
    assert state(as_effective(events, date(2024, 6, 28))) is State.RECEIVED
    assert state(as_effective(events[:-1], date(2024, 6, 28))) is State.SUBMITTED


def test_a_result_is_as_its_correction_says_and_a_new_sum_is_asked_for_from_the_corrections_day_on() -> None:
    """Before that day the sum stood, though the true figure was another."""
    dossier = state_of(history(DEPARTMENT, "proposed"))
    assert dossier is not None
    version = dossier.results["II.6"][0]
    correction = DEPARTMENT.correct("II.6", version, "2024-08-10", finding={"a": 1, "b": 100})
    events = events_of([*commands_up_to(DEPARTMENT, "proposed"), correction])
    before, after = state_of(as_effective(events, date(2024, 8, 9))), state_of(as_effective(events, date(2024, 8, 10)))
    assert before is not None
    assert after is not None
    assert before.state is State.PROPOSED
    assert after.state is State.VERIFIED
    assert before.results["II.6"][1]["met"] is after.results["II.6"][1]["met"] is False


def test_a_decision_was_true_from_its_corrected_date_on() -> None:
    """By the latest correction, whenever that was made."""
    correction = DEPARTMENT.correct_decision("2024-10-01", corrected=document("2024-08-20", "101/QĐ-UBND"))
    events = events_of([*commands_up_to(DEPARTMENT, "approved"), correction])
    assert state(as_effective(events, date(2024, 8, 15))) is State.PROPOSED
    assert state(as_effective(events, date(2024, 8, 20))) is State.APPROVED


def test_members_had_not_finished_on_a_day_before_the_last_result() -> None:
    """Although a correction that was made later calls the results complete."""
    first, *rest = DEPARTMENT.criteria
    steps = [*commands_up_to(DEPARTMENT, "forwarded_to_members"), DEPARTMENT.verify(first, "2024-07-15")]
    steps += [DEPARTMENT.verify(code, "2024-07-25") for code in rest]
    steps.append(DEPARTMENT.correct(first, 7, "2024-07-26"))
    events = events_of(steps)
    assert state(as_effective(events, date(2024, 7, 20))) is State.VERIFYING
    assert state(as_effective(events, date(2024, 7, 26))) is State.VERIFIED


def test_replaying_all_facts_gives_the_dossier_that_decided_them() -> None:
    """Nothing that a decision knows is missing from its facts."""
    events = history(DEPARTMENT, "announced")
    again = state_of(events)
    assert again is not None
    assert state(as_effective(events, date(2026, 1, 1))) is again.state
    assert again.version == len(events)
