"""The shapes of an answer in commands and events. `domain.catalogue.answers` offers them to everyone else."""

from __future__ import annotations

from typing import Annotated, TypedDict

from domain.shapes import Computed, Reason


class CommuneFigures(TypedDict):
    """District I.1, computed: all communes, those recognised at either level, of these advanced."""

    communes: int
    recognised: int
    advanced: int


class Figure(TypedDict, total=False):
    """The answer to one criterion: a and b of a ratio, yes or no, a count, or the reason why the ratio is not applicable. Exactly one of them.

    A key that is None means the same as a key that is absent.
    """  # noqa: E501

    a: int | None
    """Numerator of a ratio, in the units of the criterion's formula."""
    b: int | None
    """Denominator of a ratio."""
    answer: bool | None
    """Yes or no."""
    count: int | None
    """A number of things."""
    communes: Annotated[CommuneFigures | None, Computed()]
    """District I.1 only."""
    not_applicable: Reason | None
    """The reason, declared instead of a ratio whose denominator is zero (reading 6)."""
