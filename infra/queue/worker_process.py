"""The worker's process: a member of the group, with one thread for each partition that it has."""

from __future__ import annotations

from contextlib import ExitStack
from threading import Event
from typing import TYPE_CHECKING
from uuid import UUID

import structlog

from consumers.worker import PartitionWorker
from domain.errors import InfrastructureError
from infra.clock import uptime
from infra.diagnosis.halts import HaltFile
from infra.kafka.client import KafkaPartitionClient
from infra.kafka.consumer_group import run_member
from infra.log.kafka.index_paths import worker_log
from infra.log.kafka.log import KafkaLog
from infra.processes import PartitionThreads, SupervisedThread
from infra.queue.broker_clock import BrokerClock
from infra.queue.command_consumer import KafkaCommandQueue
from infra.queue.dead_letters import KafkaDeadLetters
from infra.queue.replies import KafkaReplies
from projections.engine.errors import ViewsAheadOfLog, ViewsOfAnotherHistory, ViewsOfAnotherLog

if TYPE_CHECKING:
    from infra.bootstrap import Application

_log = structlog.get_logger(__name__)


class Worker:
    """Handles the commands of the partitions that the group gives to this process, until `stopped` is set.

    `take_up`: the id of a topic of commands that was made anew, which an operator wants to be read from its beginning.
    """

    def __init__(self, application: Application, stopped: Event, *, take_up: UUID | None = None) -> None:
        self._application = application
        self._stopped = stopped
        self._take_up = take_up

    def run(self) -> None:
        """Returns when it was told to stop, and has let go of everything. Raises LogUnusable."""
        kafka = self._application.kafka
        topics = self._application.topics
        # Once, before the threads: it is made when it is first asked for, and the watch over the topics with it.
        self._application.kafka_reader.partition_of(UUID(int=0))
        threads = PartitionThreads(lambda partition: PartitionThread(self._application, partition, self._take_up))
        run_member(kafka, f"{kafka.app}.worker", topics.commands.name, threads.assigned, self._stopped)


class PartitionThread(SupervisedThread):
    """The worker of one partition, until `stopped` is set: it begins anew after a failure, and the log says where.

    `take_up`: see `Worker`.
    """

    def __init__(self, application: Application, partition: int, take_up: UUID | None = None) -> None:
        super().__init__("worker", self._handle, failed=self._halted, partition=partition)
        self._application = application
        self._halt = HaltFile(application.settings.state_dir, "worker", partition)
        self._next_command: int | None = None
        self._partition = partition
        self._take_up = take_up

    def _handle(self, stopped: Event) -> None:
        application, partition = self._application, self._partition
        settings, topics = application.kafka, application.topics
        with ExitStack() as stack:
            log = worker_log(settings, partition)
            stack.callback(log.close)
            stack.callback(self._note_place, log)
            application.kafka_reader.share(partition, log)
            stack.callback(application.kafka_reader.unshare, partition)
            queue = KafkaCommandQueue(settings, topics.commands, partition, self._take_up)
            stack.callback(queue.close)
            dead_letters = KafkaDeadLetters(settings, topics.dead_letters, partition)
            stack.callback(dead_letters.close)
            client = KafkaPartitionClient(settings, topics.replies, partition)
            stack.callback(client.close)
            replies = KafkaReplies(log, partition, client, queue, dead_letters)
            self._check_views()
            confirmed = application.clock_confirmation.holds
            handler = application.handler_of(
                log, BrokerClock(application.clock, replies.broker_time, confirmed, uptime)
            )
            worker = PartitionWorker(
                partition,
                log,
                queue,
                handler,
                replies=replies,
                dead_letters=dead_letters,
                went_on=self._halt.went_on,
                check_topics=application.topic_watch.check,
            )
            _log.info("worker.began", partition=partition, position=log.head(partition))
            worker.run(stopped)
            _log.info("worker.ended", partition=partition, position=log.head(partition))

    def _note_place(self, log: KafkaLog) -> None:
        """How far the commands were handled, which a last error says."""
        handled = log.commands_offset(self._partition)
        self._next_command = handled.offset + 1 if handled is not None else 0

    def _halted(self, error: Exception) -> None:
        self._halt.halted(error, self._next_command)

    def _check_views(self) -> None:
        """Halt before read models that know the log otherwise: it was made anew, cut or put back.

        A fresh index cannot know that, and what would be appended now could never be told from what was lost. Nothing
        is decided on read models: where they cannot be reached, commands are handled all the same. Raises
        ViewsOfAnotherLog, ViewsOfAnotherHistory, ViewsAheadOfLog.
        """
        try:
            self._application.engine.check_kept(self._partition)
        except (ViewsOfAnotherLog, ViewsOfAnotherHistory, ViewsAheadOfLog):
            raise
        except InfrastructureError as error:
            _log.warning("worker.views_unchecked", partition=self._partition, reason=str(error))
