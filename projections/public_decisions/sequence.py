"""What a subscriber can prove to itself: that of each unit it has seen every decision, once and in order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class SequenceChecker:
    """Follows the decisions of each unit from the first one that it is shown."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[int, str]] = {}

    def check(self, record: Mapping[str, Any]) -> str | None:
        """What is wrong with the next decision: that it came before, or that others are missing; None when all is well.

        `record` has the shape of the public schema.
        """
        unit, sequence, decision_id = record["unit"]["id"], record["sequence"], record["id"]
        before = self._last.get(unit)
        if before is not None and sequence <= before[0]:
            return f"{unit}: decision {sequence} came after {before[0]}"
        self._last[unit] = (sequence, decision_id)
        if before is not None and (sequence != before[0] + 1 or record["previous_id"] != before[1]):
            return f"{unit}: decision {sequence} does not follow {before[0]}"
        return None
