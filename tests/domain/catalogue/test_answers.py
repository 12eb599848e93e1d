"""What is refused about a figure or a finding, and when one meets its target."""

import unicodedata
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.catalogue import Criterion, CriterionNotOfLevel, Level, RatioTarget, UnitKind, catalogue
from domain.catalogue.answers import (
    LARGEST,
    Figure,
    FigureKindMismatch,
    FigureRefused,
    FigureTooLarge,
    NegativeFigure,
    NotApplicableOnlyForRatios,
    NumeratorExceedsDenominator,
    ReasonMissing,
    ZeroDenominator,
    check,
    judged,
    met,
)
from domain.errors import DossierError, Refused
from domain.refusals import ComputedBySystem, DeclaredNotApplicable, MetContradictsFigure, NotDeclaredNotApplicable
from domain.values import CommuneFigures, Finding

BY_ID = {criterion.id: criterion for criterion in catalogue().criteria}
RATIO = BY_ID["commune.II.7"]
SETS_DIFFER = BY_ID["district.IV.3"]
YES_NO = BY_ID["commune.I.13"]
COUNT = BY_ID["commune.II.8"]
COMMUNES = BY_ID["district.I.1"]


def figure(**values: object) -> Figure:
    """A figure as it comes from outside, right or wrong."""
    return cast("Figure", values)


def communes(total: object, recognised: object, advanced: object) -> Figure:
    """A figure of the district's I.1."""
    return figure(communes={"communes": total, "recognised": recognised, "advanced": advanced})


@pytest.mark.parametrize(
    ("criterion", "given_figure"),
    [
        (RATIO, figure(a=0, b=1)),
        (RATIO, figure(a=LARGEST, b=LARGEST)),
        (RATIO, figure(a=4, b=5, answer=None, count=None, not_applicable=None)),
        (RATIO, figure(not_applicable="xã chưa có sản phẩm OCOP")),
        (RATIO, figure(a=0, b=0, not_applicable="xã chưa có sản phẩm OCOP")),
        (SETS_DIFFER, figure(a=30, b=24)),
        (YES_NO, figure(answer=False)),
        (COUNT, figure(count=0)),
        (COMMUNES, communes(24, 24, 8)),
        (COMMUNES, communes(12, 0, 0)),
    ],
)
def test_a_figure_of_the_right_form_is_accepted(criterion: Criterion, given_figure: Figure) -> None:
    """None means absent; a denominator of zero may stand beside its reason. One value of another form is too much."""
    check(criterion, given_figure)
    stray = {"answer": True} if given_figure.get("answer") is None else {"count": 1}
    with pytest.raises(FigureKindMismatch):
        check(criterion, cast(Figure, {**given_figure, **stray}))


@pytest.mark.parametrize(
    ("criterion", "given_figure", "refusal"),
    [
        (RATIO, figure(), FigureKindMismatch),
        (RATIO, figure(a=1), FigureKindMismatch),
        (RATIO, figure(b=1), FigureKindMismatch),
        (RATIO, figure(answer=True), FigureKindMismatch),
        (RATIO, figure(a=1, b=2, answer=True), FigureKindMismatch),
        (RATIO, figure(a=1, b=2, percent=50), FigureKindMismatch),
        (RATIO, figure(a=True, b=2), FigureKindMismatch),
        (RATIO, figure(a=1.0, b=2), FigureKindMismatch),
        (RATIO, figure(a="1", b=2), FigureKindMismatch),
        (RATIO, figure(a=1, b=2, not_applicable="không có"), FigureKindMismatch),
        (RATIO, figure(b=0, not_applicable="không có"), FigureKindMismatch),
        (RATIO, figure(answer=False, not_applicable="không có"), FigureKindMismatch),
        (RATIO, figure(not_applicable=True), FigureKindMismatch),
        (YES_NO, figure(a=1, b=1), FigureKindMismatch),
        (YES_NO, figure(answer=1), FigureKindMismatch),
        (YES_NO, figure(answer=None), FigureKindMismatch),
        (COUNT, figure(answer=True), FigureKindMismatch),
        (COUNT, figure(count=True), FigureKindMismatch),
        (COUNT, figure(count=3, a=1, b=1), FigureKindMismatch),
        (COMMUNES, figure(a=12, b=24), FigureKindMismatch),
        (COMMUNES, figure(communes=24), FigureKindMismatch),
        (COMMUNES, figure(communes={"communes": 24}), FigureKindMismatch),
        (COMMUNES, communes(24, "24", 8), FigureKindMismatch),
        (RATIO, figure(a=-1, b=2), NegativeFigure),
        (RATIO, figure(a=0, b=-2), NegativeFigure),
        (COUNT, figure(count=-1), NegativeFigure),
        (COMMUNES, communes(24, 12, -1), NegativeFigure),
        (RATIO, figure(a=0, b=LARGEST + 1), FigureTooLarge),
        (COUNT, figure(count=LARGEST + 1), FigureTooLarge),
        (RATIO, figure(a=3, b=2), NumeratorExceedsDenominator),
        (COMMUNES, communes(24, 25, 0), NumeratorExceedsDenominator),
        (COMMUNES, communes(24, 7, 8), NumeratorExceedsDenominator),
        (RATIO, figure(a=0, b=0), ZeroDenominator),
        (RATIO, figure(a=5, b=0), ZeroDenominator),
        (SETS_DIFFER, figure(a=5, b=0), ZeroDenominator),
        (COMMUNES, communes(0, 0, 0), ZeroDenominator),
        (RATIO, figure(not_applicable=""), ReasonMissing),
        (RATIO, figure(not_applicable=" \t\n"), ReasonMissing),
        (YES_NO, figure(not_applicable="không có"), NotApplicableOnlyForRatios),
        (COUNT, figure(not_applicable=""), NotApplicableOnlyForRatios),
        (COMMUNES, figure(not_applicable="không có"), NotApplicableOnlyForRatios),
    ],
)
def test_a_figure_that_answers_nothing_is_refused_by_name(
    criterion: Criterion, given_figure: Figure, refusal: type[DossierError]
) -> None:
    """Each refusal names the criterion and has all its texts, in NFC."""
    with pytest.raises(FigureRefused) as caught:
        check(criterion, given_figure)
    error = caught.value
    assert type(error) is refusal
    assert isinstance(error, Refused)
    texts = [error.message("en"), error.message("vi"), error.hint("en"), error.hint("vi")]
    assert all(text and unicodedata.is_normalized("NFC", text) for text in texts)
    assert criterion.id in texts[0]
    assert criterion.id in texts[1]


def test_refusals_name_the_clause_that_asks_for_them() -> None:
    """The form is Biểu 04's; what happens over zero is reading 6."""
    assert NumeratorExceedsDenominator.clause == FigureKindMismatch.clause == "Biểu 04"
    assert ZeroDenominator.clause == ReasonMissing.clause == NotApplicableOnlyForRatios.clause == "reading 6"


@pytest.mark.parametrize(
    ("criterion", "level", "given_figure", "expected"),
    [
        ("department.I.6", Level.BASIC, figure(a=4, b=5), True),
        ("department.I.6", Level.BASIC, figure(a=7999, b=10000), False),
        ("commune.I.4", Level.ADVANCED, figure(a=19, b=20), True),
        ("commune.I.4", Level.ADVANCED, figure(a=94999, b=100000), False),
        ("commune.II.8", Level.BASIC, figure(count=1), True),
        ("commune.II.8", Level.ADVANCED, figure(count=2), False),
        ("commune.II.8", Level.ADVANCED, figure(count=3), True),
        ("commune.III.11", Level.ADVANCED, figure(count=2), False),
        ("commune.I.10", Level.BASIC, figure(count=1), True),
        ("department.I.5", Level.ADVANCED, figure(count=4999), False),
        ("department.I.5", Level.ADVANCED, figure(count=5000), True),
        ("commune.I.12", Level.ADVANCED, figure(answer=True), True),
        ("commune.I.13", Level.ADVANCED, figure(answer=False), False),
        ("district.III.1", Level.BASIC, figure(a=7, b=10), True),
        ("district.IV.6", Level.BASIC, figure(a=6, b=12), True),
        ("commune.III.2", Level.BASIC, figure(a=300, b=1000), True),
        ("district.IV.3", Level.BASIC, figure(a=30, b=24), True),
        ("commune.II.7", Level.BASIC, figure(not_applicable="xã chưa có sản phẩm OCOP"), None),
        ("district.I.1", Level.BASIC, communes(12, 6, 0), True),
        ("district.I.1", Level.ADVANCED, communes(25, 25, 7), False),
    ],
)
def test_a_figure_meets_its_target_exactly_or_not(
    criterion: str, level: Level, given_figure: Figure, expected: bool | None
) -> None:
    """79.99 % does not meet 80; 80 % does. Not applicable is neither."""
    check(BY_ID[criterion], given_figure)
    assert met(BY_ID[criterion].only_at(level), given_figure) is expected


def test_an_old_fact_of_another_form_does_not_meet() -> None:
    """`met` answers where `check` would refuse."""
    for wrong in (figure(), figure(a=1), figure(a=0, b=0), figure(answer=True)):
        assert met(RATIO.only_at(Level.BASIC), wrong) is False
    assert met(COMMUNES.only_at(Level.BASIC), figure()) is False
    assert met(COMMUNES.only_at(Level.BASIC), communes(0, 0, 0)) is False


def test_a_finding_says_what_follows_from_its_figure() -> None:
    """Nobody may state otherwise."""
    ratio = RATIO.only_at(Level.BASIC)
    assert judged(ratio, None, Finding(a=1, b=1))["met"] is True
    assert judged(ratio, figure(a=1, b=1), Finding(a=0, b=1))["met"] is False
    with pytest.raises(MetContradictsFigure):
        judged(ratio, None, Finding(a=0, b=1, met=True))


def test_only_what_was_declared_not_applicable_is_confirmed_or_refused_as_that() -> None:
    """Confirmed it counts as neither, refused as not met (reading 6)."""
    ratio, declared = RATIO.only_at(Level.BASIC), figure(not_applicable="xã chưa có sản phẩm OCOP")
    with pytest.raises(NotDeclaredNotApplicable):
        judged(ratio, figure(a=1, b=1), Finding(not_applicable_confirmed=True))
    assert judged(ratio, declared, Finding(not_applicable_confirmed=True))["met"] is None
    assert judged(ratio, declared, Finding(not_applicable_confirmed=False))["met"] is False
    for finding in (Finding(a=1, b=1), Finding(a=1, b=1, not_applicable_confirmed=True)):
        with pytest.raises(DeclaredNotApplicable):
            judged(ratio, declared, finding)


def test_the_communes_of_a_district_are_counted_and_never_stated() -> None:
    """By the system, from the recognitions in force (I.1)."""
    counted, own = CommuneFigures(communes=24, recognised=24, advanced=8), COMMUNES.only_at(Level.BASIC)
    found = judged(own, None, Finding(), counted)
    assert (found["met"], found["communes"]) == (True, counted)
    for finding, known in ((Finding(count=24), counted), (Finding(), None)):
        with pytest.raises(ComputedBySystem):
            judged(own, None, finding, known)


def test_one_column_is_asked_at_the_level_of_the_setting() -> None:
    """Reading 1, also for a criterion that `criteria_for` gave under that setting."""
    single = BY_ID["department.I.5"]
    with pytest.raises(CriterionNotOfLevel):
        single.only_at(Level.BASIC)
    assert met(single.only_at(Level.BASIC, Level.BASIC), figure(count=5000)) is True
    given_basic = catalogue().criteria_for(UnitKind.DEPARTMENT, Level.BASIC, Level.BASIC)["I.5"]
    assert met(given_basic, figure(count=5000)) is True


@given(st.integers(1, 100), st.integers(0, LARGEST), st.integers(1, LARGEST))
def test_a_ratio_meets_exactly_from_its_threshold_on(percent: int, a: int, b: int) -> None:
    """One less than the smallest numerator that meets never does, at any size."""
    smallest = -(-percent * b // 100)
    target = RatioTarget(percent)
    assert target.met(figure(a=a, b=b)) is (a >= smallest)
    assert target.met(figure(a=smallest, b=b))
    assert not target.met(figure(a=smallest - 1, b=b))


@given(
    st.sampled_from(catalogue().criteria),
    st.dictionaries(
        st.sampled_from(["a", "b", "answer", "count", "communes", "not_applicable", "other"]),
        st.integers(-3, 3)
        | st.sampled_from([None, True, False, "", " ", "không có", 0.5, float("nan"), [1], LARGEST, LARGEST + 1])
        | st.dictionaries(st.sampled_from(["communes", "recognised", "advanced"]), st.integers(0, 3)),
    ),
)
def test_whatever_is_given_is_accepted_or_refused_by_name(criterion: Criterion, given_figure: dict[str, Any]) -> None:
    """No input makes `check` fail in any other way, and what it accepts has an answer at each level."""
    try:
        check(criterion, cast("Figure", given_figure))
    except FigureRefused:
        return
    for level in criterion.levels:
        answer = met(criterion.only_at(level), cast("Figure", given_figure))
        assert (answer is None) == (given_figure.get("not_applicable") is not None)
