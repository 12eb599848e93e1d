"""From command to answer: decide a batch of commands on the head of a partition and append it as one.

A command id is bound, within its unit, to its content and its first answer, refusals included. Malformed input binds
nothing. When somebody else appended in between, the whole batch is decided anew; no caller is answered before its
decision is durable.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeAlias, cast
from uuid import UUID

from eventsourcing.application import project_aggregate
from eventsourcing.persistence import Mapper, StoredEvent

from consumers.commands.errors import LogIncomplete, NotHandled, WrongPartition
from consumers.commands.outcome import Answer, MalformedMessage, accepted, first_answer, refused
from consumers.commands.ports import (
    NO_KEY,
    AppendTooLarge,
    CommandKey,
    CommandOutcome,
    ConcurrencyConflict,
    DeadLetter,
    Log,
    QueuePosition,
)
from domain.catalogue import Level
from domain.commands import Command, UnitReference
from domain.context import DecisionContext, InterpretationSettings
from domain.council.aggregate import ProvincialCouncil
from domain.cross_dossier import CrossDossierFacts
from domain.dossier.aggregate import Dossier
from domain.errors import DossierError, InfrastructureError, InvalidInput, Refused
from domain.identity import COUNCIL_ID, COUNCIL_UNIT, DossierKey, MalformedDossierReference, parse_number
from domain.procedure import COUNCIL, CREATE, create_dossier, decide, decide_council
from domain.refusals import CommandIdReused, UnknownDossier
from domain.units import Units

_SCOPE_BYTES = 6
_AGGREGATES_KEPT = 512
_ATTEMPTS_KEPT = 10_000
_READ_BATCH = 1000
_NO_DIGEST = bytes(32)

_Item: TypeAlias = tuple[QueuePosition | None, Command | MalformedMessage]
"""What is to be handled, and where it stands in the queue that it came from."""
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class _Partition:
    """What is known of a partition: up to which position, the last recorded moment, and aggregates as of there.

    `attempts` says of a unit, level and year how many attempts exist.
    """

    head: int
    recorded_at: datetime
    attempts: dict[UnitReference, int] = field(default_factory=dict)
    aggregates: OrderedDict[UUID, Dossier | ProvincialCouncil] = field(default_factory=OrderedDict)


@dataclass(slots=True)
class _Batch:
    """One attempt at a batch: what was decided so far."""

    partition: int
    head: int
    decisions: list[CommandOutcome] = field(default_factory=list)
    first: dict[CommandKey, CommandOutcome] = field(default_factory=dict)
    dead: list[DeadLetter] = field(default_factory=list)
    events: int = 0

    @property
    def position(self) -> int:
        """The position at which the next command of the batch is decided."""
        return self.head + self.events

    def first_answer(self, key: CommandKey) -> tuple[bytes, str] | None:
        """Digest and answer of a command that was decided earlier in the batch."""
        decision = self.first.get(key)
        return (decision.digest, decision.answer) if decision else None

    def decide(self, decision: CommandOutcome) -> None:
        """Take in what was decided about one command, with the events that it leads to."""
        self.decisions.append(decision)
        self.first[decision.key] = decision
        self.events += len(decision.events)

    def note(self, answer: Answer, decision: CommandOutcome) -> Answer:
        """Take in a command that binds nothing: only a queue needs to know that it was handled."""
        if decision.source is not None:
            self.decisions.append(replace(decision, answer=answer.line))
            if decision.outcome == "dead":
                self.dead.append(DeadLetter(decision.source, answer.line))
        return answer


class CommandHandler:
    """Handles commands against a log. Not for use by several threads at once."""

    def __init__(
        self,
        log: Log,
        mapper: Mapper[UUID],
        units: Units,
        *,
        clock: Callable[[], datetime],
        load_reference: Callable[[], CrossDossierFacts],
        refresh_reference: Callable[[CrossDossierFacts, int], None] = lambda _reference, _partition: None,
        readings: InterpretationSettings | None = None,
    ) -> None:
        """`refresh_reference` takes in, before each batch of a partition, what was appended to all others."""
        self._log = log
        self._mapper = mapper
        self._units = units
        self._clock = clock
        self._load_reference = load_reference
        self._refresh_reference = refresh_reference
        self._readings = readings or InterpretationSettings()
        self._reference: CrossDossierFacts | None = None
        self._known: dict[int, _Partition] = {}

    def handle(self, items: Sequence[Command | MalformedMessage], partition: int = 0) -> list[Answer]:
        """Decide all items, all of one partition, in order; the answers come in the same order.

        Raises InfrastructureError when the log cannot be used; then nothing of the batch is answered.
        """
        return self._handle([(None, item) for item in items], partition)

    def take(
        self,
        items: Sequence[tuple[QueuePosition, Command | MalformedMessage]],
        partition: int,
        last: Callable[[], QueuePosition | None],
        bury: Callable[[Sequence[DeadLetter]], None],
    ) -> None:
        """Decide items of a queue, all of one partition, and append them with their offsets, whatever becomes of them.

        `last` is the last command that the log says was handled: after a lost round that may be one of these, and what
        is up to there is left out. `bury` keeps, before the append, what cannot be handled. Nobody is answered here:
        replies are made from the accepted record. Raises InfrastructureError.
        """
        self._handle(items, partition, last, bury)

    def _handle(
        self,
        items: Sequence[_Item],
        partition: int,
        last: Callable[[], QueuePosition | None] = lambda: None,
        bury: Callable[[Sequence[DeadLetter]], None] = lambda _: None,
    ) -> list[Answer]:
        while True:
            handled = last()
            left = [item for item in items if not _is_handled(item[0], handled)]
            try:
                return self._attempt(left, partition, bury)
            except ConcurrencyConflict:
                self._forget()
            except AppendTooLarge as error:
                self._forget()
                items = self._made_smaller(left, partition, last, bury, error)
            except BaseException:
                # What was decided but not appended must not be built upon.
                self._forget()
                raise

    def _made_smaller(
        self,
        items: Sequence[_Item],
        partition: int,
        last: Callable[[], QueuePosition | None],
        bury: Callable[[Sequence[DeadLetter]], None],
        error: AppendTooLarge,
    ) -> Sequence[_Item]:
        """Handle half of what was too large for one append, and return the rest; one item alone is dead."""
        if len(items) > 1:
            half = len(items) // 2
            self._handle(items[:half], partition, last, bury)
            return items[half:]
        source, item = items[0]
        if source is None or isinstance(item, MalformedMessage):
            raise error
        return [(source, MalformedMessage(item.command_id, NotHandled(reason=str(error))))]

    def _forget(self) -> None:
        self._known.clear()
        self._reference = None

    def _attempt(
        self,
        items: Sequence[_Item],
        partition: int,
        bury: Callable[[Sequence[DeadLetter]], None],
    ) -> list[Answer]:
        # 1. Read what others appended since the last batch.
        known = self._read_on(partition)
        if self._reference is not None:
            self._refresh_reference(self._reference, partition)
        batch = _Batch(partition, known.head)
        # 2. Find the first answers of commands that were handled before.
        scopes = [self._scope(item, partition) if isinstance(item, Command) else item.error for _, item in items]
        keys = [key for key in scopes if isinstance(key, CommandKey)]
        handled = self._log.answers(partition, keys)
        # 3. Decide the rest, each on what the ones before it in the batch changed.
        answers = [self._answer(item, scope, handled, batch, known) for item, scope in zip(items, scopes, strict=True)]
        # 4. Append all decisions after the head on which they were made.
        if batch.dead:
            bury(batch.dead)
        if batch.decisions:
            self._log.append(partition, batch.head, batch.decisions)
        known.head = batch.position
        if self._reference is not None:
            self._reference.positions[partition] = known.head
        # 5. Only now may anybody be answered.
        while len(known.aggregates) > _AGGREGATES_KEPT:
            known.aggregates.popitem(last=False)
        if len(known.attempts) > _ATTEMPTS_KEPT:
            known.attempts.clear()
        return answers

    def _answer(
        self,
        sourced: _Item,
        scope: CommandKey | InvalidInput,
        handled: Mapping[CommandKey, tuple[bytes, str]],
        batch: _Batch,
        known: _Partition,
    ) -> Answer:
        source, item = sourced

        def answer(error: DossierError) -> Answer:
            return refused(item.command_id, batch.partition, batch.position, error)

        if isinstance(item, MalformedMessage):
            return batch.note(answer(item.error), CommandOutcome(NO_KEY, _NO_DIGEST, "", (), source, "dead"))
        if isinstance(scope, InvalidInput):
            return batch.note(answer(scope), CommandOutcome(NO_KEY, item.digest, "", (), source, "dead"))
        first = handled.get(scope) or batch.first_answer(scope)
        if first is not None:
            again = first_answer(first[1]) if first[0] == item.digest else None
            again = again or answer(CommandIdReused(command_id=item.command_id))
            return batch.note(again, CommandOutcome(scope, item.digest, "", (), source, "repeated"))
        stored: list[StoredEvent] = []
        try:
            stored = self._decide(item, known, batch)
            done = accepted(item.command_id, batch.partition, batch.position + len(stored), stored)
        except Refused as error:
            done = answer(error)
        except InvalidInput as error:
            return batch.note(answer(error), CommandOutcome(scope, item.digest, "", (), source, "dead"))
        except InfrastructureError:
            raise
        except Exception as fault:  # a fault of the program on one command must not stop a whole queue
            if source is None:
                raise
            # What it did to an aggregate before it failed must not be built upon.
            known.aggregates.clear()
            known.attempts.clear()
            failed = NotHandled(reason=f"{type(fault).__name__}: {fault}")
            return batch.note(answer(failed), CommandOutcome(scope, item.digest, "", (), source, "dead"))
        batch.decide(CommandOutcome(scope, item.digest, done.line, stored, source))
        return done

    def _decide(self, command: Command, known: _Partition, batch: _Batch) -> list[StoredEvent]:
        """The events that a command leads to, or a Refused."""
        if self._reference is None:
            self._reference = self._load_reference()
        self._reference.positions[batch.partition] = batch.position
        # A recorded moment is never earlier than the one before it, whatever the clock says.
        known.recorded_at = max(known.recorded_at, self._clock())
        context = DecisionContext(known.recorded_at, self._units, self._reference, self._readings)
        aggregate = self._decided(command, context, known)
        events = aggregate.collect_events()
        for event in events:
            self._reference.evolve(type(event).__name__, event.originator_id, event.originator_version, vars(event))
        return [self._mapper.to_stored_event(event) for event in events]

    def _decided(self, command: Command, context: DecisionContext, known: _Partition) -> Dossier | ProvincialCouncil:
        if command.name in COUNCIL or command.dossier == COUNCIL_UNIT:
            if command.name not in COUNCIL or command.dossier != COUNCIL_UNIT:
                raise UnknownDossier(reference=_shown(command))
            council = cast("ProvincialCouncil | None", self._load(COUNCIL_ID, known))
            changed = decide_council(council, command, context)
            known.aggregates[COUNCIL_ID] = changed
            return changed
        if isinstance(command.dossier, UnitReference):
            latest, name = self._latest(command.dossier, known)
            if command.name in CREATE:
                fresh = create_dossier(latest, name, self._units.get(name.unit_id), command, context)
                known.aggregates[fresh.id] = fresh
                known.attempts[command.dossier] = fresh.attempt
                return fresh
            dossier = latest
        elif command.name in CREATE:
            raise MalformedDossierReference(reference=command.dossier)
        else:
            found = self._load(dossier_id(command.dossier), known)
            dossier = found if isinstance(found, Dossier) else None
        if dossier is None:
            raise UnknownDossier(reference=_shown(command))
        decide(dossier, command, context)
        return dossier

    def _latest(self, reference: UnitReference, known: _Partition) -> tuple[Dossier | None, DossierKey]:
        """The latest attempt of a unit, level and year, if any, and the name of the next one."""
        level = Level(reference.level)
        attempts = known.attempts.get(reference)
        if attempts is None:
            attempts = 0
            while self._load(DossierKey(reference.unit, level, reference.year, attempts + 1).id, known) is not None:
                attempts += 1
            known.attempts[reference] = attempts
        name = DossierKey(reference.unit, level, reference.year, attempts + 1)
        if not attempts:
            return None, name
        latest = self._load(DossierKey(reference.unit, level, reference.year, attempts).id, known)
        return cast(Dossier, latest), name

    def _load(self, aggregate_id: UUID, known: _Partition) -> Dossier | ProvincialCouncil | None:
        found = known.aggregates.get(aggregate_id)
        if found is not None:
            known.aggregates.move_to_end(aggregate_id)
            return found
        stored = self._log.events_of(aggregate_id)
        initial: Any = None
        loaded: Dossier | ProvincialCouncil | None = project_aggregate(
            initial, map(self._mapper.to_domain_event, stored)
        )
        if loaded is not None:
            known.aggregates[aggregate_id] = loaded
        return loaded

    def _read_on(self, partition: int) -> _Partition:
        """Take in what was appended by others; their dossiers are loaded anew when they are needed."""
        known = self._known.get(partition)
        head = self._log.head(partition)
        if known is None:
            last = self._log.read(partition, head - 1, 1) if head else ()
            recorded_at = _moment(self._mapper, last[-1]) if last else _BEGINNING
            known = self._known[partition] = _Partition(head, recorded_at)
        while known.head < head:
            before = known.head
            for notification in self._log.read(partition, known.head, _READ_BATCH):
                known.aggregates.pop(_as_uuid(notification.originator_id), None)
                known.recorded_at = max(known.recorded_at, _moment(self._mapper, notification))
                known.head = notification.id
            if known.head == before:
                raise LogIncomplete(partition=partition, head=head, reached=before)
            known.attempts.clear()
            self._reference = None
        return known

    def _scope(self, command: Command, partition: int) -> CommandKey | InvalidInput:
        try:
            some_id = any_id(command, self._units)
        except InvalidInput as error:
            return error
        right = self._log.partition_of(some_id)
        if right != partition:
            return WrongPartition(partition=partition, right=right)
        return CommandKey(some_id.bytes[:_SCOPE_BYTES], UUID(command.command_id))


def _is_handled(source: QueuePosition | None, last: QueuePosition | None) -> bool:
    return source is not None and last is not None and source.topic_id == last.topic_id and source.offset <= last.offset


def dossier_id(reference: str) -> UUID:
    """The id that an id or a number names. Raises MalformedDossierReference."""
    if reference == COUNCIL_UNIT:
        return COUNCIL_ID
    try:
        return UUID(reference)
    except ValueError:
        return parse_number(reference).id


def any_id(command: Command, units: Units) -> UUID:
    """The id of some dossier of the command's unit: its first 48 bits are the unit's. Raises InvalidInput."""
    if isinstance(command.dossier, UnitReference):
        unit = units.get(command.dossier.unit)
        return DossierKey(unit.id, Level(command.dossier.level), command.dossier.year, 1).id
    return dossier_id(command.dossier)


def _shown(command: Command) -> str:
    if isinstance(command.dossier, UnitReference):
        return f"{command.dossier.unit} {command.dossier.level} {command.dossier.year}"
    return command.dossier


def _as_uuid(value: UUID | str) -> UUID:
    return value if isinstance(value, UUID) else UUID(value)


def _moment(mapper: Mapper[UUID], stored: StoredEvent) -> datetime:
    recorded_at: datetime = mapper.to_domain_event(stored).timestamp  # type: ignore[attr-defined]
    return recorded_at
