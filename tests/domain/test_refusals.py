"""Each refusal of the project, brought about once: its name, its clause, and its words in both languages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

import pytest

from domain.catalogue import Level
from domain.catalogue.answers import FigureTooLarge
from domain.context import CouncilInForce
from domain.council.aggregate import ProvincialCouncil
from domain.cross_dossier import CrossDossierFacts
from domain.errors import DossierError, Refused
from domain.refusals import CommandIdReused, UnknownDossier
from tests.domain.scenario import COMMUNE, DEPARTMENT, DISTRICT, Given, given
from tests.support.command_builders import Draft, Drafts, appointee, council, document, meeting, votes
from tests.support.histories import MEMBERS, commands_up_to, events_of, history, on_council, reference
from tests.support.units import UNITS

LANGUAGES: tuple[Literal["en", "vi"], ...] = ("en", "vi")


@dataclass(frozen=True)
class Refusal:
    """A command on what happened, and why it is refused."""

    code: str
    clause: str | None
    before: Given
    draft: Draft
    details: dict[str, Any] = field(default_factory=dict)


def claim(code: str, drafts: Drafts = COMMUNE, **figure: Any) -> Draft:
    """A self-assessment of one criterion."""
    return drafts.assess(claims={code: {"figure": figure, "evidence": [document("2024-06-17")]}})


def not_recommended() -> Given:
    """The council met and did not recommend."""
    return given(events_of([*commands_up_to(DEPARTMENT, "summed_up"), DEPARTMENT.council_meets(recommends=False)]))


def declared() -> Drafts:
    """A commune that declares II.7 not applicable."""
    return Drafts(COMMUNE.unit, COMMUNE.level, figures={"II.7": {"not_applicable": "Không có hợp tác xã"}})


def stripped() -> Given:
    """A commune's dossier came back from the province and lost the evidence of a criterion."""
    bare = {"I.1": {"figure": {"a": 100, "b": 100}, "evidence": []}}
    again = [COMMUNE.give_back(), COMMUNE.assess("2024-07-03", claims=bare), COMMUNE.send_on("2024-07-04")]
    return given(events_of([*commands_up_to(COMMUNE, "received"), *again]))


def lacking(drafts: Drafts, up_to: str, code: str) -> Given:
    """A way on which one criterion was found below its target."""
    below = Drafts(drafts.unit, drafts.level, figures={code: {"a": 1, "b": 100}})
    steps = [
        step if step["data"].get("criterion") != code else below.verify(code) for step in commands_up_to(drafts, up_to)
    ]
    return given(events_of(steps))


def without_home_affairs() -> CrossDossierFacts:
    """A council on which Sở Nội vụ has no member."""
    known = reference(council=False)
    known.add_council(CouncilInForce(1, date(2020, 1, 2), "1/QĐ-UBND", MEMBERS - {"so-nv"}))
    return known


REFUSALS = [
    Refusal("DOSSIER_CLOSED", "reading 3", given(events_of([
        *commands_up_to(DEPARTMENT, "submitted"),
        DEPARTMENT.withdraw("2024-06-27")])), DEPARTMENT.receive(), {"state": "withdrawn"}),
    Refusal("ALREADY_DECIDED", "reading 4", given(history(DEPARTMENT, "approved")), DEPARTMENT.withdraw("2024-08-16")),
    Refusal("WRONG_ACTOR", None, given(history(DEPARTMENT, "submitted")), DEPARTMENT.receive(
        actor=("standing_agency", "so-nv"))),
    Refusal("WRONG_ACTOR", None, given(history(DEPARTMENT, "submitted")), DEPARTMENT.correct_fact(
        4, "2024-06-27", actor=("standing_agency", "so-tttt"), took_place_on="2024-06-25"), {"expected": "so-tp"}),
    Refusal("WRONG_ACTOR", None, given(history(DEPARTMENT, "forwarded_to_members")), DEPARTMENT.verify(
        "I.1", actor=("standing_agency", "so-tttt")), {"expected": "council_member"}),
    Refusal("WRONG_AGENCY", "III.2", given(history(DEPARTMENT, "forwarded_to_members")), DEPARTMENT.verify(
        "II.6", actor=("council_member", "so-tttt")), {"lead_agency": "so-nv"}),
    Refusal("LEADS_NOTHING_HERE", "II.2", given(history(DEPARTMENT, "received")), DEPARTMENT.forward(
        letters={**DEPARTMENT.letters("2024-07-10"), "so-xd": document("2024-07-10")})),
    Refusal("WRONG_ORDER", "II.1.1.c", given(history(COMMUNE, "self_assessed")), COMMUNE.submit()),
    Refusal("WRONG_ORDER", "II.1.1.c", given(history(COMMUNE, "self_assessed")), COMMUNE.meet()),
    Refusal("WRONG_ORDER", "II.1.1", given(history(DISTRICT, "self_assessed")), DISTRICT.appraise()),
    Refusal("WRONG_ORDER", "II.1.1.a", given(history(DEPARTMENT, "own_meeting")), DEPARTMENT.submit_to_district()),
    Refusal("WRONG_ORDER", "II.3", given(history(DEPARTMENT, "received")), DEPARTMENT.verify("I.1")),
    Refusal("MISSING_PART", "II.1.2", given(history(DEPARTMENT, "own_meeting")), DEPARTMENT.submit(letter=None)),
    Refusal("MISSING_PART", "II.1.2", given(history(DEPARTMENT, "own_meeting")), DEPARTMENT.submit(
        report=document("2024-06-26", None)), {"part": "report.number"}),
    Refusal("MISSING_PART", "Biểu 02", given(history(DEPARTMENT, "self_assessed")), DEPARTMENT.meet(
        meeting=meeting("2024-06-20", opinions=[])), {"part": "meeting.opinions"}),
    Refusal("MISSING_PART", "II.2", given(history(DEPARTMENT, "received")), DEPARTMENT.forward(letters={})),
    Refusal("MISSING_PART", "II.1.1", given(history(COMMUNE, "opened")), COMMUNE.assess(claims={"I.1": {}})),
    Refusal("MISSING_PART", "reading 5", given(history(COMMUNE, "district_met")), COMMUNE.correct_fact(
        4, "2024-06-26", correction={"findings": {"I.1": "đạt"}}, actor=("district_council", "140"))),
    Refusal("MISSING_PART", "reading 5", given(events_of([
        *commands_up_to(COMMUNE, "forwarded_to_members"),
        COMMUNE.inspect("III.12")])), COMMUNE.correct_fact(8, "2024-07-19",
        correction={"findings": {"III.12": {"answer": True}}},
                                           actor=("council_member", "so-yt"))),
    Refusal("INCOMPLETE", "II.2", stripped(), COMMUNE.receive("2024-07-05"), {"missing": ["evidence of I.1"]}),
    Refusal("REASON_MISSING", "reading 4", given(history(DEPARTMENT, "proposed")), DEPARTMENT.reject(reasons="")),
    Refusal("REASON_MISSING", "II.2", given(history(DEPARTMENT, "submitted")), DEPARTMENT.give_back(missing=[" "])),
    Refusal("RULE_NOT_MET", "I.1.a", given(events_of([DEPARTMENT.open(), Drafts(
        DEPARTMENT.unit, DEPARTMENT.level, figures={"I.6": {"a": 7999, "b": 10000}}).assess(), DEPARTMENT.meet()])),
        DEPARTMENT.submit(), {"mandatory_met": 22, "not_met": ["I.6"]}),
    Refusal("RULE_NOT_MET", "I.1.b", given(history(DISTRICT, "own_meeting"), cross_dossier=reference(communes=False)),
            DISTRICT.submit(), {"communes": {"communes": 24, "recognised": 0, "advanced": 0, "recognised_needed": 12,
                                             "advanced_needed": None}}),
    Refusal("RULE_NOT_MET", "I.1.a", lacking(DEPARTMENT, "summed_up", "II.6"), DEPARTMENT.council_meets()),
    Refusal("DATE_IN_FUTURE", None, given(history(DEPARTMENT, "submitted")), DEPARTMENT.receive("2026-07-01")),
    Refusal("DATE_BEFORE_STEP", None, given(history(DEPARTMENT, "submitted")), DEPARTMENT.receive("2024-06-25"),
            {"not_before": "2024-06-26"}),
    Refusal("DATE_BEFORE_DECISION", "II.4", given(history(DEPARTMENT, "approved")), DEPARTMENT.announce("2024-08-14")),
    Refusal("DOCUMENT_DATED_LATER", None, given(history(DEPARTMENT, "own_meeting")), DEPARTMENT.submit(
        letter=document("2024-06-27"))),
    Refusal("DATE_CONTRADICTS_DOCUMENT", None, given(history(DEPARTMENT, "proposed")), DEPARTMENT.approve(
        decision=document("2024-08-14"))),
    Refusal("DATE_CONTRADICTS_DOCUMENT", None, given(), COMMUNE.recognised_earlier(
        "2023-12-01", decision=document("2023-11-30"))),
    Refusal("UNKNOWN_CRITERION", None, given(history(COMMUNE, "opened")), claim("I.14", answer=True)),
    Refusal("CRITERIA_MISSING", "II.3", given(events_of([
        *commands_up_to(DEPARTMENT, "forwarded_to_members"),
        DEPARTMENT.verify("II.6")])), DEPARTMENT.sum_up(), {"count": 22}),
    Refusal("CRITERIA_MISSING", "II.1.1.b", given(history(COMMUNE, "submitted_to_district")), COMMUNE.appraise(
        findings={"I.1": {"a": 40, "b": 100}}), {"count": 41}),
    Refusal("FIELD_INSPECTION_MISSING", "II.3", given(history(COMMUNE, "forwarded_to_members")), COMMUNE.verify(
        "III.12", system=None)),
    Refusal("MET_CONTRADICTS_FIGURE", "II.3", given(history(COMMUNE, "forwarded_to_members")), COMMUNE.verify(
        "I.4", finding={"a": 89, "b": 100, "met": True}), {"stated": "met", "follows": "not met"}),
    Refusal("ALREADY_VERIFIED", "reading 5", given(history(DEPARTMENT, "verified")), DEPARTMENT.verify("II.6")),
    Refusal("DECLARED_NOT_APPLICABLE", "reading 6", given(events_of(commands_up_to(
        declared(), "forwarded_to_members"))), COMMUNE.verify("II.7")),
    Refusal("NOT_DECLARED_NOT_APPLICABLE", "reading 6", given(history(COMMUNE, "forwarded_to_members")), COMMUNE.verify(
        "II.7", finding={"not_applicable_confirmed": True})),
    Refusal("COMPUTED_BY_SYSTEM", "Biểu 04 huyện I.1", given(history(DISTRICT, "opened")), claim(
        "I.1", DISTRICT, a=12, b=24)),
    Refusal("COMPUTED_BY_SYSTEM", "Biểu 04 huyện I.1", given(
        history(DISTRICT, "forwarded_to_members")), DISTRICT.verify("I.1", finding={"a": 12, "b": 24})),
    Refusal("PERCENT_CONTRADICTS_VOTES", "Biểu 02 II.3", given(history(DEPARTMENT, "self_assessed")), DEPARTMENT.meet(
        meeting=meeting("2024-06-20", votes=votes(9, 11, "85"))), {"exact": "81.82"}),
    Refusal("PERCENT_IMPOSSIBLE", "Biểu 02", given(history(DEPARTMENT, "self_assessed")), DEPARTMENT.meet(
        meeting=meeting("2024-06-20", minutes_approved_percent="100.5"))),
    Refusal("VOTES_IMPOSSIBLE", "Biểu 02 II.3", given(history(DEPARTMENT, "summed_up")), DEPARTMENT.council_meets(
        votes=votes(12, 11, "109.09"))),
    Refusal("MEETING_TIMES_IMPOSSIBLE", "Biểu 02", given(history(DEPARTMENT, "self_assessed")), DEPARTMENT.meet(
        meeting=meeting("2024-06-20", ends="07:59"))),
    Refusal("DOSSIER_ALREADY_OPEN", None, given(history(COMMUNE, "self_assessed")), COMMUNE.open("2024-06-18")),
    Refusal("NO_COUNCIL", "II.3", given(history(DEPARTMENT, "received"), cross_dossier=reference(council=False)),
            DEPARTMENT.forward()),
    Refusal("LEVEL_MISMATCH", "reading 13", given(history(COMMUNE, "proposed")), COMMUNE.approve(level="advanced")),
    Refusal("UNKNOWN_FACT", "reading 5", given(history(DEPARTMENT, "verified")), DEPARTMENT.correct("II.6", 3)),
    Refusal("UNKNOWN_FACT", "reading 5", given(history(DEPARTMENT, "submitted")), DEPARTMENT.correct_fact(
        99, "2024-06-27", took_place_on="2024-06-25")),
    Refusal("UNKNOWN_FACT", "reading 5", given(history(DEPARTMENT, "submitted")), DEPARTMENT.correct_fact(
        4, "2024-06-27", took_place_on="2024-06-28")),
    Refusal("UNKNOWN_FACT", "reading 5", given(history(DEPARTMENT, "submitted")), DEPARTMENT.correct_fact(
        4, "2024-06-27", correction={"place": "Hội trường"})),
    Refusal("SUM_IS_FAVOURABLE", "II.3", given(history(DEPARTMENT, "summed_up")), DEPARTMENT.close()),
    Refusal("COUNCIL_DID_NOT_RECOMMEND", "II.3", not_recommended(), DEPARTMENT.propose()),
    Refusal("ALREADY_RECOGNISED", None, given(), Drafts(UNITS.communes_of("135")[9], Level.BASIC).recognised_earlier(
        "2024-01-10"), {"decision": "9/QĐ"}),
    Refusal("AGENCY_NOT_ON_COUNCIL", "II.3", given(
        history(DEPARTMENT, "received"), cross_dossier=without_home_affairs()),
        DEPARTMENT.forward(), {"agencies": ["so-nv"]}),
    Refusal("FIGURE_KIND_MISMATCH", "Biểu 04", given(history(COMMUNE, "opened")), claim("I.4", answer=True)),
    Refusal("NEGATIVE_FIGURE", None, given(history(COMMUNE, "opened")), claim("I.4", a=-1, b=100)),
    Refusal("A_EXCEEDS_B", "Biểu 04", given(history(COMMUNE, "opened")), claim("I.4", a=101, b=100)),
    Refusal("ZERO_DENOMINATOR", "reading 6", given(history(COMMUNE, "opened")), claim("I.4", a=0, b=0)),
    Refusal("NOT_APPLICABLE_REASON_MISSING", "reading 6", given(history(COMMUNE, "opened")), claim(
        "I.4", not_applicable=" ")),
    Refusal("NOT_APPLICABLE_ONLY_FOR_RATIOS", "reading 6", given(history(COMMUNE, "opened")), claim(
        "I.12", not_applicable="Không có")),
]  # fmt: skip


def composition(**changed: Any) -> DossierError:
    """The refusal of a council."""
    with pytest.raises(Refused) as caught:
        on_council(None, council("2020-01-02", **changed))
    return caught.value


def of_the_council() -> Iterator[DossierError]:
    """What is refused about the provincial council, and what is refused beside dossiers."""
    yield composition(chair=appointee("so-tttt"))
    yield composition(standing_vice_chair=appointee("so-nv"))
    yield composition(members=[appointee("so-tttt")])
    yield composition(members=None)
    established = on_council(None, council("2020-01-02"))
    for present, draft in ((established, council("2021-01-02")), (None, council("2021-01-02", "ChangeCouncil"))):
        yield refused_of(present, draft)
    yield UnknownDossier(reference="04630-CB-2024-1")
    yield CommandIdReused(command_id="00000000-0000-4000-8000-000000000001")
    yield FigureTooLarge(criterion="xa.I.4", field="b", value=2**53 + 1, largest=2**53)


def refused_of(present: ProvincialCouncil | None, draft: Draft) -> DossierError:
    """The refusal of one command on the council."""
    with pytest.raises(Refused) as caught:
        on_council(present, draft)
    return caught.value


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: f"{refusal.code}-{refusal.draft['command']}")
def test_a_refusal_says_what_is_missing_and_which_clause_asks_for_it(refusal: Refusal) -> None:
    """By name; the dossier stays as it was."""
    error = refusal.before.when(refusal.draft).refused(refusal.code, **refusal.details)
    assert error.clause == refusal.clause
    assert_speaks(error)


def test_what_is_refused_about_the_council_is_said_in_both_languages() -> None:
    """And of dossiers that are not there."""
    codes = []
    for error in of_the_council():
        assert_speaks(error)
        codes.append(error.code)
    assert codes[:6] == ["COUNCIL_COMPOSITION"] * 2 + ["MISSING_PART"] * 2 + ["COUNCIL_EXISTS", "NO_COUNCIL"]


def test_every_refusal_of_the_project_is_brought_about_here() -> None:
    """A new one needs a case of its own."""
    codes = {refusal.code for refusal in REFUSALS} | {error.code for error in of_the_council()}
    assert {kind.code for kind in every(Refused)} - {"REFUSED", "FIGURE_REFUSED"} == codes


def every(base: type[DossierError]) -> Iterator[type[DossierError]]:
    """A kind of error and all below it."""
    yield base
    for below in base.__subclasses__():
        yield from every(below)


def assert_speaks(error: DossierError) -> None:
    """Message and hint in both languages, everything filled in from the details."""
    for language in LANGUAGES:
        for text in (error.message(language), error.hint(language)):
            assert "{" not in text.replace("{unit, level, year}", ""), text
            assert "None" not in text
        assert error.message(language)
    assert str(error) == error.message("en")
