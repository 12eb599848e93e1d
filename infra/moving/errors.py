"""What can go wrong with a move of a log.

InfrastructureError
└── MoveRefused          the log cannot be moved there
    ├── MoveInUse        another process moves it
    ├── MoveTargetTaken  something else stands at the target
    ├── MoveDiffers      what was read back from the target is not what the log holds
    ├── MoveNotPossible  a new log could not hold what this one does
    ├── DecisionsAgain   decisions would be published once more, at other positions
    └── MoveNotClosed    the log could not be closed: others appended all the time
"""

from __future__ import annotations

from domain.errors import InfrastructureError


class MoveRefused(InfrastructureError):
    """A log cannot be moved there."""

    code = "MOVE_REFUSED"


class MoveInUse(MoveRefused):
    """Another process moves the log."""

    code = "MOVE_IN_USE"


class MoveTargetTaken(MoveRefused):
    """Something else stands where the log is to go."""

    code = "MOVE_TARGET_TAKEN"


class MoveDiffers(MoveRefused):
    """What was read back from the target is not what the log holds."""

    code = "MOVE_DIFFERS"


class MoveNotClosed(MoveRefused):
    """Others appended all the time: the log is as it was, and serves."""

    code = "MOVE_NOT_CLOSED"


class MoveNotPossible(MoveRefused):
    """A new log could not hold what this one does."""

    code = "MOVE_NOT_POSSIBLE"


class DecisionsAgain(MoveRefused):
    """Public decisions would stand at other positions, and be published once more: somebody must agree."""

    code = "MOVE_DECISIONS_AGAIN"
