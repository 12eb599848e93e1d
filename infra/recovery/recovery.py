"""`dossier log recover`: out of a log that was cut or restored, and of what is not its own any more, step by step.

    1. Look: what the doctor finds, what was lost, and which of it can be given again. Nothing is written.
    2. Write down every lost command, and those that are given again.
    3. Put indexes aside that are not the log's; the index in the file of an embedded log is kept in a copy.
    4. Make the read models anew that are not the log's. What was served stays in the store, as the old generation.
    5. Bring queues back that lost their end.
    6. Give the commands again, with their ids.

Nothing is deleted. Ended anywhere, it is done again from its first step: what is aside is not the log's index any more,
a read model that was made anew is whole, and a command that was given twice acts once.
"""

# ruff: noqa: PLC0415  # the clients of Kafka are needed only for a log there

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import structlog

from consumers.commands.outcome import Answer
from infra.diagnosis.read_models import note_rows
from infra.diagnosis.report import Report
from infra.errors import LogUnusable
from infra.log.index import file_error
from infra.log.last_rows import mark_of
from infra.log.partition_handle import PartitionHandle
from infra.log.sqlite.index import forget_tables
from infra.recovery.cases import Remedy, remedy_of
from infra.recovery.looking import looking, stay_lost
from infra.recovery.lost import LostCommand, Settled
from infra.recovery.progress import RecoveryProgress
from infra.retry import Retry
from infra.sqlite_file import open_read_only
from infra.timeouts import Timeout
from projections.engine.errors import ViewsAheadOfLog, ViewsOfAnotherHistory
from projections.engine.generations import Generation, stand_down
from projections.read_models import PROJECTIONS

if TYPE_CHECKING:
    from infra.bootstrap import Application
    from projections.engine.engine import Engine
    from projections.engine.ports import Reader

_log = structlog.get_logger(__name__)

_T = TypeVar("_T")

_AT_ONCE: Final = 500
_SETTLES: Final = 40.0
"""Seconds after which a process that halted has gone on, if it can."""
_PAUSE: Final = 0.5


@dataclass(slots=True)
class Plan:
    """What a recovery would do.

    report     what the doctor found
    found      what indexes and backups hold beyond the log
    shown      commands that the read models alone know of
    known      ids that an earlier run has written down → whether each stays lost
    indexes    those that are put aside
    queues     partitions of the queue that lost their end, as far as the log can be read through its indexes
    """

    report: Report
    found: list[Settled] = field(default_factory=list)
    shown: list[LostCommand] = field(default_factory=list)
    known: dict[str, bool] = field(default_factory=dict)
    indexes: list[Path] = field(default_factory=list)
    queues: list[int] = field(default_factory=list)
    goes_on: bool = False

    @property
    def remedies(self) -> set[Remedy]:
        """What the findings ask for."""
        return {remedy_of(each.error.code) for each in self.report.wrong}

    @property
    def by_hand(self) -> list[str]:
        """Codes that a person has to mend first."""
        codes = dict.fromkeys(each.error.code for each in self.report.wrong)
        return [code for code in codes if remedy_of(code) is Remedy.BY_HAND]

    @property
    def commands(self) -> list[LostCommand]:
        """All lost commands that no earlier run has written down."""
        every = [*(each for settled in self.found for each in settled.commands), *self.shown]
        return [each for each in every if each.command_id not in self.known]

    @property
    def losing(self) -> int:
        """How many acknowledged commands stay lost."""
        return len(stay_lost(self.commands)) + sum(self.known.values())

    @property
    def is_needed(self) -> bool:
        """Whether there is anything to be done."""
        needs = {Remedy.INDEXES, Remedy.VIEWS, Remedy.QUEUE}
        return bool(self.goes_on or self.indexes or self.queues or self.commands or self.remedies & needs)


@dataclass(slots=True)
class Recovered:
    """What was done.

    folder    where the lost commands are written down, and those that were given again
    kept      where indexes are that were put aside
    rebuilt   read models that were made anew
    queues    partitions of the queue that were brought back
    answers   what the commands were answered that were given again
    waiting   how many of them were put into the queue, where nobody handles them yet
    """

    folder: Path
    kept: list[Path] = field(default_factory=list)
    rebuilt: list[str] = field(default_factory=list)
    queues: list[int] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    waiting: int = 0


class Recovery:
    """The steps. `opened` opens the installation anew for each, since what one has read is gone with the next.

    `named`: indexes and backups that a person has named, beside those of this machine.
    """

    def __init__(
        self,
        opened: Callable[[], AbstractContextManager[Application]],
        named: tuple[Sequence[Path], Sequence[Path]],
        on_step: Callable[[str], None] = lambda _step: None,
    ) -> None:
        self._opened = opened
        self._indexes, self._backups = named
        self._on_step = on_step

    def plan(self) -> Plan:
        """Step 1. Raises LogMissing and what `Looking.beyond` raises."""
        plan = Plan(self.diagnosed())
        if plan.by_hand:
            return plan
        with self._opened() as application, looking(application) as look:
            progress = RecoveryProgress(application.settings.state_dir)
            plan.known, plan.goes_on = progress.known(), progress.folder is not None
            wrong = {each.error.details.get("index") for each in plan.report.wrong}
            own = _own_indexes(application)
            parted = look.parted(own)
            plan.indexes = [path for path in own if str(path) in wrong or path in parted]
            plan.found = look.beyond([*self._indexes, *plan.indexes], self._backups)
            if plan.remedies & {Remedy.VIEWS, Remedy.INDEXES}:
                ids = {command.command_id for each in plan.found for command in each.commands}
                plan.shown = look.only_shown(ids)
        if not plan.indexes:
            plan.queues = self._cut_queues()
        return plan

    def run(self, plan: Plan, now: datetime) -> Recovered:
        """Steps 2 to 6. Raises IndexInUse where a process keeps an index: then nothing was changed."""
        with self._opened() as application:
            stamp = f"{now:%Y%m%dT%H%M%S%f}"
            progress = RecoveryProgress(application.settings.state_dir)
            _check_free(application, plan.indexes)
            done = Recovered(progress.begin(plan.commands, stay_lost(plan.commands), now))  # 2
        self._on_step("written")
        with self._opened() as application:  # 3
            done.kept += _put_aside(application, plan.indexes, stamp)
        self._on_step("indexes")
        with self._opened() as application:  # 4
            done.rebuilt = _rebuilt(application, plan.report)
        self._on_step("views")
        done.queues = self._cut_queues(mend=True)  # 5
        self._on_step("queues")
        lines = [line.encode() for line in progress.lines()]
        with self._opened() as application:  # 6
            has_workers = bool(plan.report.facts.get("groups", {}).get("worker", True))
            if has_workers:
                for start in range(0, len(lines), _AT_ONCE):
                    done.answers += application.gateway.submit(lines[start : start + _AT_ONCE])()
            else:
                done.waiting = _put_into_queue(application, lines)
            self._on_step("given")
        progress.end()
        return done

    def diagnosed(self) -> Report:
        """What the doctor finds. Raises LogMissing."""
        with self._opened() as application:
            log = application.settings.log
            if isinstance(log, Path):
                from infra.diagnosis.embedded import diagnose_embedded

                return diagnose_embedded(application, log)
            from infra.queue.diagnose import diagnose

            return diagnose(application)

    def settled(self) -> Report:
        """What the doctor finds once processes that halted, and workers where there are any, have had time to go on."""
        tries = Retry(_SETTLES, pause=_PAUSE)
        while True:
            report = self.diagnosed()
            codes = {each.error.code for each in report.wrong}
            go_on = {"PROCESS_HALTED", *(() if "NO_WORKER" in codes else ("COMMANDS_WAITING",))}
            if not codes & go_on or tries.is_over:
                return report
            tries.pause()

    def _cut_queues(self, *, mend: bool = False) -> list[int]:
        """Partitions of the queue that lost their end; `mend`: they are brought back. Raises LogUnusable."""
        found: list[int] = []
        with self._opened() as application:
            if isinstance(application.settings.log, Path):
                return found
            from infra.queue.recovery import recovering

            for partition in range(application.kafka.partitions):
                with recovering(application, partition) as queue:
                    examined = queue.examine()
                    if not examined.is_needed:
                        continue
                    found.append(partition)
                    if mend:
                        queue.recover(examined)
        return found


def _own_indexes(application: Application) -> list[Path]:
    path = application.settings.log
    if isinstance(path, Path):
        return [path]
    from infra.log.kafka.index_paths import index_files

    return [each for number in range(path.partitions) for each in index_files(path, number)]


def _check_free(application: Application, indexes: Sequence[Path]) -> None:
    """Raises IndexInUse."""
    if isinstance(application.settings.log, Path):
        return
    from infra.log.errors import IndexInUse
    from infra.log.index_file import open_index

    def look(path: Path) -> None:
        try:
            open_index(path, application.kafka.app, topic.identity, _partition_of(application, path)).close()
        except IndexInUse:
            raise
        except LogUnusable as error:
            # Whatever else is wrong with it is why it is put aside.
            _log.info("index.unusable", path=str(path), reason=str(error))

    topic = application.topics.events
    for path in indexes:
        _once_free(partial(look, path))


def _once_free(action: Callable[[], _T]) -> _T:
    """Do it once nobody has the index: a worker that halted takes it up again and again. Raises IndexInUse."""
    from infra.log.errors import IndexInUse

    tries = Retry(Timeout.INDEX, pause=_PAUSE)
    while True:
        try:
            return action()
        except IndexInUse:
            if tries.is_over:
                raise
            tries.pause()


def _partition_of(application: Application, path: Path) -> int:
    from infra.log.kafka.index_paths import index_files

    return next(at for at in range(application.kafka.partitions) if path in index_files(application.kafka, at))


def _put_aside(application: Application, indexes: Sequence[Path], stamp: str) -> list[Path]:
    """Where they are kept. The next one who needs an index makes it anew; that of an embedded log is made anew now."""
    log = application.settings.log
    if not isinstance(log, Path):
        from infra.log.kafka.renewal import put_aside
        from infra.log.kafka.source import KafkaSource

        topic = application.topics.events
        return [
            _once_free(
                partial(put_aside, KafkaSource(application.kafka, _partition_of(application, path), topic), path)
            )
            for path in indexes
            if path.exists()
        ]
    if not indexes:
        return []
    source = application.sqlite_source(log)
    kept = _copy(log, stamp)
    try:
        with closing(source.connect()) as connection:
            forget_tables(connection)
        mark_of(log).unlink(missing_ok=True)
    except sqlite3.Error as error:
        raise file_error(log, error) from error
    PartitionHandle(source).close()
    return [kept]


def _rebuilt(application: Application, report: Report) -> list[str]:
    """The read models that the doctor has named, and those that the log contradicts now that it can be read."""
    engine = application.engine
    with engine.reading() as snapshot:
        builds, reader = snapshot.builds, snapshot.reader
        contradicted = [name for name, build in builds.items() if _is_contradicted(engine, reader, build)]
    if contradicted:
        with engine.views.exclusive_transaction() as writer:
            for name in contradicted:
                stand_down(writer, name)
    named = {each.error.details.get("projection") for each in report.wrong}
    names = [each.name for each in PROJECTIONS if each.name in named or each.name in contradicted]
    for outcome in application.rebuild(names).run() if names else ():
        note_rows(application, outcome)
    return names


def _is_contradicted(engine: Engine, reader: Reader, build: Generation) -> bool:
    try:
        engine.histories.check(reader, [build])
    except (ViewsAheadOfLog, ViewsOfAnotherHistory):
        return True
    return False


def _copy(path: Path, stamp: str) -> Path:
    """A copy beside the file, as it stands at one moment, that only its owner can read. Raises LogUnusable."""
    kept = path.with_name(f"{path.name}.{stamp}.kept")
    try:
        os.close(os.open(kept, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        with closing(open_read_only(path)) as source, closing(sqlite3.connect(kept)) as target:
            source.backup(target)
    except sqlite3.Error as error:
        raise file_error(path, error) from error
    except OSError as error:
        raise LogUnusable(log=str(kept), reason=error.strerror or str(error)) from error
    return kept


def _put_into_queue(application: Application, lines: Sequence[bytes]) -> int:
    """Where no worker is there to answer; how many."""
    from domain.identity import partition_of, routing_id
    from infra.kafka.client import KafkaPartitionClient
    from schemas.command_parser import read_command

    by_partition: dict[int, list[bytes]] = {}
    for line in lines:
        some_id = routing_id(read_command(line).dossier, application.settings.units)
        by_partition.setdefault(partition_of(some_id, application.kafka.partitions), []).append(line)
    for partition, some in by_partition.items():
        with closing(KafkaPartitionClient(application.kafka, application.topics.commands, partition)) as client:
            for start in range(0, len(some), _AT_ONCE):
                client.send_durably([(None, line) for line in some[start : start + _AT_ONCE]])
    return len(lines)
