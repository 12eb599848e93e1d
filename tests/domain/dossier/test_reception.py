"""The fifteen days of the standing agency (II.2, reading 11)."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given as for_any
from hypothesis import strategies as st

from domain.context import InterpretationSettings
from domain.dossier.reception import deadline
from tests.domain.scenario import DEPARTMENT, given
from tests.support.command_builders import STANDING
from tests.support.histories import commands_up_to, events_of, history

DAYS = st.dates(date(2023, 1, 1), date(2030, 12, 31))


@for_any(DAYS)
def test_the_fifteenth_day_is_the_last_and_the_day_of_receipt_is_not_counted(received: date) -> None:
    """Calendar days, weekend or not."""
    assert deadline(received, rolls=False) == received + timedelta(days=15)


@for_any(DAYS)
def test_a_weekend_rolls_on_to_monday_where_the_setting_says_so(received: date) -> None:
    """Other days stay."""
    plain, rolled = deadline(received, rolls=False), deadline(received, rolls=True)
    assert rolled.weekday() < 5
    assert 0 <= (rolled - plain).days <= 2
    assert (rolled == plain) == (plain.weekday() < 5)


@pytest.mark.parametrize(("on", "late"), [("2024-07-01", 0), ("2024-07-16", 0), ("2024-07-17", 1), ("2024-08-16", 31)])
def test_late_forwarding_is_accepted_and_recorded(on: str, late: int) -> None:
    """It is never refused."""
    due = date(2024, 7, 16)
    given(history(DEPARTMENT, "received")).when(DEPARTMENT.forward(on)).then(
        "DossierForwardedToCouncil", due_on=due, days_late=late
    )


def test_the_setting_is_recorded_with_the_receipt_that_depended_on_it() -> None:
    """A later change of the setting changes no old deadline."""
    sent = history(DEPARTMENT, "submitted")
    rolling = InterpretationSettings(deadline_rolls_over_weekend=True)
    received = given(sent, readings=rolling).when(DEPARTMENT.receive("2024-07-05"))
    received.then("DossierReceived", due_on=date(2024, 7, 22), deadline_rolls_over_weekend=True)
    plain = given(sent).when(DEPARTMENT.receive("2024-07-05"))
    plain.then("DossierReceived", due_on=date(2024, 7, 20), deadline_rolls_over_weekend=False)


def test_a_return_stops_the_clock_and_completion_starts_it_anew() -> None:
    """The days before do not count."""
    back = events_of([*commands_up_to(DEPARTMENT, "received"), DEPARTMENT.give_back("2024-07-10")])
    stopped = given(back).when(DEPARTMENT.submit("2024-07-18")).then("DossierSubmitted")
    assert stopped.due_on is None
    again = events_of(
        [
            *commands_up_to(DEPARTMENT, "received"),
            DEPARTMENT.give_back("2024-07-10"),
            DEPARTMENT.submit("2024-07-18"),
            DEPARTMENT.receive("2024-07-20"),
        ]
    )
    given(again).when(DEPARTMENT.forward("2024-08-04")).then("DossierForwardedToCouncil", days_late=0)


@pytest.mark.parametrize(("rolls", "due"), [(False, date(2024, 7, 14)), (True, date(2024, 7, 15))])
def test_a_corrected_day_of_receipt_moves_the_fifteen_days(rolls: bool, due: date) -> None:
    """They run from the day on which the dossier was complete."""
    readings = InterpretationSettings(deadline_rolls_over_weekend=rolls)
    events = history(DEPARTMENT, "received")
    correction = DEPARTMENT.correct_fact(5, "2024-07-02", actor=STANDING, took_place_on="2024-06-29")
    corrected = given(events, readings=readings).when(correction)
    assert corrected.then("FactCorrected").due_on == due
    given([*events, *corrected.new]).when(DEPARTMENT.forward("2024-07-16")).then(
        "DossierForwardedToCouncil", due_on=due, days_late=(date(2024, 7, 16) - due).days
    )


def test_the_day_of_a_receipt_that_a_return_overtook_moves_nothing() -> None:
    """The days run from the receipt after the return."""
    again = [DEPARTMENT.give_back("2024-07-10"), DEPARTMENT.submit("2024-07-18"), DEPARTMENT.receive("2024-07-20")]
    events = events_of([*commands_up_to(DEPARTMENT, "received"), *again])
    correction = DEPARTMENT.correct_fact(5, "2024-07-21", actor=STANDING, took_place_on="2024-06-29")
    assert given(events).when(correction).then("FactCorrected").due_on == date(2024, 8, 4)
