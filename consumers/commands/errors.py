"""What can go wrong with a command on its way through a queue.

DossierError
├── InvalidInput
│   ├── UnreadableRecords     records of the queue that hold no commands
│   ├── WrongPartition        the command stands in another partition than its unit's
│   └── NotHandled            the program failed on this one command
└── InfrastructureError
    ├── ClockWrong            the clock contradicts the log, and nobody has confirmed it
    ├── OtherQueue            the queue is not the one whose commands the log has handled
    └── LogIncomplete         the log gives fewer events than it says that it has
"""

from __future__ import annotations

from domain.errors import InfrastructureError, InvalidInput


class UnreadableRecords(InvalidInput):
    """Records of the queue that hold no commands: `first` and `last` are their offsets, `reason` says why."""

    code = "UNREADABLE_RECORDS"


class WrongPartition(InvalidInput):
    """A command in another partition than its unit's."""

    code = "WRONG_PARTITION"


class NotHandled(InvalidInput):
    """A fault of the program on one command: nothing was decided, and its id stays free."""

    code = "NOT_HANDLED"


class ClockWrong(InfrastructureError):
    """The clock by which facts would be recorded contradicts the log; nothing is recorded until somebody has looked."""

    code = "CLOCK_WRONG"


class LogIncomplete(InfrastructureError):
    """The log gives fewer events than it says that it has."""

    code = "LOG_INCOMPLETE"


class OtherQueue(InfrastructureError):
    """The topic of commands was made anew: offsets say nothing about what has been handled."""

    code = "OTHER_QUEUE"
