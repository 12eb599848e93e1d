"""Figures that meet a criterion exactly at its target, or just miss it, as commands state them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from domain.catalogue import CommunesTarget, CountTarget, Criterion, RatioTarget, YesNoTarget

Stated = dict[str, Any]


def at_target(criterion: Criterion) -> Stated:
    """The least figure that meets; empty for the district's I.1, which the system computes."""
    target = criterion.target
    if isinstance(target, RatioTarget):
        return {"a": target.percent, "b": 100}
    if isinstance(target, CountTarget):
        return {"count": target.minimum}
    return {"answer": True} if isinstance(target, YesNoTarget) else {}


def below_target(criterion: Criterion) -> Stated:
    """The greatest figure of the same form that does not meet."""
    target = criterion.target
    if isinstance(target, RatioTarget):
        return {"a": target.percent - 1, "b": 100}
    if isinstance(target, CountTarget):
        return {"count": target.minimum - 1}
    return {"answer": False} if isinstance(target, YesNoTarget) else {}


def stated(value: Any) -> Stated:
    """A figure as the worked cases write it: true, 3, or {"a": 4, "b": 5}."""
    if isinstance(value, bool):
        return {"answer": value}
    if isinstance(value, int):
        return {"count": value}
    return dict(value)


def meets(criterion: Criterion, figure: Stated) -> bool:
    """Whether a figure meets, by a reading of Biểu 04 that is not the project's own; of another form it does not."""
    target = criterion.target
    if isinstance(target, RatioTarget):
        return "b" in figure and figure["b"] > 0 and Decimal(100 * figure["a"]) >= Decimal(target.percent * figure["b"])
    if isinstance(target, CountTarget):
        return bool(figure.get("count", -1) >= target.minimum)
    return bool(figure.get("answer", isinstance(target, CommunesTarget)))
