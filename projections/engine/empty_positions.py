"""Positions without an event: those of records that were voided. All others follow one on another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

EmptyPositions: TypeAlias = Sequence[tuple[int, int]]
"""Runs of empty positions, each with its first and its last one; they may overlap."""


def next_position(position: int, empty: EmptyPositions) -> int:
    """The position behind this one that has an event, if the log goes on that far."""
    following = position + 1
    while (run := next((last for first, last in empty if first <= following <= last), None)) is not None:
        following = run + 1
    return following
