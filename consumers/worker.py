"""`dossier worker`, one partition of it: from the queue of commands to the log, and from the log to the replies."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from consumers.commands.handler import CommandHandler
from consumers.commands.outcome import MalformedMessage
from consumers.commands.ports import (
    CommandQueue,
    DeadLetter,
    DeadLetters,
    QueuedCommand,
    QueueLog,
    QueuePosition,
    Replies,
)
from domain.commands import Command
from schemas.command_errors import MalformedCommand
from schemas.command_parser import read_command


def work(
    partition: int,
    log: QueueLog,
    queue: CommandQueue,
    handler: CommandHandler,
    *,
    replies: Replies,
    dead_letters: DeadLetters,
    until: Callable[[], bool],
) -> None:
    """Handle the commands of a partition until told to stop. Any number of workers may do so at once.

    1. Read the log to the end: it alone says what has been handled. Answer again what was answered last.
    2. Take the commands after the last one that was handled.
    3. Read each strictly; what is no command is dead, and keeps its place.
    4. Decide them on the head, write dead letters, then append all in one record with their offsets.
    5. Answer from the accepted records alone, those of other workers too.

    Killed anywhere, it or another one goes on at 1: what was appended is not decided again, what was not appended was
    not answered. Raises InfrastructureError.
    """
    log.refresh(partition)  # 1
    replies.again()
    while not until():
        taken = queue.take(log.commands_offset(partition))  # 2
        if taken:
            items = [(each.source, _read(each)) for each in taken]  # 3

            def last() -> QueuePosition | None:
                return log.commands_offset(partition)

            def bury(dead: Sequence[DeadLetter], taken: Sequence[QueuedCommand] = taken) -> None:
                values = {each.source: each.value or b"" for each in taken}
                dead_letters.bury([(each, values[each.source]) for each in dead])

            handler.take(items, partition, last, bury)  # 4
        replies.send()  # 5


def _read(taken: QueuedCommand) -> Command | MalformedMessage:
    try:
        return read_command(taken.value or b"")
    except MalformedCommand as error:
        return MalformedMessage(error.command_id, error)
