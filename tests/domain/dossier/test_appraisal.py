"""The lead agencies' part: inspections and results, each with what it rests on."""

from __future__ import annotations

from domain.dossier.states import State
from tests.domain.scenario import COMMUNE, given
from tests.support.command_builders import document
from tests.support.histories import commands_up_to, events_of, history

FORWARDED = commands_up_to(COMMUNE, "forwarded_to_members")
CODE = next(iter(COMMUNE.criteria))


def test_a_result_rests_on_a_system_or_on_an_inspection_of_its_agency() -> None:
    """The latest inspection no later than the result is recorded with it (II.3)."""
    inspected = events_of([*FORWARDED, COMMUNE.inspect(CODE, "2024-07-18"), COMMUNE.inspect(CODE, "2024-07-20")])
    on_site = COMMUNE.verify(CODE, "2024-07-22", system=None)
    given(history(COMMUNE, "forwarded_to_members")).when(on_site).refused("FIELD_INSPECTION_MISSING", criterion=CODE)
    given(inspected).when(on_site).then("CriterionVerified", system=None, inspection=inspected[-1].originator_version)
    earlier = COMMUNE.verify(CODE, "2024-07-19", letter=document("2024-07-19"), system=None)
    given(inspected).when(earlier).then("CriterionVerified", inspection=inspected[-2].originator_version)


def test_the_last_result_completes_the_verification() -> None:
    codes = list(COMMUNE.criteria)
    before = events_of([*FORWARDED, *(COMMUNE.verify(code) for code in codes[:-1])])
    verified = given(before).when(COMMUNE.verify(codes[-1])).then("CriterionVerified", complete=True)
    assert verified.state is State.VERIFIED


def test_a_result_is_given_once_and_by_the_agency_that_leads_its_criterion() -> None:
    """A second one is a correction, which names the first (reading 5)."""
    first = events_of([*FORWARDED, COMMUNE.verify(CODE)])
    version = first[-1].originator_version
    given(first).when(COMMUNE.verify(CODE)).refused("ALREADY_VERIFIED", version=version)
    stranger = next(each for each in ("so-yt", "so-xd") if each != COMMUNE.criteria[CODE].lead_agency)
    foreign = COMMUNE.verify(CODE, actor=("council_member", stranger))
    given(events_of(FORWARDED)).when(foreign).refused("WRONG_AGENCY", criterion=CODE)
    given(first).when(COMMUNE.correct(CODE, version - 1)).refused("UNKNOWN_FACT", corrects=version - 1)
    given(first).when(COMMUNE.correct(CODE, version)).then("VerificationCorrected", corrects=version)
