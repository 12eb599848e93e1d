"""The shapes of an answer in commands and events. `domain.catalogue.answers` offers them to everyone else."""

from __future__ import annotations

from typing import TypedDict


class CommuneFigures(TypedDict):
    """District I.1, computed: all communes, those recognised at either level, of these advanced."""

    communes: int
    recognised: int
    advanced: int


class Figure(TypedDict, total=False):
    """One answer to one criterion. A key that is None means the same as a key that is absent."""

    a: int | None
    """Numerator of a ratio, in the units of the criterion's formula."""
    b: int | None
    """Denominator of a ratio."""
    answer: bool | None
    """Yes or no."""
    count: int | None
    """A number of things."""
    communes: CommuneFigures | None
    """District I.1 only."""
    not_applicable: str | None
    """The reason, declared instead of a ratio whose denominator is zero (reading 6)."""
