"""Where commands are handed in and answers come back, whatever handles them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from consumers.commands.handler import CommandHandler
from consumers.commands.outcome import Answer
from schemas.command_parser import parse_message


class CommandGateway(Protocol):
    """Takes commands, and gives an answer to each, in order. Not for several threads at once."""

    def submit(self, lines: Sequence[bytes]) -> Callable[[], list[Answer]]:
        """Hand in commands, a line of JSON each. The call that is returned waits for their answers.

        Either may raise InfrastructureError; then it is not known which of the commands acted, and the same ones may be
        given again: each acts once.
        """
        ...


class InProcessGateway:
    """Handles commands in this process, at once."""

    def __init__(self, handler: CommandHandler) -> None:
        self._handler = handler

    def submit(self, lines: Sequence[bytes]) -> Callable[[], list[Answer]]:
        """See `CommandGateway`."""
        answers = self._handler.handle([parse_message(line) for line in lines])
        return lambda: answers
