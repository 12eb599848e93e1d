"""What the design of the log promises for each way to falsify it, and no more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Promise:
    """What a fault leads to: the codes with which each halts, and the checks of the checker that find it.

    `running` are those that are at work, `warm` those that start on an index that holds what was falsified, `cold`
    those without one; none: they cannot tell.
    """

    running: frozenset[str]
    warm: frozenset[str]
    cold: frozenset[str]
    checks: frozenset[str]


CHANGED: Final = frozenset({"LOG_CHANGED"})
BROKEN: Final = frozenset({"LOG_BROKEN", "RECORD_UNREADABLE", "NEWER_LOG"})
_LOST: Final = frozenset({"6", "7"})
_NONE: Final[frozenset[str]] = frozenset()
PROMISES: Final = {
    # Whoever has read it knows it as it was, compares the head alone, and goes on with what is true.
    "an accepted record altered": Promise(_NONE, _NONE, BROKEN, frozenset({"9", "13"})),
    # Nothing is built on it: who has not read it before cannot know.
    "the last accepted record altered": Promise(_NONE, CHANGED, _NONE, _NONE),
    # Nothing but what was made of it tells those who have never read it.
    "the tail cut": Promise(CHANGED, CHANGED, frozenset({"VIEWS_AHEAD_OF_LOG", "LOG_BROKEN"}), _LOST),
    "records deleted": Promise(CHANGED, CHANGED, CHANGED, frozenset({"13"})),
    # Nobody founds a log whose keys an operator keeps.
    "the topic made anew": Promise(CHANGED, CHANGED, frozenset({"VIEWS_OF_ANOTHER_LOG", "LOG_NOT_FOUNDED"}), _LOST),
}
