"""The publisher's process: a member of its group, with one thread for each partition that it has."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Final
from uuid import UUID

from consumers.publisher_ports import PartitionUnsettled
from infra.delivery.kafka.stream import KafkaStream
from infra.diagnosis.halts import HaltFile
from infra.processes import PartitionThreads, SupervisedThread
from infra.retry import Retry
from infra.timeouts import Timeout

if TYPE_CHECKING:
    from infra.bootstrap import Application

PROCESS: Final = "publisher"


def run_publisher(
    application: Application,
    stream: KafkaStream,
    stopped: Event,
    *,
    undecided_after: float = Timeout.STREAM_UNDECIDED.seconds,
) -> None:
    """Publish the partitions that the group gives to this process, until `stopped` is set.

    `undecided_after`: seconds after which a partition halts whose outcome stays unknown. Raises LogUnusable.
    """
    if not isinstance(application.settings.log, Path):
        # Once, before the threads: it is made when it is first asked for. An embedded log has one thread, which waits
        # until somebody has made it.
        application.log.partition_of(UUID(int=0))
    folder = application.settings.state_dir
    threads = PartitionThreads(lambda partition: PublisherThread(application, stream, partition, undecided_after))

    def assigned(partitions: set[int]) -> None:
        for partition in threads.assigned(partitions):
            if not stopped.is_set():
                # Whoever has it now says by himself how it is.
                HaltFile(folder, PROCESS, partition).went_on()

    HaltFile(folder, PROCESS).went_on()
    stream.take_part(assigned, stopped)


class PublisherThread(SupervisedThread):
    """The publisher of one partition, until `stopped` is set: it begins anew after a failure."""

    def __init__(self, application: Application, stream: KafkaStream, partition: int, undecided_after: float) -> None:
        halt = HaltFile(application.settings.state_dir, PROCESS, partition)
        super().__init__("publisher", self._publish, failed=halt.halted, partition=partition)
        self._application = application
        self._stream = stream
        self._partition = partition
        self._halt = halt
        # What could not be settled before is not waited for again after each beginning.
        self._tries = Retry(undecided_after)
        self._unsettled = False

    def _publish(self, stopped: Event) -> None:
        self._stream.check_topics()
        publisher = self._application.publisher(self._stream, self._partition)
        if not self._unsettled:
            self._tries.progress()
        self._unsettled = False
        try:
            publisher.run(stopped, self._tries, self._went_on)
        except PartitionUnsettled as error:
            self._unsettled = True
            raise self._stream.error(self._partition, error.unknown) from error

    def _went_on(self) -> None:
        self._stream.check_topics()
        self._halt.went_on()
