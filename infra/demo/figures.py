"""Simulated figures: any that meets a criterion, or any that does not."""

from __future__ import annotations

from random import Random
from typing import Any

from domain.catalogue import AnswerKind, CountTarget, Criterion, RatioTarget
from domain.catalogue.targets import percent_of

NOT_APPLICABLE = "Trong kỳ không phát sinh đối tượng thuộc mẫu số của tiêu chí (số liệu mô phỏng)"
_KEPT = 0.85


def figure(rng: Random, criterion: Criterion, *, met: bool, whole: int | None = None) -> dict[str, Any]:
    """A figure of the criterion's form; `whole` is the denominator of a ratio where it is known already."""
    target = criterion.target
    if isinstance(target, RatioTarget):
        b = whole or rng.randint(24, 640)
        needed = percent_of(target.percent, b)
        a = rng.randint(needed, min(b, 2 * needed)) if met else rng.randint(needed - 1 - needed // 4, needed - 1)
        return {"a": a, "b": b}
    if isinstance(target, CountTarget):
        least = target.minimum
        return {"count": rng.randint(least, least + 1 + least // 3) if met else rng.randint(0, least - 1)}
    if criterion.answer is AnswerKind.COMMUNES:
        return {}
    return {"answer": met}


def checked(
    rng: Random, criterion: Criterion, claimed: dict[str, Any], *, claimed_met: bool, met: bool
) -> dict[str, Any]:
    """What somebody finds who checks a claim: mostly the same figure, sometimes another over the same whole."""
    if met == claimed_met and rng.random() < _KEPT:
        return dict(claimed)
    return figure(rng, criterion, met=met, whole=claimed.get("b"))


def percent(part: int, whole: int) -> str:
    """A stated percentage, rounded half up at two decimals."""
    hundredths = (20000 * part + whole) // (2 * whole)
    return f"{hundredths // 100}.{hundredths % 100:02d}"


def votes(rng: Random, *, recommends: bool = True) -> dict[str, Any]:
    """Votes of a meeting, most of them in favour unless it does not recommend."""
    attending = rng.randint(7, 17)
    in_favour = attending - rng.choice((0, 0, 0, 1, 2)) if recommends else attending // 3
    return {"in_favour": in_favour, "attending": attending, "percent": percent(in_favour, attending)}
