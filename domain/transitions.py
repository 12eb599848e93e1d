"""The moves between the states of a dossier, read from the procedure's table; `state_diagram` draws them."""

from __future__ import annotations

from collections.abc import Iterator

from domain.catalogue import UnitKind
from domain.commands import Command
from domain.dossier.states import ENDED, State
from domain.procedure import CREATE, ON_DOSSIER
from domain.step import CreatingStep, DossierStep, Step

_START = _END = "[*]"
_UNDECIDED = "undecided"


def reachable(kind: UnitKind) -> frozenset[State]:
    """The states that a dossier of a kind of unit may come to by steps in their order."""
    found = {state for step in CREATE.values() for state in step.becomes}
    moves = list(_moves(kind))
    while new := {after for before, after, _ in moves if before in found} - found:
        found |= new
    return frozenset(found)


def may_follow(step: Step, kind: UnitKind) -> list[DossierStep[Command]]:
    """The steps that are in order once a step was taken on the dossier of a kind of unit.

    Those that no state binds, such as a correction, are left out; after a step on the council nothing follows.
    """
    after: set[State] = set()
    if isinstance(step, CreatingStep):
        after |= set(step.becomes)
    elif isinstance(step, DossierStep):
        after |= {state for before in step.states_for(kind) & reachable(kind) for state in step.leads_to(before)}
    return [each for each in ON_DOSSIER.values() if each.orders is not None and each.states_for(kind) & after]


def state_diagram() -> str:
    """The diagram of all kinds of unit. A step that leaves the state as it is is not drawn."""
    steps: dict[tuple[str, str], dict[str, None]] = {}
    for created in CREATE.values():
        for state in created.becomes:
            steps.setdefault((_START, state), {})[created.name] = None
    for kind in UnitKind:
        states = reachable(kind)
        for before, after, name in _moves(kind):
            if before in states and before is not after:
                steps.setdefault((before, after), {})[name] = None
    for step in ON_DOSSIER.values():
        if step.until_decided and step.orders is None:
            for state in step.becomes:
                steps.setdefault((_UNDECIDED, state), {})[step.name] = None
    drawn = {after for _, after in steps}
    return "\n".join(
        [
            "stateDiagram-v2",
            f'    state "any state before the decision" as {_UNDECIDED}',
            *(f"    {before} --> {after}: {', '.join(names)}" for (before, after), names in steps.items()),
            *(f"    {state} --> {_END}" for state in State if state in ENDED and state in drawn),
        ]
    )


def _moves(kind: UnitKind) -> Iterator[tuple[State, State, str]]:
    """From, to, and the name of the step, in the order of the table."""
    for step in ON_DOSSIER.values():
        for before in _states_before(step, kind):
            for after in step.leads_to(before):
                yield before, after, step.name


def _states_before(step: DossierStep[Command], kind: UnitKind) -> list[State]:
    """The states in which a step is drawn; of one that is not bound to states, those for which its row says more."""
    states = step.becomes_from if step.orders is None else step.states_for(kind)
    return [state for state in State if state in states]
