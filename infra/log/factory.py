"""What the factories of the persistence modules share: the recorders of one partition of a log."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    InfrastructureFactory,
    ProcessRecorder,
)
from eventsourcing.sqlite import SQLiteAggregateRecorder, SQLiteDatastore
from eventsourcing.utils import Environment, EnvType, resolve_topic

from infra.finalizers import close_apart
from infra.log.partition_handle import PartitionHandle
from infra.log.partition_pool import WRITERS
from infra.log.partition_source import PartitionSource
from infra.log.recorder import LogApplicationRecorder, LogProcessRecorder, LogTrackingRecorder


class LogFactory(InfrastructureFactory[LogTrackingRecorder]):
    """Makes the recorders of one partition."""

    def __init__(self, env: Environment | EnvType | None) -> None:
        super().__init__(env)
        self._opened: list[PartitionHandle] = []
        self._snapshots: SQLiteDatastore | None = None

    @abstractmethod
    def source(self) -> PartitionSource:
        """The one partition. Raises BadSetting."""

    @abstractmethod
    def snapshots_path(self) -> Path:
        """The file of what can be made again from the log. Raises BadSetting."""

    def aggregate_recorder(self, purpose: str = "events") -> AggregateRecorder:
        """The library's SQLite recorder, in a file beside the index: for snapshots, which can be made again."""
        if self._snapshots is None:
            path = self.snapshots_path()
            path.parent.mkdir(parents=True, exist_ok=True)
            self._snapshots = SQLiteDatastore(str(path))
        recorder = SQLiteAggregateRecorder(self._snapshots, events_table_name=f"stored_{purpose}")
        recorder.create_table()
        return recorder

    def application_recorder(self) -> ApplicationRecorder:
        """Of the one partition."""
        recorder: ApplicationRecorder = self._class(self.APPLICATION_RECORDER_TOPIC, LogApplicationRecorder)(
            self._open()
        )
        return recorder

    def tracking_recorder(
        self, tracking_recorder_class: type[LogTrackingRecorder] | None = None
    ) -> LogTrackingRecorder:
        """Of the one partition."""
        chosen = tracking_recorder_class or self._class(self.TRACKING_RECORDER_TOPIC, LogTrackingRecorder)
        recorder: LogTrackingRecorder = chosen(self._open())
        return recorder

    def process_recorder(self) -> ProcessRecorder:
        """Of the one partition."""
        recorder: ProcessRecorder = self._class(self.PROCESS_RECORDER_TOPIC, LogProcessRecorder)(self._open())
        return recorder

    def close(self) -> None:
        """Close the partition, unless somebody else in this process has it open.

        An application that nobody closes does this in its finalizer: see `close_apart`.
        """
        opened, self._opened = self._opened, []
        snapshots, self._snapshots = self._snapshots, None
        close_apart(partial(_close, opened, snapshots))

    def _open(self) -> PartitionHandle:
        opened = WRITERS.open(self.source())
        self._opened.append(opened)
        return opened

    def _class(self, key: str, default: Any) -> Any:
        topic = self.env.get(key)
        return resolve_topic(topic) if topic else default


def _close(opened: Sequence[PartitionHandle], snapshots: SQLiteDatastore | None) -> None:
    for partition in opened:
        WRITERS.close(partition)
    if snapshots is not None:
        snapshots.close()
