"""From command to answer: decide a batch of commands on the head of a partition and append it as one.

A command id is bound, within its unit, to its content and its first answer, refusals included. Malformed input binds
nothing. When somebody else appended in between, the whole batch is decided anew; no caller is answered before its
outcome is durable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias, cast
from uuid import UUID

from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import Mapper, StoredEvent

from consumers.commands.cross_dossier import FactsInBatch, LoggedFacts
from consumers.commands.errors import NotHandled, WrongPartition
from consumers.commands.outcome import Answer, accepted, first_answer, refused
from consumers.commands.ports import (
    NO_KEY,
    AppendTooLarge,
    CommandKey,
    CommandLog,
    CommandOutcome,
    ConcurrencyConflict,
    DeadLetter,
    DeadLetters,
    QueuedCommand,
)
from consumers.commands.queued import QueuedItem, read_queued
from consumers.commands.recording_clock import RecordingClock
from consumers.commands.repository import Loaded, Repository
from domain.commands import Command, UnitReference
from domain.context import VIETNAM, DecisionContext, InterpretationSettings
from domain.council.aggregate import ProvincialCouncil
from domain.dossier.aggregate import Dossier
from domain.errors import DossierError, InfrastructureError, InvalidInput, Refused
from domain.identity import COUNCIL_ID, COUNCIL_UNIT, MalformedDossierReference, dossier_id, routing_id
from domain.procedure import COUNCIL, CREATE, ON_DOSSIER
from domain.refusals import CommandIdReused, UnknownDossier
from domain.units import Units
from schemas.command_parser import MalformedMessage

_SCOPE_BYTES: Final = 6
_REASON_LENGTH: Final = 500

_Item: TypeAlias = tuple[QueuedCommand | None, Command | MalformedMessage]
"""What is to be handled, and as what it stands in the queue that it came from."""


@dataclass(slots=True)
class _Batch:
    """One attempt at a batch: what was decided so far, on the head of a partition."""

    partition: int
    head: int
    given: int
    """The last position that was given out. Those between it and the head are empty."""
    outcomes: list[CommandOutcome] = field(default_factory=list)
    bound: dict[CommandKey, CommandOutcome] = field(default_factory=dict)
    dead: list[DeadLetter] = field(default_factory=list)
    decided: list[DomainEventProtocol[UUID]] = field(default_factory=list)
    events: int = 0
    is_appended: bool = False

    @property
    def position(self) -> int:
        """The last position with an event that the next command of the batch is decided on."""
        return self.given + self.events if self.events else self.head

    def first_answer(self, key: CommandKey) -> tuple[bytes, str] | None:
        """Digest and answer of a command that was decided earlier in the batch."""
        outcome = self.bound.get(key)
        return (outcome.digest, outcome.answer) if outcome else None

    def record(self, outcome: CommandOutcome) -> None:
        """Take in an outcome that binds its command's id, with the events that the command led to."""
        self.outcomes.append(outcome)
        self.bound[outcome.key] = outcome
        self.events += len(outcome.events)

    def record_unbound(self, queued: QueuedCommand | None, outcome: CommandOutcome) -> None:
        """Take in an outcome that binds nothing: only a queue needs to know that the command was handled."""
        if queued is not None:
            self.outcomes.append(replace(outcome, source=queued.source))
            if outcome.outcome == "dead":
                self.dead.append(DeadLetter(queued.source, queued.value or b"", outcome.answer))


class CommandHandler:
    """Handles commands against a log. Not for use by several threads at once."""

    def __init__(
        self,
        log: CommandLog,
        facts: LoggedFacts,
        mapper: Mapper[UUID],
        units: Units,
        *,
        clock: RecordingClock,
        readings: InterpretationSettings | None = None,
    ) -> None:
        """`facts`: of other dossiers, for this handler alone; they may read more partitions than `log` has open."""
        self._log = log
        self._facts = facts
        self._mapper = mapper
        self._units = units
        self._clock = clock
        self._readings = readings or InterpretationSettings()
        self._repositories: dict[int, Repository] = {}

    def handle(self, commands: Sequence[Command | MalformedMessage], partition: int = 0) -> list[Answer]:
        """Decide commands, all of one partition, in order; the answers come in the same order.

        Raises InfrastructureError when the log cannot be used; then nothing of the batch is answered.
        """
        while True:
            try:
                return self._attempt([(None, command) for command in commands], partition, None)
            except ConcurrencyConflict:
                continue

    def process_queued(self, queued: Sequence[QueuedCommand], partition: int, dead_letters: DeadLetters) -> None:
        """Decide commands of a queue, all of one partition, and append their outcomes with their places in the queue.

        What the log says was handled is left out: after a lost round that may be some of these. What cannot be handled
        is stored as a dead letter before the append. Nobody is answered here: replies are made from the accepted
        record. Raises InfrastructureError.
        """
        self._process(read_queued(queued), partition, dead_letters)

    def _process(self, items: Sequence[QueuedItem], partition: int, dead_letters: DeadLetters) -> None:
        while items := self._unhandled(items, partition):
            try:
                self._attempt(items, partition, dead_letters)
            except ConcurrencyConflict:
                continue
            except AppendTooLarge as error:
                items = self._split(items, partition, dead_letters, error)
            else:
                return

    def _unhandled(self, items: Sequence[QueuedItem], partition: int) -> Sequence[QueuedItem]:
        last = self._log.commands_offset(partition)
        if last is None:
            return items
        return [
            (queued, item)
            for queued, item in items
            if queued.source.topic_id != last.topic_id or queued.source.offset > last.offset
        ]

    def _split(
        self, items: Sequence[QueuedItem], partition: int, dead_letters: DeadLetters, error: AppendTooLarge
    ) -> Sequence[QueuedItem]:
        """Split an oversized batch in two; a single command that is still too large becomes a dead letter.

        Returns what is left to be handled.
        """
        if len(items) > 1:
            half = len(items) // 2
            self._process(items[:half], partition, dead_letters)
            return items[half:]
        queued, item = items[0]
        if isinstance(item, MalformedMessage):
            raise error
        return [(queued, MalformedMessage(item.command_id, NotHandled(reason=str(error)), item.digest))]

    def _attempt(self, items: Sequence[_Item], partition: int, dead_letters: DeadLetters | None) -> list[Answer]:
        """Decide a batch and append it; the answers. Raises ConcurrencyConflict, AppendTooLarge, InfrastructureError.

        1. Read what others appended since the last batch.
        2. Find the first answers of commands that were handled before.
        3. Decide the rest, each on what the ones before it in the batch changed.
        4. Store dead letters, then append all outcomes after the head on which they were decided.
        5. Only now may anybody be answered.
        """
        try:
            repository = self._repository(partition)  # 1
            batch = _Batch(partition, repository.head, self._log.last_given(partition))
            keys = [self._key(item, partition) if isinstance(item, Command) else item.error for _, item in items]
            bound = self._log.answers(partition, [key for key in keys if isinstance(key, CommandKey)])  # 2
            answers = [  # 3
                self._answer(item, key, bound, batch, repository) for item, key in zip(items, keys, strict=True)
            ]
            if dead_letters is not None and batch.dead:  # 4
                dead_letters.store(batch.dead)
            if batch.outcomes:
                self._log.append(partition, batch.head, batch.outcomes, given=batch.given)
        except BaseException:
            # What was decided but not appended must not be built upon.
            self._repositories.clear()
            raise
        repository.appended(batch.position)
        batch.is_appended = True
        return answers  # 5

    def _repository(self, partition: int) -> Repository:
        known = self._repositories.get(partition)
        if known is None:
            known = self._repositories[partition] = Repository(self._log, self._mapper, partition)
        else:
            known.read_on()
        return known

    def _answer(
        self,
        queued_item: _Item,
        key: CommandKey | InvalidInput,
        bound: Mapping[CommandKey, tuple[bytes, str]],
        batch: _Batch,
        repository: Repository,
    ) -> Answer:
        queued, item = queued_item
        if isinstance(item, MalformedMessage):
            return self._dead(queued_item, item.error, batch)
        if isinstance(key, InvalidInput):
            return self._dead(queued_item, key, batch)
        first = bound.get(key) or batch.first_answer(key)
        if first is not None:
            again = first_answer(first[1]) if first[0] == item.digest else None
            again = again or self._refused(item.command_id, CommandIdReused(command_id=item.command_id), batch)
            batch.record_unbound(queued, CommandOutcome(key, item.digest, again.line, (), outcome="repeated"))
            return again
        stored: list[StoredEvent] = []
        try:
            stored = self._decide(item, batch, repository)
            answer = accepted(item.command_id, batch.partition, batch.given + batch.events + len(stored), stored)
        except Refused as error:
            answer = self._refused(item.command_id, error, batch)
        except InvalidInput as error:
            return self._dead(queued_item, error, batch, key)
        except InfrastructureError:
            raise
        except Exception as fault:  # a fault of the program on one command must not stop a whole queue
            if queued is None:
                raise
            repository.reload()
            failed = NotHandled(reason=f"{type(fault).__name__}: {fault}"[:_REASON_LENGTH])
            return self._dead(queued_item, failed, batch, key)
        batch.record(CommandOutcome(key, item.digest, answer.line, stored, queued and queued.source))
        return answer

    def _dead(self, queued_item: _Item, error: InvalidInput, batch: _Batch, key: CommandKey = NO_KEY) -> Answer:
        queued, item = queued_item
        answer = self._refused(item.command_id, error, batch)
        batch.record_unbound(queued, CommandOutcome(key, item.digest, answer.line, (), outcome="dead"))
        return answer

    def _refused(self, command_id: str | None, error: DossierError, batch: _Batch) -> Answer:
        return refused(command_id, batch.partition, batch.position, error)

    def _decide(self, command: Command, batch: _Batch, repository: Repository) -> list[StoredEvent]:
        """The events that a command leads to. Raises a Refused or an InvalidInput; then nothing is changed."""
        moment = repository.recorded_at = self._clock.moment(repository.recorded_at)
        facts = FactsInBatch(self._facts, batch)
        context = DecisionContext(moment, (moment + VIETNAM).date(), self._units, facts, self._readings)
        aggregate = self._changed(command, context, repository)
        events = aggregate.collect_events()
        stored = [self._mapper.to_stored_event(event) for event in events]
        repository.record(aggregate, events)
        batch.decided += events
        return stored

    def _changed(self, command: Command, context: DecisionContext, repository: Repository) -> Loaded:
        """The aggregate of a command, with what it leads to pending."""
        if command.name in COUNCIL or command.dossier == COUNCIL_UNIT:
            if command.name not in COUNCIL or command.dossier != COUNCIL_UNIT:
                raise UnknownDossier(reference=_shown(command))
            return COUNCIL[command.name].take(
                cast("ProvincialCouncil | None", repository.load(COUNCIL_ID)), command, context
            )
        if isinstance(command.dossier, UnitReference):
            dossier, following = repository.latest(command.dossier)
            if command.name in CREATE:
                fresh = CREATE[command.name].take(
                    dossier, following, self._units.get(following.unit_id), command, context
                )
                repository.created(command.dossier, fresh.attempt)
                return fresh
        elif command.name in CREATE:
            raise MalformedDossierReference(reference=command.dossier)
        else:
            found = repository.load(dossier_id(command.dossier))
            dossier = found if isinstance(found, Dossier) else None
        if dossier is None:
            raise UnknownDossier(reference=_shown(command))
        ON_DOSSIER[command.name].take(dossier, command, context)
        return dossier

    def _key(self, command: Command, partition: int) -> CommandKey | InvalidInput:
        try:
            some_id = routing_id(command.dossier, self._units)
        except InvalidInput as error:
            return error
        right = self._log.partition_of(some_id)
        if right != partition:
            return WrongPartition(partition=partition, right=right)
        return CommandKey(some_id.bytes[:_SCOPE_BYTES], UUID(command.command_id))


def _shown(command: Command) -> str:
    if isinstance(command.dossier, UnitReference):
        return f"{command.dossier.unit} {command.dossier.level} {command.dossier.year}"
    return command.dossier
