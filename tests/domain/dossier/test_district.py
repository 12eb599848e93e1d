"""The district council between a commune and the province."""

from __future__ import annotations

from domain.dossier.states import State
from tests.domain.scenario import COMMUNE, given
from tests.support.histories import commands_up_to, events_of


def test_a_return_by_the_province_comes_back_through_the_district() -> None:
    """With its letter and minutes, on the findings that stand, or on findings made anew."""
    events = events_of([*commands_up_to(COMMUNE, "received"), COMMUNE.give_back()])
    given(events).when(COMMUNE.receive("2024-07-03")).refused("WRONG_ORDER")
    sent = given(events).when(COMMUNE.send_on("2024-07-03")).then("DossierSentToProvince")
    assert sent.state is State.FORWARDED_TO_PROVINCE
    given(events).when(COMMUNE.appraise("2024-07-03")).then("DossierAppraised")


def test_what_the_district_council_returned_is_not_sent_on_before_the_commune_sent_it_again() -> None:
    """Also when it had been at the province before."""
    by_district = COMMUNE.give_back("2024-07-05", actor=("district_council", "140"))
    sent_again = COMMUNE.submit_to_district("2024-07-04")
    events = events_of([*commands_up_to(COMMUNE, "received"), COMMUNE.give_back(), sent_again, by_district])
    given(events).when(COMMUNE.send_on("2024-07-06")).refused("WRONG_ORDER")
    given(events).when(COMMUNE.appraise("2024-07-06")).refused("WRONG_ORDER")
    given(events).when(COMMUNE.submit_to_district("2024-07-06")).then("DossierSubmittedToDistrictCouncil")
