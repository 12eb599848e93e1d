"""The sum of the results, the council's word on it, and the proposal."""

from __future__ import annotations

from domain.dossier.states import State
from tests.domain.scenario import COMMUNE, given
from tests.support.command_builders import votes
from tests.support.histories import commands_up_to, events_of, history


def test_the_sum_counts_what_the_lead_agencies_found() -> None:
    summed = given(history(COMMUNE, "verified")).when(COMMUNE.sum_up()).then("ResultsSummedUp")
    assert summed.tally is not None
    assert summed.tally["mandatory_met"] == summed.tally["mandatory_of"]
    assert summed.tally["holds"]


def test_only_what_the_council_recommends_is_proposed() -> None:
    """Its votes are recorded and never judged; without any it has met all the same (II.3)."""
    against = COMMUNE.council_meets(recommends=False, votes=votes(2, 11, "18.18"))
    met = events_of([*commands_up_to(COMMUNE, "summed_up"), against])
    given(met).when(COMMUNE.propose()).refused("COUNCIL_DID_NOT_RECOMMEND")
    silent = given(history(COMMUNE, "summed_up")).when(COMMUNE.council_meets(votes=None)).then("CouncilMeetingRecorded")
    assert silent.council_recommends


def test_a_dossier_is_closed_where_the_council_does_not_recommend_and_nowhere_else() -> None:
    """A favourable sum leads on (reading 3)."""
    given(history(COMMUNE, "summed_up")).when(COMMUNE.close()).refused("SUM_IS_FAVOURABLE")
    given(history(COMMUNE, "council_met")).when(COMMUNE.close("2024-08-06")).refused("SUM_IS_FAVOURABLE")
    met = events_of([*commands_up_to(COMMUNE, "summed_up"), COMMUNE.council_meets(recommends=False)])
    closed = given(met).when(COMMUNE.close("2024-08-06")).then("DossierClosedAsUnfavourable")
    assert closed.state is State.CLOSED_AS_UNFAVOURABLE
