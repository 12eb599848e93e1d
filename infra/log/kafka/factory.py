"""The persistence module's factory: `PERSISTENCE_MODULE=infra.log.kafka`."""

from __future__ import annotations

from typing import Any, Final

from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    InfrastructureFactory,
    ProcessRecorder,
)
from eventsourcing.sqlite import SQLiteAggregateRecorder, SQLiteDatastore
from eventsourcing.utils import Environment, EnvType, resolve_topic

from infra.errors import BadSetting
from infra.kafka.settings import from_environment
from infra.log.kafka.recorder import KafkaApplicationRecorder, KafkaProcessRecorder, KafkaTrackingRecorder
from infra.log.partition_handle import PartitionHandle
from infra.log.partition_pool import close_partition, open_partition
from infra.log.partition_reader import index_path


class KafkaLogFactory(InfrastructureFactory[KafkaTrackingRecorder]):
    """Makes the recorders of one partition. An application over several partitions is several applications.

    The application's name is `<app>/<p>` for partition p, `<app>` at P = 1. A dossier belongs to the partition that
    `domain.identity.partition_of` says. Settings, each also with the application's
    name in front as the library has it: KAFKA_BOOTSTRAP_SERVERS, KAFKA_PREFIX (instead of the name's `<app>`),
    KAFKA_PARTITIONS, KAFKA_PARTITION (instead of the name's `<p>`), KAFKA_REPLICATION, KAFKA_INDEX (a folder), and
    the options of a connection such as KAFKA_SECURITY_PROTOCOL.
    """

    KAFKA_PARTITION: Final = "KAFKA_PARTITION"

    def __init__(self, env: Environment | EnvType | None) -> None:
        super().__init__(env)
        app, _, number = self.env.name.partition("/")
        self._settings = from_environment(self.env.get, app.lower() or "dossier")
        number = self.env.get(self.KAFKA_PARTITION) or number or ("0" if self._settings.partitions == 1 else "")
        self._number = _partition(number, self._settings.partitions) if number else None
        self._opened: list[PartitionHandle] = []
        self._snapshots: SQLiteDatastore | None = None

    def aggregate_recorder(self, purpose: str = "events") -> AggregateRecorder:
        """The library's SQLite recorder, in a file beside the index: for snapshots, which can be made again."""
        if self._snapshots is None:
            path = index_path(self._settings, self._number or 0)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._snapshots = SQLiteDatastore(str(path.with_suffix(".snapshots.sqlite")))
        recorder = SQLiteAggregateRecorder(self._snapshots, events_table_name=f"stored_{purpose}")
        recorder.create_table()
        return recorder

    def application_recorder(self) -> ApplicationRecorder:
        """Of the one partition. Raises BadSetting when there are several and none is named."""
        recorder_class = self._class(self.APPLICATION_RECORDER_TOPIC, KafkaApplicationRecorder)
        recorder: ApplicationRecorder = recorder_class(self._open(self._one()))
        return recorder

    def tracking_recorder(
        self, tracking_recorder_class: type[KafkaTrackingRecorder] | None = None
    ) -> KafkaTrackingRecorder:
        """Of the one partition."""
        chosen = tracking_recorder_class or self._class(self.TRACKING_RECORDER_TOPIC, KafkaTrackingRecorder)
        recorder: KafkaTrackingRecorder = chosen(self._open(self._one()))
        return recorder

    def process_recorder(self) -> ProcessRecorder:
        """Of the one partition."""
        recorder: ProcessRecorder = self._class(self.PROCESS_RECORDER_TOPIC, KafkaProcessRecorder)(
            self._open(self._one())
        )
        return recorder

    def close(self) -> None:
        """Close the partitions that nobody else in this process has open."""
        opened, self._opened = self._opened, []
        for partition in opened:
            close_partition(partition)
        if self._snapshots is not None:
            self._snapshots.close()
            self._snapshots = None

    def _open(self, number: int) -> PartitionHandle:
        opened = open_partition(self._settings, number)
        self._opened.append(opened)
        return opened

    def _one(self) -> int:
        if self._number is None:
            reason = f"one of 0 to {self._settings.partitions - 1}"
            raise BadSetting(setting=self.KAFKA_PARTITION, value="", reason_en=reason, reason_vi=reason)
        return self._number

    def _class(self, key: str, default: Any) -> Any:
        topic = self.env.get(key)
        return resolve_topic(topic) if topic else default


def _partition(text: str, partitions: int) -> int:
    if text.isdecimal() and int(text) < partitions:
        return int(text)
    reason = f"one of 0 to {partitions - 1}"
    raise BadSetting(setting=KafkaLogFactory.KAFKA_PARTITION, value=text, reason_en=reason, reason_vi=reason)
