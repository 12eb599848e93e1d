"""The recognition rule of I.1, exactly."""

from collections.abc import Mapping
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.catalogue import CommunesTarget, Criterion, Level, Requirement, UnitKind, catalogue
from domain.catalogue.answers import CommuneFigures
from domain.policy.recognition import Counts, communes_met, communes_needed, count, extended_share

WAYS = [(kind, level) for kind in UnitKind for level in Level]
NEEDED = {
    (UnitKind.DEPARTMENT, Level.BASIC): 0,
    (UnitKind.DEPARTMENT, Level.ADVANCED): 0,
    (UnitKind.DISTRICT, Level.BASIC): 5,
    (UnitKind.DISTRICT, Level.ADVANCED): 3,
    (UnitKind.COMMUNE, Level.BASIC): 6,
    (UnitKind.COMMUNE, Level.ADVANCED): 6,
}
BASIC = CommunesTarget(recognised_percent=50, advanced_percent=None)
ADVANCED = CommunesTarget(recognised_percent=100, advanced_percent=30)


def codes(criteria: Mapping[str, Criterion], requirement: Requirement) -> list[str]:
    """The codes of one requirement, in order."""
    return [code for code, criterion in criteria.items() if criterion.requirement is requirement]


def with_extended(kind: UnitKind, level: Level, met: int, not_applicable: int = 0) -> Counts:
    """All mandatory met; of the extended so many met, so many not applicable, the rest not met."""
    criteria = catalogue().criteria_for(kind, level)
    results: dict[str, bool | None] = dict.fromkeys(codes(criteria, Requirement.MANDATORY), True)
    for position, code in enumerate(codes(criteria, Requirement.EXTENDED)):
        results[code] = None if position < not_applicable else position < not_applicable + met
    return count(criteria, kind, results)


@pytest.mark.parametrize(("kind", "level"), WAYS)
def test_everything_met_holds(kind: UnitKind, level: Level) -> None:
    """And the needed extended ones are those of the table."""
    criteria = catalogue().criteria_for(kind, level)
    counts = count(criteria, kind, dict.fromkeys(criteria, True))
    assert counts["holds"]
    assert counts["extended_needed"] == NEEDED[kind, level]
    assert counts["mandatory_met"] == counts["mandatory_of"]
    assert counts["extended_met"] == counts["extended_of"]


@pytest.mark.parametrize(
    ("kind", "level", "met", "holds", "share"),
    [
        (UnitKind.DISTRICT, Level.BASIC, 4, False, Fraction(2, 7)),
        (UnitKind.DISTRICT, Level.BASIC, 5, True, Fraction(5, 14)),
        (UnitKind.DISTRICT, Level.ADVANCED, 2, False, Fraction(1, 4)),
        (UnitKind.DISTRICT, Level.ADVANCED, 3, True, Fraction(3, 8)),
        (UnitKind.COMMUNE, Level.BASIC, 5, False, Fraction(5, 18)),
        (UnitKind.COMMUNE, Level.BASIC, 6, True, Fraction(1, 3)),
        (UnitKind.COMMUNE, Level.ADVANCED, 5, False, Fraction(1, 4)),
        (UnitKind.COMMUNE, Level.ADVANCED, 6, True, Fraction(3, 10)),
    ],
)
def test_thirty_percent_is_exact(kind: UnitKind, level: Level, met: int, holds: bool, share: Fraction) -> None:
    """30 % of 20 is 6 and 6 is enough; of 14, 4 is not (I.1.b)."""
    counts = with_extended(kind, level, met)
    assert counts["holds"] is holds
    assert extended_share(counts) == share


def test_a_department_has_no_extended_share() -> None:
    """No division by zero; no 30 % for departments (I.1.a)."""
    counts = with_extended(UnitKind.DEPARTMENT, Level.ADVANCED, 0)
    assert counts == {
        "mandatory_met": 27,
        "mandatory_of": 27,
        "extended_met": 0,
        "extended_of": 0,
        "extended_needed": 0,
        "holds": True,
    }
    assert extended_share(counts) is None


def test_what_is_not_applicable_leaves_both_counts() -> None:
    """5 of 17 are not enough: 30 % of 17 is 5.1, so 6 (reading 6)."""
    counts = with_extended(UnitKind.COMMUNE, Level.BASIC, met=5, not_applicable=1)
    assert (counts["extended_met"], counts["extended_of"], counts["extended_needed"]) == (5, 17, 6)
    assert not counts["holds"]
    assert extended_share(counts) == Fraction(5, 17)


def test_a_mandatory_not_applicable_is_a_setting() -> None:
    """It leaves both counts, or counts as not met (reading 6)."""
    criteria = catalogue().criteria_for(UnitKind.COMMUNE, Level.BASIC)
    results: dict[str, bool | None] = {**dict.fromkeys(criteria, True), "II.7": None}
    left = count(criteria, UnitKind.COMMUNE, results)
    assert (left["mandatory_met"], left["mandatory_of"], left["holds"]) == (23, 23, True)
    kept = count(criteria, UnitKind.COMMUNE, results, mandatory_not_applicable="not_met")
    assert (kept["mandatory_met"], kept["mandatory_of"], kept["holds"]) == (23, 24, False)


def test_the_setting_is_about_mandatory_criteria_alone() -> None:
    """An extended criterion that is not applicable always leaves the counts."""
    criteria = catalogue().criteria_for(UnitKind.COMMUNE, Level.BASIC)
    results: dict[str, bool | None] = {**dict.fromkeys(criteria, True), "III.10": None}
    counts = count(criteria, UnitKind.COMMUNE, results, mandatory_not_applicable="not_met")
    assert (counts["extended_met"], counts["extended_of"]) == (17, 17)


@pytest.mark.parametrize(("kind", "level"), WAYS)
def test_no_result_is_not_met(kind: UnitKind, level: Level) -> None:
    """And results of other codes play no part."""
    criteria = catalogue().criteria_for(kind, level)
    counts = count(criteria, kind, {"IX.9": True})
    assert counts["mandatory_met"] == counts["extended_met"] == 0
    assert not counts["holds"]


way = st.sampled_from(WAYS)


@st.composite
def results_of(draw: st.DrawFn) -> tuple[UnitKind, Level, dict[str, bool | None]]:
    """Any results of any way, some criteria without one."""
    kind, level = draw(way)
    criteria = catalogue().criteria_for(kind, level)
    outcome = st.sampled_from([True, True, True, False, None])
    return kind, level, draw(st.dictionaries(st.sampled_from(sorted(criteria)), outcome))


@given(results_of())
def test_the_rule_is_the_guidances_sentence(case: tuple[UnitKind, Level, dict[str, bool | None]]) -> None:
    """100 % of the mandatory and, but for a department, at least 30 % of the extended, as fractions."""
    kind, level, results = case
    counts = count(catalogue().criteria_for(kind, level), kind, results)
    share = extended_share(counts)
    enough = kind is UnitKind.DEPARTMENT or share is None or share >= Fraction(30, 100)
    assert counts["holds"] == (counts["mandatory_met"] == counts["mandatory_of"] and enough)
    assert 0 <= counts["mandatory_met"] <= counts["mandatory_of"]
    assert 0 <= counts["extended_met"] <= counts["extended_of"]


@given(results_of(), st.data())
def test_one_more_met_never_hurts(case: tuple[UnitKind, Level, dict[str, bool | None]], data: st.DataObject) -> None:
    """A criterion that turns from not met to met keeps the rule where it holds."""
    kind, level, results = case
    criteria = catalogue().criteria_for(kind, level)
    unmet = [code for code in criteria if results.get(code, False) is False]
    before = count(criteria, kind, results)
    if unmet:
        code = data.draw(st.sampled_from(unmet))
        after = count(criteria, kind, {**results, code: True})
        assert after["holds"] >= before["holds"]
        met = after["mandatory_met"] + after["extended_met"]
        assert met == before["mandatory_met"] + before["extended_met"] + 1


@given(way)
def test_any_single_mandatory_criterion_decides(case: tuple[UnitKind, Level]) -> None:
    """All but one of the mandatory ones are not all (I.1)."""
    kind, level = case
    criteria = catalogue().criteria_for(kind, level)
    for code in codes(criteria, Requirement.MANDATORY):
        counts = count(criteria, kind, {**dict.fromkeys(criteria, True), code: False})
        assert not counts["holds"]
        assert counts["mandatory_met"] == counts["mandatory_of"] - 1


@pytest.mark.parametrize(
    ("target", "figures", "needed", "met"),
    [
        (BASIC, (12, 5, 0), (6, None), False),
        (BASIC, (12, 6, 0), (6, None), True),
        (BASIC, (15, 7, 0), (8, None), False),
        (BASIC, (15, 8, 0), (8, None), True),
        (BASIC, (24, 12, 3), (12, None), True),
        (ADVANCED, (25, 25, 7), (25, 8), False),
        (ADVANCED, (25, 25, 8), (25, 8), True),
        (ADVANCED, (12, 12, 3), (12, 4), False),
        (ADVANCED, (12, 12, 4), (12, 4), True),
        (ADVANCED, (12, 11, 11), (12, 4), False),
        (BASIC, (0, 0, 0), (0, None), False),
    ],
)
def test_the_communes_of_a_district(
    target: CommunesTarget, figures: tuple[int, int, int], needed: tuple[int, int | None], met: bool
) -> None:
    """Half recognised for basic; all, and 30 % as advanced, for advanced (Biểu 04 huyện I.1)."""
    communes, recognised, advanced = figures
    assert communes_needed(target, communes) == needed
    answer = CommuneFigures(communes=communes, recognised=recognised, advanced=advanced)
    assert communes_met(target, answer) is met


def test_the_districts_targets_are_these() -> None:
    """The catalogue holds both."""
    criteria = {each.id: each for each in catalogue().criteria}
    assert [column.target for column in criteria["district.I.1"].levels.values()] == [BASIC, ADVANCED]
