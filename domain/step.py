"""One step of the procedure: who may take it, in which states, what it records, what follows. See `domain.procedure`.

`take` runs the checks that every command passes, in an order that decides which refusal an applicant is told first:

1. the actor is known, and the day is not in the future;
2. the dossier has not ended, and for a withdrawal is not decided;
3. the actor may take the step on this dossier;
4. what the step itself asks for before the order of steps;
5. the dossier is in a state from which the step may be taken;
6. the handler checks the rest and records the fact.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

from domain.agencies import agency_ids
from domain.authorization import PEOPLES_COMMITTEE, STANDING_AGENCY, Role, body_of, wrong_actor
from domain.catalogue import UnitKind
from domain.commands import Command
from domain.context import DecisionContext
from domain.council.aggregate import ProvincialCouncil
from domain.dossier.aggregate import Dossier
from domain.dossier.assessment import Recheck
from domain.dossier.states import CLOSED, DECIDED, State
from domain.i18n import pair
from domain.identity import COUNCIL_UNIT, DossierKey
from domain.recorded_event import RecordedEvent
from domain.refusals import AlreadyDecided, DateInFuture, DossierAlreadyOpen, DossierClosed, UnknownActor, WrongOrder
from domain.units import Unit, Units, UnknownUnit


class Shared(StrEnum):
    """What dossiers know of each other."""

    COUNCIL = "council"
    """The composition of the provincial council (II.3)."""
    RECOGNITIONS = "recognitions"
    """The recognitions in force; a district's criterion I.1 counts those of its communes (I.1)."""


C_co = TypeVar("C_co", bound=Command, covariant=True)
"""The type of a step's command. Covariant: a step on any command stands where one on Command is asked for, since each
checks what it is given (`of_type`)."""


def of_type(command: Command, expected: type[C_co]) -> C_co:
    """The command as the type that a step takes. Raises TypeError for a command of another step."""
    if not isinstance(command, expected):
        raise TypeError(f"{command.name} is no {expected.__name__}")
    return command


@dataclass(frozen=True, slots=True)
class Order:
    """The states from which a step may be taken, and what WrongOrder says in any other.

    why          a text: what has to come first; "{kind}" in it is the unit's kind
    by           role → those of the states in which it is that role's step, where this depends on the role
    returned_by  who must have returned the dossier, where it may be taken in state "returned" only then
    """

    states: frozenset[State]
    why: str
    clause: str
    by: Mapping[Role, frozenset[State]] = field(default_factory=dict)
    returned_by: Role | None = None

    def check(self, dossier: Dossier, command: Command) -> None:
        """Raises WrongOrder unless the step may be taken now."""
        states = self.by.get(Role(command.actor["role"]), self.states)
        if dossier.state in states and (
            dossier.state is not State.RETURNED or self.returned_by in (None, dossier.returned_by)
        ):
            return
        kind = dossier.unit_kind
        raise WrongOrder(
            clause=self.clause,
            command=command.name,
            **_state_of(dossier),
            **pair(self.why, kind=kind.text).details("reason"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A row of the procedure.

    command    the type of the command
    event      the type of the fact that it records
    roles      who may take it; a district's council and committee act on their own dossier and on their communes'
    clause     the clause of the guidance, or the reading where the guidance is silent
    becomes    the states in which it may leave the dossier; empty when it leaves the state as it is
    reads      what the decision on it depends on beyond its dossier
    changes    what it changes for other dossiers
    public     the public decisions tell it (a corrected fact only where the fact itself is public)
    """

    command: type[Command]
    event: type[RecordedEvent]
    roles: tuple[Role, ...]
    clause: str
    becomes: tuple[State, ...] = ()
    reads: frozenset[Shared] = frozenset()
    changes: frozenset[Shared] = frozenset()
    public: bool = False

    @property
    def name(self) -> str:
        """The command's name."""
        return self.command.__name__

    def roles_for(self, kind: UnitKind) -> tuple[Role, ...]:  # noqa: ARG002  # steps on a dossier differ by kind
        """Who may take it on the dossier of a unit of a kind."""
        return self.roles


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatingStep(Step, Generic[C_co]):
    """A step that creates a dossier."""

    command: type[C_co]
    handler: Callable[[DossierKey, Unit, C_co, DecisionContext], Dossier]

    def take(
        self, latest: Dossier | None, key: DossierKey, unit: Unit, command: Command, context: DecisionContext
    ) -> Dossier:
        """A new dossier with its first fact pending. `latest` is the attempt before it, which must have ended.

        Raises a Refused, or UnknownActor.
        """
        _check_day_and_actor(command, context)
        _check_role(command, self.roles)
        _check_body(command, unit.id, unit.kind, unit.parent_id)
        if latest is not None and not latest.ended:
            raise DossierAlreadyOpen(number=latest.number, **_state_of(latest))
        return self.handler(key, unit, of_type(command, self.command), context)


@dataclass(frozen=True, slots=True, kw_only=True)
class DossierStep(Step, Generic[C_co]):
    """A step on a dossier that exists.

    orders         kind of unit → from which states; None when the state does not matter
    becomes_from   state → the states in which it may leave the dossier from there, where these are not `becomes`
    roles_by_kind  who may take it on a unit of a kind, where that differs from `roles`
    turn           which of several roles may take it as the dossier stands
    authority      who may take it, where that follows from the criteria and not from the role
    first          what is checked before the order
    after_the_end  it may be taken when the attempt has ended (reading 3)
    until_decided  it may not be taken when the Chairman has decided (reading 4)
    correctable    the fields of its fact that CorrectFact may correct; None when it corrects no such fact
    recheck        what follows from corrected fields
    ordered        its day lies between the days of the steps before and after it
    """

    command: type[C_co]
    handler: Callable[[Dossier, C_co, DecisionContext], None]
    orders: Mapping[UnitKind, Order] | None = None
    becomes_from: Mapping[State, tuple[State, ...]] = field(default_factory=dict)
    roles_by_kind: Mapping[UnitKind, tuple[Role, ...]] = field(default_factory=dict)
    turn: Callable[[Dossier], Role] | None = None
    authority: Callable[[Dossier, C_co], None] | None = None
    first: Callable[[Dossier, C_co], None] | None = None
    after_the_end: bool = False
    until_decided: bool = False
    correctable: frozenset[str] | None = None
    recheck: Recheck | None = None
    ordered: bool = True

    def take(self, dossier: Dossier, command: Command, context: DecisionContext) -> None:
        """The dossier has a new pending fact. Raises a Refused, or UnknownActor, and then nothing has changed."""
        _check_day_and_actor(command, context)
        if self.until_decided and dossier.decided:
            raise AlreadyDecided(clause="reading 4", number=dossier.number, **_state_of(dossier))
        if dossier.closed and not self.after_the_end:
            raise DossierClosed(clause="reading 3", number=dossier.number, **_state_of(dossier))
        own = of_type(command, self.command)
        (self.authority or self._check_actor)(dossier, own)
        if self.first is not None:
            self.first(dossier, own)
        if self.orders is not None:
            self.orders[dossier.unit_kind].check(dossier, command)
        self.handler(dossier, own, context)

    def _check_actor(self, dossier: Dossier, command: Command) -> None:
        _check_role(command, self.roles)
        _check_body(command, dossier.unit_id, dossier.unit_kind, dossier.parent_id)
        role, expected = Role(command.actor["role"]), self.roles_for(dossier.unit_kind)
        if role not in expected:
            raise wrong_actor(command, *expected, of=dossier.unit_id)
        if self.turn is not None and role is not (turn := self.turn(dossier)):
            raise wrong_actor(command, turn, of=body_of(turn, dossier.unit_id, dossier.unit_kind, dossier.parent_id))

    def roles_for(self, kind: UnitKind) -> tuple[Role, ...]:
        """Who may take it on the dossier of a unit of a kind."""
        return self.roles_by_kind.get(kind, self.roles)

    @property
    def has_turns(self) -> bool:
        """Which of its roles may take it depends on the dossier, not on the kind of unit alone."""
        return self.turn is not None or (self.orders is not None and any(order.by for order in self.orders.values()))

    def role_now(self, dossier: Dossier) -> Role:
        """The role that takes the step as the dossier stands; the first that may, where it is not anyone's turn."""
        if self.turn is not None:
            return self.turn(dossier)
        roles = self.roles_for(dossier.unit_kind)
        by = self.orders[dossier.unit_kind].by if self.orders is not None else {}
        return next((role for role in roles if dossier.state in by.get(role, ())), roles[0])

    def states_for(self, kind: UnitKind) -> frozenset[State]:
        """The states from which it may be taken on the dossier of a unit of a kind, if the rest is in order."""
        states = frozenset(State) if self.orders is None else self.orders[kind].states
        return (
            states - (frozenset() if self.after_the_end else CLOSED) - (DECIDED if self.until_decided else frozenset())
        )

    def leads_to(self, state: State) -> tuple[State, ...]:
        """The states that may follow when it is taken in a state."""
        return self.becomes_from.get(state, self.becomes or (state,))


@dataclass(frozen=True, slots=True, kw_only=True)
class CouncilStep(Step, Generic[C_co]):
    """A step on the provincial council."""

    command: type[C_co]
    handler: Callable[[ProvincialCouncil | None, C_co, DecisionContext], ProvincialCouncil]

    def take(self, council: ProvincialCouncil | None, command: Command, context: DecisionContext) -> ProvincialCouncil:
        """The council with a new pending fact. Raises a Refused, or UnknownActor."""
        _check_day_and_actor(command, context)
        _check_role(command, self.roles)
        return self.handler(council, of_type(command, self.command), context)


_ROLES = frozenset(role.value for role in Role)
_OFFICES = {
    Role.STANDING_AGENCY: STANDING_AGENCY,
    Role.PROVINCIAL_COUNCIL: COUNCIL_UNIT,
    Role.CHAIRMAN: PEOPLES_COMMITTEE,
}


def _check_day_and_actor(command: Command, context: DecisionContext) -> None:
    """Raises UnknownActor when the acting agency or role does not exist, or DateInFuture."""
    name, role = command.actor["agency"], command.actor["role"]
    if role not in _ROLES or not (name == COUNCIL_UNIT or name in agency_ids() or _is_unit(name, context.units)):
        raise UnknownActor(agency=name, role=role)
    if command.on > context.today:
        raise DateInFuture(on=command.on.isoformat(), today=context.today.isoformat())


def _is_unit(name: str, units: Units) -> bool:
    try:
        units.get(name)
    except UnknownUnit:
        return False
    return True


def _check_role(command: Command, roles: Collection[Role]) -> None:
    """Raises WrongActor when the role is not one of `roles`, or an office is taken by another agency."""
    role = Role(command.actor["role"])
    office = _OFFICES.get(role)
    if role not in roles or (office is not None and command.actor["agency"] != office):
        raise wrong_actor(command, *roles)


def _check_body(command: Command, unit_id: str, kind: UnitKind, parent_id: str | None) -> None:
    """Raises WrongActor when the role acts for another body than the dossier's unit or its district."""
    role = Role(command.actor["role"])
    body = body_of(role, unit_id, kind, parent_id)
    if body is not None and command.actor["agency"] != body:
        raise wrong_actor(command, role, of=body)


def _state_of(dossier: Dossier) -> dict[str, str]:
    state = dossier.state
    return {"state": state.value, **state.text.details("state")}
