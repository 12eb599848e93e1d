"""Where commands are handed in and answers come back, whatever handles them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from consumers.commands.handler import CommandHandler
from consumers.commands.outcome import Answer, MalformedMessage
from domain.commands import Command
from schemas.command_errors import MalformedCommand
from schemas.command_parser import read_command


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
        """See `Desk`."""
        answers = self._handler.handle([readable(line) for line in lines])
        return lambda: answers


def readable(line: bytes) -> Command | MalformedMessage:
    """The command on a line, or what is wrong with it."""
    try:
        return read_command(line)
    except MalformedCommand as error:
        return MalformedMessage(error.command_id, error)
