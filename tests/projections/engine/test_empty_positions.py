"""Which position comes next where records were voided."""

from __future__ import annotations

import pytest

from projections.engine.empty_positions import EmptyPositions, next_position


@pytest.mark.parametrize(
    ("position", "empty", "following"),
    [
        (0, [], 1),
        (7, [], 8),
        (7, [(8, 8)], 9),
        (7, [(8, 10)], 11),
        (7, [(9, 10)], 8),
        (8, [(7, 10)], 11),
        (7, [(8, 10), (11, 12)], 13),
        (7, [(11, 12), (8, 10)], 13),
        (7, [(8, 12), (9, 10)], 13),
        # A void of records without events empties nothing.
        (7, [(8, 7)], 8),
    ],
)
def test_empty_positions_are_passed_over(position: int, empty: EmptyPositions, following: int) -> None:
    assert next_position(position, empty) == following
