"""The table of the procedure is whole, and the code does what it says: who, from which states, to which states."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import get_type_hints

import pytest

from domain.authorization import PEOPLES_COMMITTEE, STANDING_AGENCY, Role, body_of
from domain.catalogue import UnitKind
from domain.commands import COMMAND_TYPES
from domain.council.aggregate import CouncilEvent
from domain.cross_dossier import EVENTS
from domain.dossier.aggregate import DossierEvent
from domain.dossier.as_of import state_of
from domain.dossier.states import State
from domain.identity import COUNCIL_UNIT
from domain.procedure import CREATE, EVENT_TYPES, ON_DOSSIER, PROCEDURE, STEPS
from domain.recorded_event import RecordedEvent
from domain.step import Shared
from projections.public_decisions.fold import HANDLERS
from tests.domain.scenario import COMMUNE, DEPARTMENT, EACH_KIND, given
from tests.support.command_builders import Draft, Drafts
from tests.support.histories import events_of, history, steps_of

_CLAUSE = re.compile(r"(I{1,3}\.\d(\.\d)?(\.[a-c](, [a-c])?)?|reading \d+|form 0\d)")
_OUT_OF_ORDER = {"WRONG_ORDER", "DOSSIER_CLOSED", "ALREADY_DECIDED"}
_ALSO = {"SumUpResults": "CRITERIA_MISSING", "VerifyCriterion": "ALREADY_VERIFIED"}
"""Steps that say more than that it is too early or too late for them."""
_OFFICES = {
    Role.STANDING_AGENCY: STANDING_AGENCY,
    Role.PROVINCIAL_COUNCIL: COUNCIL_UNIT,
    Role.CHAIRMAN: PEOPLES_COMMITTEE,
}
_LATE = "2024-12-31"
"""A day after every step of the ways."""


def concrete(kind: type[RecordedEvent]) -> Iterator[type[RecordedEvent]]:
    """The event types below a base that have none below themselves."""
    below = kind.__subclasses__()
    if not below and kind.__module__.startswith("domain."):
        yield kind
    for each in below:
        yield from concrete(each)


def test_every_command_and_every_event_stands_in_the_table_once() -> None:
    """A type that no row names would be handled by nobody."""
    assert sorted(step.name for step in PROCEDURE) == sorted(COMMAND_TYPES)
    assert len(EVENT_TYPES) == len(STEPS) == len(PROCEDURE)
    assert set(EVENT_TYPES.values()) == {*concrete(DossierEvent), *concrete(CouncilEvent)}


@pytest.mark.parametrize("name", STEPS)
def test_every_row_is_whole(name: str) -> None:
    """It has roles, a clause that is one of the guidance's, a reading or a form, and an order for each kind of unit."""
    step = STEPS[name]
    assert step.roles
    assert all(_CLAUSE.fullmatch(part) for part in re.split(r"; |, (?![a-c]\b)", step.clause)), step.clause
    dossier_step = ON_DOSSIER.get(name)
    if dossier_step is not None:
        assert dossier_step.orders is None or dossier_step.orders.keys() == set(UnitKind)
        assert dossier_step.correctable is None or dossier_step.correctable <= get_type_hints(step.event).keys()
        assert all(set(dossier_step.roles_for(kind)) <= set(step.roles) for kind in UnitKind)
        for order in (dossier_step.orders or {}).values():
            assert not order.by or (
                order.by.keys() == set(step.roles) and order.states == frozenset().union(*order.by.values())
            )
    assert (name in CREATE) is (issubclass(step.event, DossierEvent) and dossier_step is None)


def test_what_changes_other_dossiers_is_what_the_facts_of_other_dossiers_are_folded_from() -> None:
    """Commands that change it are kept from overtaking those that read it; neither list may know of less."""
    assert {step.event.__name__ for step in PROCEDURE if step.changes} == set(EVENTS)
    assert {step.name for step in PROCEDURE if Shared.COUNCIL in step.reads} == {"ForwardToCouncil"}
    reading = {name for name, kind in EVENT_TYPES.items() if "read_at" in get_type_hints(kind)}
    assert {step.event.__name__ for step in ON_DOSSIER.values() if step.reads} == reading


def test_what_is_public_is_what_the_public_decisions_tell() -> None:
    """An opening and a sum are read for what later decisions repeat, and are not told themselves."""
    only_read = {EVENT_TYPES["DossierOpened"], EVENT_TYPES["ResultsSummedUp"]}
    assert {step.event for step in PROCEDURE if step.public} == HANDLERS.keys() - only_read


@cache
def stages(drafts: Drafts) -> dict[str, tuple[DossierEvent, ...]]:
    """What happened up to each state of a unit's way and beside it, by a name."""
    commune = drafts is COMMUNE
    found = {name: tuple(history(drafts, name)) for name in steps_of(drafts.unit.kind)}
    found["verifying"] = found["verified"][:-3]

    def after(name: str, draft: Draft) -> tuple[DossierEvent, ...]:
        new = given(found[name]).when(draft)
        assert new.error is None, new.error
        return (*found[name], *new.new)

    sent = "forwarded_to_province" if commune else "submitted"
    by_district = {"actor": ("district_committee", drafts.district)} if commune else {}
    found["returned"] = after(sent, drafts.give_back())
    found["withdrawn"] = after(sent, drafts.withdraw(_LATE, **by_district))
    found["rejected"] = after("proposed", drafts.reject())
    found["revoked"] = after("announced", drafts.revoke(_LATE))
    found["not_recommended"] = after("summed_up", drafts.council_meets(recommends=False))
    found["closed_as_unfavourable"] = after("not_recommended", drafts.close(_LATE))
    found["recognised_earlier"] = tuple(events_of([drafts.recognised_earlier("2023-01-10")]))
    if commune:
        found["returned_by_district"] = after(
            "submitted_to_district", drafts.give_back(actor=("district_council", drafts.district))
        )
        found["refused_by_district_council"] = after("district_met", drafts.refuse())
    return found


def attempts(drafts: Drafts) -> dict[str, Draft]:
    """One command of each step on a dossier, late enough for every state."""
    code = next(iter(drafts.criteria))
    made = [
        drafts.assess(_LATE),
        drafts.meet(_LATE),
        drafts.submit(_LATE),
        drafts.submit_to_district(_LATE),
        drafts.appraise(_LATE),
        drafts.send_on(_LATE),
        drafts.refuse(_LATE),
        drafts.receive(_LATE),
        drafts.give_back(_LATE),
        drafts.forward(_LATE),
        drafts.inspect(code, _LATE),
        drafts.verify(list(drafts.criteria)[-1], _LATE),
        drafts.correct(code, 1, _LATE),
        drafts.sum_up(_LATE),
        drafts.close(_LATE),
        drafts.council_meets(_LATE),
        drafts.propose(_LATE),
        drafts.approve(_LATE),
        drafts.reject(_LATE),
        drafts.announce(_LATE),
        drafts.withdraw(_LATE),
        drafts.correct_fact(1, _LATE, took_place_on=_LATE),
        drafts.correct_decision(_LATE),
        drafts.revoke(_LATE),
    ]
    return {draft["command"]: draft for draft in made}


@pytest.mark.parametrize("drafts", EACH_KIND, ids=lambda drafts: drafts.unit.kind.value)
def test_every_state_is_reached_and_every_step_is_tried(drafts: Drafts) -> None:
    """The next test leaves nothing out: neither a step nor a state that this kind of unit can be in."""
    assert attempts(drafts).keys() == ON_DOSSIER.keys()
    elsewhere = {
        DEPARTMENT.unit.kind: {"at_district_council", "district_met", "forwarded_to_province"},
        COMMUNE.unit.kind: {"own_meeting", "submitted"},
    }
    never = elsewhere.get(drafts.unit.kind, elsewhere[DEPARTMENT.unit.kind])
    if drafts.unit.kind is not COMMUNE.unit.kind:
        never = never | {"refused_by_district_council"}
    reached = {state_of(events).state.value for events in stages(drafts).values()}  # type: ignore[union-attr]
    assert reached == {state.value for state in State} - never


@pytest.mark.parametrize(
    ("drafts", "stage"),
    [(drafts, stage) for drafts in EACH_KIND for stage in stages(drafts)],
    ids=lambda value: value.unit.kind.value if isinstance(value, Drafts) else value,
)
def test_in_each_state_exactly_the_steps_that_the_table_names_are_in_order(drafts: Drafts, stage: str) -> None:
    """By whoever may take them then; and an accepted one leaves the dossier in a state that its row names."""
    events = stages(drafts)[stage]
    dossier = state_of(events)
    assert dossier is not None
    kind, before = dossier.unit_kind, dossier.state
    for name, draft in attempts(drafts).items():
        step = ON_DOSSIER[name]
        if step.authority is None and name != "CorrectFact":
            role = step.role_now(dossier)
            body = body_of(role, dossier.unit_id, kind, dossier.parent_id)
            if body == "":
                assert not step.states_for(kind), "a district's step on the dossier of a unit that has none"
                continue
            agency = body or _OFFICES[role]
            draft = {**draft, "actor": {"person": "Nguyễn Văn An", "role": role.value, "agency": agency}}  # noqa: PLW2901
        then = given(events).when(draft)
        order = step.orders[kind] if step.orders is not None else None
        in_order = before in step.states_for(kind)
        if in_order and before is State.RETURNED and order is not None and order.returned_by is not None:
            in_order = dossier.returned_by == order.returned_by
        if then.error is not None:
            early = {_ALSO[name]} if name in _ALSO and not in_order else set()
            assert (then.error.code in _OUT_OF_ORDER | early) is not in_order, (name, then.error)
        else:
            assert in_order, name
            assert then.dossier is not None
            assert then.dossier.state in step.leads_to(before), name
