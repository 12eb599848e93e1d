"""What answers a criterion: the figure that a unit claims, and what a council or an agency finds of it.

Here is what is refused about either, and whether it meets the target.

Refused
└── FigureRefused
    ├── FigureKindMismatch          not the one form that the criterion asks for
    ├── NegativeFigure              below zero
    ├── FigureTooLarge              above 2**53
    ├── NumeratorExceedsDenominator a > b, or a part larger than its whole
    ├── ZeroDenominator             b = 0 and not declared not applicable (reading 6)
    ├── ReasonMissing               declared not applicable without a reason (reading 6)
    └── NotApplicableOnlyForRatios  declared not applicable where nothing is divided (reading 6)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from domain.catalogue import AnswerKind, Criterion
from domain.catalogue.answer_types import CommuneFigures, Figure
from domain.errors import Refused
from domain.i18n import pair, translatable
from domain.refusals import ComputedBySystem, DeclaredNotApplicable, MetContradictsFigure, NotDeclaredNotApplicable
from domain.values import Finding

__all__ = [
    "LARGEST",
    "CommuneFigures",
    "Figure",
    "FigureKindMismatch",
    "FigureRefused",
    "FigureTooLarge",
    "NegativeFigure",
    "NotApplicableOnlyForRatios",
    "NumeratorExceedsDenominator",
    "ReasonMissing",
    "ZeroDenominator",
    "check",
    "judged",
    "met",
]

LARGEST: Final = 2**53
"""The largest figure: every JSON reader holds whole numbers exactly up to here."""


class FigureRefused(Refused):
    """Base of what is refused about a figure. `details["criterion"]` is the criterion's id."""

    code = "FIGURE_REFUSED"


class FigureKindMismatch(FigureRefused):
    """Not exactly the form of answer that the criterion asks for."""

    code = "FIGURE_KIND_MISMATCH"
    clause = "Biểu 04"


class NegativeFigure(FigureRefused):
    """A figure below zero."""

    code = "NEGATIVE_FIGURE"


class FigureTooLarge(FigureRefused):
    """A figure above LARGEST."""

    code = "FIGURE_TOO_LARGE"


class NumeratorExceedsDenominator(FigureRefused):
    """A part larger than its whole, where the formula makes it a part."""

    code = "A_EXCEEDS_B"
    clause = "Biểu 04"


class ZeroDenominator(FigureRefused):
    """A ratio over zero that is not declared not applicable."""

    code = "ZERO_DENOMINATOR"
    clause = "reading 6"


class ReasonMissing(FigureRefused):
    """Declared not applicable without saying why."""

    code = "NOT_APPLICABLE_REASON_MISSING"
    clause = "reading 6"


class NotApplicableOnlyForRatios(FigureRefused):
    """Declared not applicable although nothing is divided."""

    code = "NOT_APPLICABLE_ONLY_FOR_RATIOS"
    clause = "reading 6"


_KEYS: Final[Mapping[AnswerKind, frozenset[str]]] = {
    AnswerKind.RATIO: frozenset({"a", "b"}),
    AnswerKind.YES_NO: frozenset({"answer"}),
    AnswerKind.COUNT: frozenset({"count"}),
    AnswerKind.COMMUNES: frozenset({"communes"}),
}
_EXPECTED: Final[Mapping[AnswerKind, str]] = {
    AnswerKind.RATIO: translatable("a ratio (a and b)"),
    AnswerKind.YES_NO: translatable("yes or no (answer)"),
    AnswerKind.COUNT: translatable("a number (count)"),
    AnswerKind.COMMUNES: translatable("the communes' figures (communes)"),
}
_COMMUNE_KEYS: Final = ("communes", "recognised", "advanced")


def check(criterion: Criterion, figure: Mapping[str, object]) -> None:
    """Refuses a figure that cannot answer `criterion`; says nothing about whether it meets the target.

    Accepts exactly the form of the criterion's answer: whole numbers from 0 to 2**53, b > 0, and a ≤ b unless
    the printed formula compares different sets. A ratio may be declared not applicable with a reason instead,
    alone or beside the denominator of zero that it explains (reading 6).

    Raises the FigureRefused that fits, of those in the module's docstring.
    """
    given = {key: value for key, value in figure.items() if value is not None}
    reason = given.pop("not_applicable", None)
    if reason is not None:
        _check_not_applicable(criterion, reason, given)
        return
    if given.keys() != _KEYS[criterion.answer]:
        raise _mismatch(criterion, given)
    match criterion.answer:
        case AnswerKind.RATIO:
            _check_ratio(criterion, given)
            _not_zero(criterion, "b", given["b"])
        case AnswerKind.YES_NO:
            if not isinstance(given["answer"], bool):
                raise _mismatch(criterion, given)
        case AnswerKind.COUNT:
            _whole_number(criterion, "count", given["count"], given)
        case AnswerKind.COMMUNES:
            _check_communes(criterion, given)


def met(criterion: Criterion, figure: Figure) -> bool | None:
    """Whether a checked `figure` meets the target of a criterion of one level; None for one that is not applicable.

    A figure of another form does not meet: facts recorded long ago are answered, never refused.
    """
    if figure.get("not_applicable") is not None:
        return None
    return criterion.target.met(figure)


def judged(
    criterion: Criterion, claimed: Figure | None, finding: Finding, communes: CommuneFigures | None = None
) -> Finding:
    """A finding with the `met` that follows from it; `claimed` is the unit's own figure, if it stated one.

    Raises what `check` raises, MetContradictsFigure, ComputedBySystem for a stated figure of the district's I.1,
    DeclaredNotApplicable and NotDeclaredNotApplicable (reading 6).
    """
    code = criterion.code
    declared = claimed is not None and claimed.get("not_applicable") is not None
    confirmed = finding.get("not_applicable_confirmed")
    given: dict[str, object] = {
        key: value
        for key, value in finding.items()
        if value is not None and key not in ("met", "not_applicable_confirmed")
    }
    result = finding.copy()
    if confirmed is not None:
        if not declared:
            raise NotDeclaredNotApplicable(clause="reading 6", criterion=code)
        if given:
            raise DeclaredNotApplicable(clause="reading 6", criterion=code)
        follows = None if confirmed else False
    elif declared:
        raise DeclaredNotApplicable(clause="reading 6", criterion=code)
    elif criterion.answer is AnswerKind.COMMUNES:
        if given or communes is None:
            raise ComputedBySystem(criterion=code)
        result["communes"] = communes
        follows = met(criterion, result)
    else:
        check(criterion, given)
        follows = met(criterion, result)
    stated = finding.get("met")
    if stated is not None and stated != follows:
        raise MetContradictsFigure(criterion=code, stated=_said(stated), follows=_said(follows))
    result["not_applicable_confirmed"], result["met"] = confirmed, follows
    return result


def _said(is_met: bool | None) -> str:
    return {True: "met", False: "not met", None: "not applicable"}[is_met]


def _check_not_applicable(criterion: Criterion, reason: object, beside: Mapping[str, object]) -> None:
    if criterion.answer is not AnswerKind.RATIO:
        raise NotApplicableOnlyForRatios(criterion=criterion.id)
    if not isinstance(reason, str):
        raise _mismatch(criterion, {**beside, "not_applicable": reason})
    if not reason.strip():
        raise ReasonMissing(criterion=criterion.id)
    if not beside:
        return
    if beside.keys() != _KEYS[AnswerKind.RATIO]:
        raise _mismatch(criterion, {**beside, "not_applicable": reason})
    _check_ratio(criterion, beside)
    if beside["b"] != 0:
        raise _mismatch(criterion, {**beside, "not_applicable": reason})


def _check_ratio(criterion: Criterion, given: Mapping[str, object]) -> None:
    a = _whole_number(criterion, "a", given["a"], given)
    b = _whole_number(criterion, "b", given["b"], given)
    # A denominator of zero is named as such, whatever stands above it.
    if b and not criterion.a_may_exceed_b:
        _part_of(criterion, ("a", a), ("b", b))


def _check_communes(criterion: Criterion, given: Mapping[str, object]) -> None:
    figures = given["communes"]
    if not isinstance(figures, Mapping) or figures.keys() != set(_COMMUNE_KEYS):
        raise _mismatch(criterion, given)
    communes, recognised, advanced = (_whole_number(criterion, key, figures[key], figures) for key in _COMMUNE_KEYS)
    _not_zero(criterion, "communes", communes)
    _part_of(criterion, ("recognised", recognised), ("communes", communes))
    _part_of(criterion, ("advanced", advanced), ("recognised", recognised))


def _whole_number(criterion: Criterion, field: str, value: object, given: Mapping[str, object]) -> int:
    # bool is an int to Python, never to the guidance.
    if isinstance(value, bool) or not isinstance(value, int):
        raise _mismatch(criterion, given)
    if value < 0:
        raise NegativeFigure(criterion=criterion.id, field=field, value=value)
    if value > LARGEST:
        raise FigureTooLarge(criterion=criterion.id, field=field, value=value, largest=LARGEST)
    return value


def _not_zero(criterion: Criterion, field: str, value: object) -> None:
    if value == 0:
        raise ZeroDenominator(criterion=criterion.id, field=field)


def _part_of(criterion: Criterion, part: tuple[str, int], whole: tuple[str, int]) -> None:
    if part[1] > whole[1]:
        raise NumeratorExceedsDenominator(
            criterion=criterion.id, part=part[0], part_value=part[1], whole=whole[0], whole_value=whole[1]
        )


def _mismatch(criterion: Criterion, given: Mapping[str, object]) -> FigureKindMismatch:
    said = ", ".join(f"{key} = {value!r}" for key, value in given.items()) or "∅"
    return FigureKindMismatch(criterion=criterion.id, expected=pair(_EXPECTED[criterion.answer]), given=said)
