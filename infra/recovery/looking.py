"""All that indexes, backups and read models know beyond the log that stands, partition by partition."""

# ruff: noqa: PLC0415  # the clients of Kafka are needed only for a log there

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final
from uuid import UUID

from consumers.commands.ports import CommandKey
from domain.i18n import pair
from domain.values import Actor
from infra.log.index import file_error, find_answers
from infra.log.sqlite.reading import ReadOnlySource
from infra.log.sqlite.source import has_records
from infra.recovery.comparison import Beyond, compare, handled_in, has_read_past
from infra.recovery.errors import HolderUnusable
from infra.recovery.holders import Holder, Holders
from infra.recovery.lost import LostCommand, Settled, WhyNot, furthest, settle
from infra.recovery.rebuilding import COMMANDS
from infra.sqlite_file import open_read_only
from projections.engine.generations import check_log, is_set_up
from projections.engine.snapshot import Snapshot
from projections.read_models import PROJECTIONS

if TYPE_CHECKING:
    from infra.bootstrap import Application

_SHOWN: Final = (
    "SELECT dossier_id, version, partition, position, event, took_place_on, person, agency, role, command_id "
    "FROM {audit_events} ORDER BY partition, position"
)


class Looking:
    """Looks for what was lost. Nothing is written but for temporary files. See `looking`."""

    def __init__(self, application: Application, folder: Path) -> None:
        self._application = application
        self._holders = Holders(folder)

    @cached_property
    def standing(self) -> dict[int, Holder]:
        """Each partition of the log that stands, as far as it is whole. Raises LogUnusable."""
        path = self._application.settings.log
        if isinstance(path, Path):
            with closing(ReadOnlySource(path, lock_seconds=self._application.settings.lock_timeout)) as source:
                source.check_beside()
                _check_records(path)
                return {0: self._holders.log(source)}
        return {source.address.partition: self._holders.log(source) for source in self._application.sources()}

    def beyond(self, indexes: Sequence[Path], backups: Sequence[Path]) -> list[Settled]:
        """What each partition has lost, of all that these hold: of each partition what holds most.

        Raises HolderUnusable, HolderOfAnotherLog, LogNotFounded, LogUnusable, BackupAltered and what reading raises.
        """
        held = [each for path in indexes for each in self._holders.index(path)]
        held += [each for path in backups for each in self._holders.backup(path)]
        return furthest([self._settled(self.compare(each)) for each in held])

    def parted(self, indexes: Sequence[Path]) -> list[Path]:
        """Those of this machine's indexes that nobody can go on with.

        They hold something else than the log, were read past its end, are another topic's, or cannot be used. Raises as
        `beyond`.
        """
        # First all of them, and then the log: they may be in use.
        found = [(path, self._held(path)) for path in indexes]
        return [path for path, held in found if held is None or self._is_parted(path, held)]

    def _held(self, index: Path) -> list[Holder] | None:
        try:
            return self._holders.index(index)
        except HolderUnusable:
            return None

    def _is_parted(self, index: Path, held: Sequence[Holder]) -> bool:
        try:
            if any(self.compare(each).how != "nothing" for each in held):
                return True
        except HolderUnusable:
            return True
        if isinstance(self._application.settings.log, Path):
            return False
        return self._is_of_another_topic(index) or any(
            has_read_past(each, self.standing[each.partition]) for each in held
        )

    def compare(self, holder: Holder) -> Beyond:
        """What a holder has beyond its partition of the log. Raises as `beyond`."""
        standing = self.standing.get(holder.partition)
        if standing is None:
            reason = pair("it holds partition {partition}, which the log does not have", partition=holder.partition)
            raise HolderUnusable(path=holder.name, reason=reason)
        return compare(holder, standing)

    def only_shown(self, known: Collection[str]) -> list[LostCommand]:
        """What the read models show of commands that the log does not know, but for those with `known` ids.

        Raises ViewsOfAnotherLog and what reading them raises.
        """
        found: dict[str, LostCommand] = {}
        application = self._application
        # The log itself cannot be asked where its own index is what is wrong.
        embedded = isinstance(application.settings.log, Path)
        log_id = application.read_only_source.log_id if embedded else application.kafka_reader.log_id
        with application.views.reading() as reader:
            if not is_set_up(reader):
                return []
            check_log(reader, log_id)
            snapshot = Snapshot(reader, PROJECTIONS)
            if "audit" not in snapshot.builds:
                return []
            rows = snapshot.select(_SHOWN)
        for partition, standing in self.standing.items():
            shown = [row for row in rows if row["partition"] == partition and row["command_id"] not in known]
            waiting = self._waiting(standing) if shown else set()
            with _answers(standing) as is_answered:
                for row in shown:
                    command_id = str(row["command_id"])
                    key = CommandKey(UUID(str(row["dossier_id"])).bytes[:6], UUID(command_id))
                    if is_answered(key):
                        continue
                    first = found.get(command_id)
                    fact = (int(str(row["version"])), str(row["event"]))
                    found[command_id] = LostCommand(
                        command_id=command_id,
                        partition=partition,
                        position=int(str(row["position"])),
                        accepted=True,
                        command=COMMANDS.get(fact[1]),
                        dossier=str(row["dossier_id"]),
                        on=date.fromisoformat(str(row["took_place_on"])),
                        caller=Actor(person=str(row["person"]), agency=str(row["agency"]), role=str(row["role"])),
                        events=(*(first.events if first is not None else ()), fact),
                        answer=None,
                        digest=None,
                        reason=None if command_id in waiting else WhyNot.ONLY_SHOWN,
                        waits=command_id in waiting,
                    )
        return [*found.values()]

    def _is_of_another_topic(self, index: Path) -> bool:
        """Whether an index was made from a topic that was there before: nobody goes on with it."""
        identity = self._application.topics.events.identity
        try:
            with closing(open_read_only(index)) as connection:
                made_from = connection.execute("SELECT cluster_id, topic_id FROM log").fetchone()
        except sqlite3.Error as error:
            raise file_error(index, error) from error
        return bool(made_from != (identity.cluster_id, str(identity.topic_id)))

    def _waiting(self, standing: Holder) -> set[str]:
        """The ids of the commands of a partition that are handled again anyway: nobody has to give them."""
        application = self._application
        if isinstance(application.settings.log, Path):
            return set()
        from infra.recovery.queued import waiting_ids

        try:
            with closing(open_read_only(standing.file)) as connection:
                handled = handled_in(connection)
        except sqlite3.Error as error:
            raise file_error(standing.file, error) from error
        if handled is not None and handled.topic_id != application.topics.commands.identity.topic_id:
            return set()
        return waiting_ids(application, standing.partition, handled.offset if handled is not None else -1)

    def _settled(self, beyond: Beyond) -> Settled:
        application = self._application
        if isinstance(application.settings.log, Path):
            return settle(beyond, {})
        from infra.recovery.queued import queued_lines

        wanted = {str(key.command_id): each.digest for key, each in (*beyond.answers.items(), *beyond.refusals.items())}
        topic_id = application.topics.commands.identity.topic_id
        same = beyond.handled is None or beyond.handled.topic_id == topic_id
        return settle(beyond, queued_lines(application, beyond.holder.partition, wanted), same_queue=same)


@contextmanager
def looking(application: Application) -> Iterator[Looking]:
    """A look at a log."""
    with TemporaryDirectory(prefix="dossier-lost-") as folder:
        yield Looking(application, Path(folder))


def given_again(commands: Sequence[LostCommand]) -> list[LostCommand]:
    """Those that are given again."""
    return [each for each in commands if each.line is not None]


def stay_lost(commands: Sequence[LostCommand]) -> list[LostCommand]:
    """Acknowledged facts that nobody brings back: neither who gives them again, nor the queue."""
    return [each for each in commands if each.accepted and each.line is None and not each.waits]


def _check_records(path: Path) -> None:
    """Raises LogChanged where an embedded log has lost all its records, and nothing is left to go on from."""
    try:
        with closing(open_read_only(path)) as connection:
            has_records(connection, path)
    except sqlite3.Error as error:
        raise file_error(path, error) from error


@contextmanager
def _answers(standing: Holder) -> Iterator[_IsAnswered]:
    try:
        with closing(open_read_only(standing.file)) as connection:
            yield _IsAnswered(connection)
    except sqlite3.Error as error:
        raise file_error(standing.file, error) from error


class _IsAnswered:
    """Whether the log that stands has bound a command id."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __call__(self, key: CommandKey) -> bool:
        return bool(find_answers(self._connection, [key]))
