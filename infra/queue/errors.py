"""What can go wrong on the way to the log and back.

InfrastructureError
├── QueueCut         the queue lost commands that the log has handled
├── NoAnswer         nobody answered a command in time
├── ReadingBehind    what another process reads into an index does not reach the end of the log
└── NotOnKafka       asked of a log that has no queue
InvalidInput
├── NoSuchLetter     a dead letter that is not there
├── CommandGone      the queue does not have the command of a dead letter
└── QueueRecovered   a record of the queue up to which an operator recovered it
"""

from __future__ import annotations

from domain.errors import InfrastructureError, InvalidInput


class QueueCut(InfrastructureError):
    """The queue lost commands that the log has handled: others may stand, or will stand, at their offsets."""

    code = "QUEUE_CUT"


class NoAnswer(InfrastructureError):
    """Nobody answered in time. Whether the command was handled is not known; given again with its id it acts once."""

    code = "NO_ANSWER"


class ReadingBehind(InfrastructureError):
    """Another process holds the index, and does not come on with it."""

    code = "READING_BEHIND"


class NotOnKafka(InfrastructureError):
    """Asked of a log that has no queue."""

    code = "NOT_ON_KAFKA"


class NoSuchLetter(InvalidInput):
    """A dead letter that is not there, or not there any more."""

    code = "NO_SUCH_LETTER"


class CommandGone(InvalidInput):
    """The queue does not have the command of a dead letter, or has other bytes in its place."""

    code = "COMMAND_GONE"


class QueueRecovered(InvalidInput):
    """A record of the queue up to which an operator recovered it: what stood before it was put behind it again."""

    code = "QUEUE_RECOVERED"
