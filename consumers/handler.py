"""From command to answer: decide a batch of commands on the head of a partition and append it as one.

A command id is bound, within its unit, to its content and its first answer, refusals included. Malformed input binds
nothing. When somebody else appended in between, the whole batch is decided anew; no caller is answered before its
decision is durable.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple, cast
from uuid import UUID

from eventsourcing.application import project_aggregate
from eventsourcing.persistence import Mapper, StoredEvent

from consumers.ports import CommandKey, Conflict, Decision, Log
from domain.catalogue import Level
from domain.circumstances import Circumstances, Readings
from domain.command import Command, UnitReference
from domain.commands import BEGIN, COUNCIL, begin, decide, decide_council
from domain.council import ProvincialCouncil
from domain.dossier import Dossier
from domain.errors import DossierError, InvalidInput, Refused
from domain.identity import COUNCIL_ID, COUNCIL_UNIT, DossierName, MalformedDossierReference, parse_number
from domain.reference import Reference
from domain.refusals import CommandIdReused, UnknownDossier
from domain.units import Units

_SCOPE_BYTES = 6
_AGGREGATES_KEPT = 512
_ATTEMPTS_KEPT = 10_000
_READ_BATCH = 1000
_ACCEPTED = '"ok":true,'
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Input that is no command: its error, and its command id where that could be read."""

    command_id: str | None
    error: InvalidInput


class Answer(NamedTuple):
    """One answer: a line of JSON without its end, and what became of the command."""

    line: str
    outcome: Literal["accepted", "refused", "malformed"]


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
    decisions: dict[CommandKey, Decision] = field(default_factory=dict)
    events: int = 0

    @property
    def position(self) -> int:
        """The position at which the next command of the batch is decided."""
        return self.head + self.events

    def first_answer(self, key: CommandKey) -> tuple[bytes, str] | None:
        """Digest and answer of a command that was decided earlier in the batch."""
        decision = self.decisions.get(key)
        return (decision.digest, decision.answer) if decision else None


class CommandHandler:
    """Handles commands against a log. Not for use by several threads at once."""

    def __init__(
        self,
        log: Log,
        mapper: Mapper[UUID],
        units: Units,
        *,
        clock: Callable[[], datetime],
        load_reference: Callable[[], Reference],
        readings: Readings | None = None,
    ) -> None:
        self._log = log
        self._mapper = mapper
        self._units = units
        self._clock = clock
        self._load_reference = load_reference
        self._readings = readings or Readings()
        self._reference: Reference | None = None
        self._known: dict[int, _Partition] = {}

    def handle(self, items: Sequence[Command | Unreadable], partition: int = 0) -> list[Answer]:
        """Decide all items, all of one partition, in order; the answers come in the same order.

        Raises InfrastructureError when the log cannot be used; then nothing of the batch is answered.
        """
        while True:
            try:
                return self._attempt(items, partition)
            except Conflict:
                self._forget()
            except BaseException:
                # What was decided but not appended must not be built upon.
                self._forget()
                raise

    def _forget(self) -> None:
        self._known.clear()
        self._reference = None

    def _attempt(self, items: Sequence[Command | Unreadable], partition: int) -> list[Answer]:
        # 1. Read what others appended since the last batch.
        known = self._read_on(partition)
        batch = _Batch(partition, known.head)
        # 2. Find the first answers of commands that were handled before.
        scopes = [self._scope(item) if isinstance(item, Command) else item.error for item in items]
        keys = [key for key in scopes if isinstance(key, CommandKey)]
        handled = self._log.answers(partition, keys)
        # 3. Decide the rest, each on what the ones before it in the batch changed.
        answers = [self._answer(item, scope, handled, batch, known) for item, scope in zip(items, scopes, strict=True)]
        # 4. Append all decisions after the head on which they were made.
        if batch.decisions:
            self._log.append(partition, batch.head, list(batch.decisions.values()))
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
        item: Command | Unreadable,
        scope: CommandKey | InvalidInput,
        handled: Mapping[CommandKey, tuple[bytes, str]],
        batch: _Batch,
        known: _Partition,
    ) -> Answer:
        if isinstance(item, Unreadable):
            return refused(item.command_id, batch.partition, batch.position, item.error)
        if isinstance(scope, InvalidInput):
            return refused(item.command_id, batch.partition, batch.position, scope)
        first = handled.get(scope) or batch.first_answer(scope)
        if first is not None:
            digest, line = first
            if digest != item.digest:
                reused = CommandIdReused(command_id=item.command_id)
                return refused(item.command_id, batch.partition, batch.position, reused)
            return Answer(line, "accepted" if _ACCEPTED in line else "refused")
        stored: list[StoredEvent] = []
        try:
            stored = self._decide(item, known, batch)
        except DossierError as error:
            answer = refused(item.command_id, batch.partition, batch.position, error)
            if isinstance(error, Refused):
                batch.decisions[scope] = Decision(scope, item.digest, answer.line, ())
            elif not isinstance(error, InvalidInput):
                raise
            return answer
        batch.events += len(stored)
        line = _dump(
            {
                "command_id": item.command_id,
                "ok": True,
                "dossier": str(stored[-1].originator_id),
                "version": stored[-1].originator_version,
                "partition": batch.partition,
                "position": batch.position,
                "events": [event.topic for event in stored],
            }
        )
        batch.decisions[scope] = Decision(scope, item.digest, line, stored)
        return Answer(line, "accepted")

    def _decide(self, command: Command, known: _Partition, batch: _Batch) -> list[StoredEvent]:
        """The events that a command leads to, or a Refused."""
        if self._reference is None:
            self._reference = self._load_reference()
        self._reference.positions[batch.partition] = batch.position
        # A recorded moment is never earlier than the one before it, whatever the clock says.
        known.recorded_at = max(known.recorded_at, self._clock())
        moment = Circumstances(known.recorded_at, self._units, self._reference, self._readings)
        aggregate = self._decided(command, moment, known)
        events = aggregate.collect_events()
        for event in events:
            self._reference.evolve(type(event).__name__, event.originator_id, event.originator_version, vars(event))
        return [self._mapper.to_stored_event(event) for event in events]

    def _decided(self, command: Command, moment: Circumstances, known: _Partition) -> Dossier | ProvincialCouncil:
        if command.name in COUNCIL or command.dossier == COUNCIL_UNIT:
            if command.name not in COUNCIL or command.dossier != COUNCIL_UNIT:
                raise UnknownDossier(reference=_shown(command))
            council = cast("ProvincialCouncil | None", self._load(COUNCIL_ID, known))
            changed = decide_council(council, command, moment)
            known.aggregates[COUNCIL_ID] = changed
            return changed
        if isinstance(command.dossier, UnitReference):
            latest, name = self._latest(command.dossier, known)
            if command.name in BEGIN:
                fresh = begin(latest, name, self._units.get(name.unit_id), command, moment)
                known.aggregates[fresh.id] = fresh
                known.attempts[command.dossier] = fresh.attempt
                return fresh
            dossier = latest
        elif command.name in BEGIN:
            raise MalformedDossierReference(reference=command.dossier)
        else:
            found = self._load(dossier_id(command.dossier), known)
            dossier = found if isinstance(found, Dossier) else None
        if dossier is None:
            raise UnknownDossier(reference=_shown(command))
        decide(dossier, command, moment)
        return dossier

    def _latest(self, reference: UnitReference, known: _Partition) -> tuple[Dossier | None, DossierName]:
        """The latest attempt of a unit, level and year, if any, and the name of the next one."""
        level = Level(reference.level)
        attempts = known.attempts.get(reference)
        if attempts is None:
            attempts = 0
            while self._load(DossierName(reference.unit, level, reference.year, attempts + 1).id, known) is not None:
                attempts += 1
            known.attempts[reference] = attempts
        name = DossierName(reference.unit, level, reference.year, attempts + 1)
        if not attempts:
            return None, name
        latest = self._load(DossierName(reference.unit, level, reference.year, attempts).id, known)
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
            for notification in self._log.read(partition, known.head, _READ_BATCH):
                known.aggregates.pop(_as_uuid(notification.originator_id), None)
                known.recorded_at = max(known.recorded_at, _moment(self._mapper, notification))
                known.head = notification.id
            known.attempts.clear()
            self._reference = None
        return known

    def _scope(self, command: Command) -> CommandKey | InvalidInput:
        try:
            scope = _any_id(command, self._units).bytes[:_SCOPE_BYTES]
        except InvalidInput as error:
            return error
        return CommandKey(scope, UUID(command.command_id))


def dossier_id(reference: str) -> UUID:
    """The id that an id or a number names. Raises MalformedDossierReference."""
    if reference == COUNCIL_UNIT:
        return COUNCIL_ID
    try:
        return UUID(reference)
    except ValueError:
        return parse_number(reference).id


def _any_id(command: Command, units: Units) -> UUID:
    """The id of some dossier of the command's unit: its first 48 bits are the unit's."""
    if isinstance(command.dossier, UnitReference):
        unit = units.get(command.dossier.unit)
        return DossierName(unit.id, Level(command.dossier.level), command.dossier.year, 1).id
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


def refused(command_id: str | None, partition: int, position: int, error: DossierError) -> Answer:
    """The answer to a command that was not accepted."""
    line = _dump(
        {
            "command_id": command_id,
            "ok": False,
            "partition": partition,
            "position": position,
            "error": {
                "code": error.code,
                "message": error.message(),
                "clause": error.clause,
                "details": error.details,
            },
        }
    )
    return Answer(line, "malformed" if isinstance(error, InvalidInput) else "refused")


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str).encode


def _dump(answer: dict[str, Any]) -> str:
    return _encode(answer)
