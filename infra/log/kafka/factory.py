"""The persistence module's factory: `PERSISTENCE_MODULE=infra.log.kafka`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from eventsourcing.utils import Environment, EnvType

from infra.errors import BadSetting
from infra.kafka.settings import from_environment
from infra.log.factory import LogFactory
from infra.log.kafka.source import KafkaSource, index_path


class KafkaLogFactory(LogFactory):
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

    def source(self) -> KafkaSource:
        """The one partition. Raises BadSetting when there are several and none is named."""
        if self._number is None:
            reason = f"one of 0 to {self._settings.partitions - 1}"
            raise BadSetting(setting=self.KAFKA_PARTITION, value="", reason_en=reason, reason_vi=reason)
        return KafkaSource(self._settings, self._number)

    def snapshots_path(self) -> Path:
        """Beside the index."""
        return index_path(self._settings, self._number or 0).with_suffix(".snapshots.sqlite")


def _partition(text: str, partitions: int) -> int:
    if text.isdecimal() and int(text) < partitions:
        return int(text)
    reason = f"one of 0 to {partitions - 1}"
    raise BadSetting(setting=KafkaLogFactory.KAFKA_PARTITION, value=text, reason_en=reason, reason_vi=reason)
