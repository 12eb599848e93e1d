"""What several steps ask for: days in order, documents with their numbers, votes that add up, whole minutes."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.dossier.preconditions import votes_add_up
from domain.refusals import PercentContradictsVotes, VotesImpossible
from domain.shapes import DecimalText
from domain.values import Votes
from tests.domain.scenario import COMMUNE, DEPARTMENT
from tests.domain.scenario import given as happened_before
from tests.support.command_builders import document, meeting
from tests.support.histories import history


@given(st.integers(1, 300), st.integers(0, 300), st.integers(0, 6))
def test_a_percent_is_right_when_it_is_the_votes_rounded_half_up(attending: int, in_favour: int, decimals: int) -> None:
    """As many decimals as are stated; one unit of the last one beside it is wrong."""
    in_favour = min(in_favour, attending)
    scale = 10**decimals
    units = int(Fraction(in_favour * 100 * scale, attending) + Fraction(1, 2))

    def stated(number: int) -> Votes:
        whole, rest = divmod(number, scale)
        percent = f"{whole}.{rest:0{decimals}}" if decimals else str(whole)
        return Votes(in_favour=in_favour, attending=attending, percent=DecimalText(percent))

    votes_add_up(stated(units))
    with pytest.raises(PercentContradictsVotes):
        votes_add_up(stated(units + 1))


@pytest.mark.parametrize(("in_favour", "attending"), [(12, 11), (-1, 11), (0, 0)])
def test_votes_that_cannot_be_are_refused(in_favour: int, attending: int) -> None:
    with pytest.raises(VotesImpossible):
        votes_add_up(Votes(in_favour=in_favour, attending=attending, percent=DecimalText("0")))


def test_a_step_is_not_before_the_one_that_it_follows() -> None:
    events = history(COMMUNE, "forwarded_to_province")
    happened_before(events).when(COMMUNE.receive("2024-06-25")).refused("DATE_BEFORE_STEP", not_before="2024-06-26")
    happened_before(events).when(COMMUNE.receive("2024-06-26")).then("DossierReceived")


def test_a_document_has_its_number_and_is_no_younger_than_the_fact() -> None:
    events = history(COMMUNE, "summed_up")
    nameless = COMMUNE.propose(letter=document("2024-08-07", None))
    events = history(COMMUNE, "council_met")
    happened_before(events).when(nameless).refused("MISSING_PART", part="letter.number")
    younger = COMMUNE.propose("2024-08-07", letter=document("2024-08-08"))
    happened_before(events).when(younger).refused("DOCUMENT_DATED_LATER", date="2024-08-08")


@pytest.mark.parametrize("missing", ["begins", "chair", "present", "votes", "signatures", "minutes"])
def test_minutes_have_every_part_of_form_02(missing: str) -> None:
    held = {**meeting("2024-06-20"), missing: None}
    meets = DEPARTMENT.meet(meeting=held)
    happened_before(history(DEPARTMENT, "self_assessed")).when(meets).refused("MISSING_PART", part=f"meeting.{missing}")


def test_a_meeting_ends_after_it_began() -> None:
    held = meeting("2024-06-20", begins="10:30", ends="10:30")
    happened_before(history(DEPARTMENT, "self_assessed")).when(DEPARTMENT.meet(meeting=held)).refused(
        "MEETING_TIMES_IMPOSSIBLE"
    )
