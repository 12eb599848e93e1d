"""The worker's process: a member of the group, with one thread for each partition that it has."""

from __future__ import annotations

from contextlib import ExitStack
from threading import Event, Thread
from typing import TYPE_CHECKING, Final
from uuid import UUID

import structlog

from consumers.worker import PartitionWorker
from domain.errors import InfrastructureError
from infra.kafka.client import KafkaPartitionClient
from infra.kafka.consumer_group import run_member
from infra.log.kafka.index_paths import worker_log
from infra.queue.command_consumer import KafkaCommandQueue
from infra.queue.dead_letters import KafkaDeadLetters
from infra.queue.replies import KafkaReplies

if TYPE_CHECKING:
    from infra.bootstrap import Application

_log = structlog.get_logger(__name__)

_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 30.0


class Worker:
    """Handles the commands of the partitions that the group gives to this process, until `stopped` is set.

    `take_up`: the id of a topic of commands that was made anew, which an operator wants to be read from its beginning.
    """

    def __init__(self, application: Application, stopped: Event, *, take_up: UUID | None = None) -> None:
        self._installation = application
        self._stopped = stopped
        self._take_up = take_up
        self._running: dict[int, Lane] = {}

    def run(self) -> None:
        """Returns when it was told to stop, and has let go of everything. Raises LogUnusable."""
        kafka = self._installation.kafka
        topics = self._installation.topics
        # Once, before the threads: it is made when it is first asked for.
        self._installation.kafka_reader.partition_of(UUID(int=0))
        run_member(kafka, f"{kafka.app}.worker", topics.commands.name, self._assigned, self._stopped)

    def _assigned(self, partitions: set[int]) -> None:
        for partition in self._running.keys() - partitions:
            self._running[partition].stopped.set()
        for partition in self._running.keys() - partitions:
            self._running.pop(partition).join()
        for partition in sorted(partitions - self._running.keys()):
            self._running[partition] = Lane(self._installation, partition, self._take_up)
            self._running[partition].start()


class Lane(Thread):
    """The worker of one partition, until `stopped` is set. `take_up`: see `Worker`."""

    def __init__(self, application: Application, partition: int, take_up: UUID | None = None) -> None:
        super().__init__(name=f"worker-{partition}", daemon=True)
        self.stopped = Event()
        self._installation = application
        self._partition = partition
        self._take_up = take_up

    def run(self) -> None:
        """Work; after a failure of what is outside, wait and begin anew: the log says where."""
        pause = _PAUSE
        while not self.stopped.is_set():
            try:
                self._work()
                pause = _PAUSE
            except InfrastructureError as error:
                _log.error("worker.halted", partition=self._partition, code=error.code, reason=str(error), pause=pause)
            except Exception:  # noqa: BLE001  # whatever it is, the partition is not left alone in silence
                _log.exception("worker.failed", partition=self._partition, pause=pause)
            else:
                continue
            self.stopped.wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _work(self) -> None:
        made, partition = self._installation, self._partition
        settings, topics = made.kafka, made.topics
        with ExitStack() as stack:
            log = worker_log(settings, partition)
            stack.callback(log.close)
            made.kafka_reader.share(partition, log)
            stack.callback(made.kafka_reader.unshare, partition)
            queue = KafkaCommandQueue(settings, topics.commands, partition, self._take_up)
            stack.callback(queue.close)
            dead_letters = KafkaDeadLetters(settings, topics.dead_letters, partition)
            stack.callback(dead_letters.close)
            tape = KafkaPartitionClient(settings, topics.replies, partition)
            stack.callback(tape.close)
            replies = KafkaReplies(log, partition, tape, queue, dead_letters)
            handler = made.handler_of(log)
            worker = PartitionWorker(partition, log, queue, handler, replies=replies, dead_letters=dead_letters)
            _log.info("worker.began", partition=partition, position=log.head(partition))
            worker.run(self.stopped)
            _log.info("worker.ended", partition=partition, position=log.head(partition))
