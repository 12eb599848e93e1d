"""`dossier worker`, one partition of it: from the queue of commands to the log, and from the log to the replies."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Final

from consumers.commands.handler import CommandHandler
from consumers.commands.ports import CommandLog, CommandQueue, DeadLetters, Replies

_IDLE_POLLS: Final = 8
"""Polls in vain until the next look at the log: some seconds."""


class PartitionWorker:
    """Handles the commands of one partition. Any number of workers may do so at once.

    1. Read the log to the end: it alone says what has been handled. Answer again what was answered last.
    2. Poll for the commands after the last one that was handled, which must stand where the log says.
    3. Read each strictly, and decide it on the head; what cannot be handled is dead, and keeps its place.
    4. Store dead letters, then append all in one record with their places in the queue.
    5. Answer from the accepted records alone, those of other workers too.

    While no command comes it looks at the end of the log all the same: a loss there is said in time.

    Killed anywhere, it or another one goes on at 1: what was appended is not decided again, what was not appended was
    not answered. Every method raises InfrastructureError.
    """

    def __init__(
        self,
        partition: int,
        log: CommandLog,
        queue: CommandQueue,
        handler: CommandHandler,
        *,
        replies: Replies,
        dead_letters: DeadLetters,
        went_on: Callable[[], None] = lambda: None,
        check_topics: Callable[[], None] = lambda: None,
    ) -> None:
        """`went_on` is called after each batch that was handled, empty ones too.

        `check_topics` raises what is wrong with the queue and the log, and is asked before each.
        """
        self._partition = partition
        self._log = log
        self._queue = queue
        self._handler = handler
        self._replies = replies
        self._dead_letters = dead_letters
        self._went_on = went_on
        self._check_topics = check_topics
        self._idle_polls = 0

    def run(self, stopped: Event) -> None:
        """Work until told to stop."""
        self.start()
        while not stopped.is_set():
            self.handle_batch()
            self._went_on()

    def start(self) -> None:
        """Step 1."""
        self._log.refresh(self._partition)  # 1
        self._check_queue()
        self._replies.resend_last()

    def handle_batch(self) -> None:
        """Steps 2 to 5, once."""
        self._check_topics()
        self._check_queue()
        queued = self._queue.poll(self._log.commands_offset(self._partition))  # 2
        if queued:
            self._handler.process_queued(queued, self._partition, self._dead_letters)  # 3, 4
            self._idle_polls = 0
        else:
            self._idle_polls += 1
            if self._idle_polls % _IDLE_POLLS == 0:
                self._log.check_end(self._partition)
        self._replies.send()  # 5

    def _check_queue(self) -> None:
        self._queue.check(lambda: self._log.last_handled(self._partition))
