"""The way of a dossier, told once: its steps in their order, and the commands and events up to any of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from functools import cache
from typing import Any, Final, cast
from uuid import NAMESPACE_URL, uuid5

from domain.catalogue import Level, UnitKind
from domain.commands import Command
from domain.context import VIETNAM, CouncilInForce, DecisionContext, RecognitionInForce
from domain.council.aggregate import ProvincialCouncil
from domain.cross_dossier import CrossDossierFacts
from domain.dossier.aggregate import Dossier, DossierEvent
from domain.identity import DossierKey
from domain.procedure import COUNCIL, CREATE, ON_DOSSIER
from schemas.command_parser import command_from
from tests.support.command_builders import Draft, Drafts, usual_day
from tests.support.units import UNITS

NOW: Final = datetime(2026, 6, 30, 3, 0, tzinfo=UTC)
MEMBERS: Final = frozenset(
    {"so-tttt", "vp-ubnd", "cong-an", "nhnn", "so-nv", "so-yt", "so-ldtbxh", "so-nnptnt", "so-gddt", "so-xd"}
)
"""The agencies in the council of the tests."""

STEP_COMMANDS: Final[dict[str, Callable[..., Draft]]] = {
    "opened": Drafts.open,
    "self_assessed": Drafts.assess,
    "own_meeting": Drafts.meet,
    "submitted": Drafts.submit,
    "submitted_to_district": Drafts.submit_to_district,
    "district_met": Drafts.appraise,
    "forwarded_to_province": Drafts.send_on,
    "refused_by_district_council": Drafts.refuse,
    "received": Drafts.receive,
    "returned": Drafts.give_back,
    "forwarded_to_members": Drafts.forward,
    "summed_up": Drafts.sum_up,
    "closed_as_unfavourable": Drafts.close,
    "council_met": Drafts.council_meets,
    "proposed": Drafts.propose,
    "approved": Drafts.approve,
    "rejected": Drafts.reject,
    "announced": Drafts.announce,
    "withdrawn": Drafts.withdraw,
    "revoked": Drafts.revoke,
}
"""Step → its command, where one command is the whole step."""

_BY_ITSELF = ("own_meeting", "submitted")
_BY_ITS_DISTRICT = ("submitted_to_district", "district_met", "forwarded_to_province")
_AT_PROVINCE = (
    "received",
    "forwarded_to_members",
    "verified",
    "summed_up",
    "council_met",
    "proposed",
    "approved",
    "announced",
)


def steps_of(kind: UnitKind) -> tuple[str, ...]:
    """The steps of a kind of unit in their order, from the opening to the announcement."""
    own = _BY_ITS_DISTRICT if kind is UnitKind.COMMUNE else _BY_ITSELF
    return ("opened", "self_assessed", *own, *_AT_PROVINCE)


def commands_of(drafts: Drafts, step: str, on: str) -> list[Draft]:
    """The commands of one step on a day: a result on every criterion for `verified`, else a single one."""
    if step == "verified":
        return [drafts.verify(code, on) for code in drafts.criteria]
    return [STEP_COMMANDS[step](drafts, on)]


def commands_up_to(drafts: Drafts, step: str, on: str | None = None) -> list[Draft]:
    """The commands of a unit's way up to a step, each on its usual day of the dossier's year, or all on one day."""
    steps = steps_of(drafts.unit.kind)
    return [
        draft
        for each in steps[: steps.index(step) + 1]
        for draft in commands_of(drafts, each, on or usual_day(each, drafts.year))
    ]


def reference(*, council: bool = True, communes: bool = True) -> CrossDossierFacts:
    """What is known of other dossiers: a council of 2020, and all communes of Lục Yên recognised, 8 as advanced."""
    known = CrossDossierFacts(positions={0: 7})
    if council:
        known.add_council(CouncilInForce(1, date(2020, 1, 2), "1/QĐ-UBND", MEMBERS))
    if communes:
        for place, commune in enumerate(UNITS.communes_of("135")):
            level = Level.ADVANCED if place < 8 else Level.BASIC
            name = DossierKey(commune.id, level, 2023, 1)
            known.add_recognition(name.id, RecognitionInForce(commune.id, level, f"{place}/QĐ", date(2023, 12, 1)))
    return known


def context(**changed: Any) -> DecisionContext:
    """What commands of the tests are decided with, but for what is changed."""
    today = (changed.get("recorded_at", NOW) + VIETNAM).date()
    known = {"recorded_at": NOW, "today": today, "units": UNITS, "cross_dossier": reference()}
    return DecisionContext(**known | changed)


def command(draft: Draft, number: int = 0) -> Command:
    """A draft as the domain gets it, by the same checks as every command."""
    return command_from({"command_id": str(uuid5(NAMESPACE_URL, str(number))), **draft})


def decided(dossier: Dossier | None, draft: Draft, with_context: DecisionContext) -> Dossier:
    """One command on the dossier, or on none yet."""
    given = command(draft)
    if given.name in CREATE:
        reference = draft["dossier"]
        attempt = dossier.attempt + 1 if dossier else 1
        name = DossierKey(reference["unit"], Level(reference["level"]), reference["year"], attempt)
        return CREATE[given.name].take(dossier, name, UNITS.get(name.unit_id), given, with_context)
    assert dossier is not None
    ON_DOSSIER[given.name].take(dossier, given, with_context)
    return dossier


def on_council(council: ProvincialCouncil | None, draft: Draft) -> ProvincialCouncil:
    """One command on the provincial council, or on none yet."""
    given = command(draft)
    return COUNCIL[given.name].take(council, given, context())


def events_of(drafts: Iterable[Draft], **changed: Any) -> list[DossierEvent]:
    """The events of commands, decided one after the other."""
    with_context = context(**changed)
    events: list[DossierEvent] = []
    dossier: Dossier | None = None
    for draft in drafts:
        dossier = decided(dossier, draft, with_context)
        events += cast(Sequence[DossierEvent], dossier.collect_events())
    return events


@cache
def _history(unit_id: str, level: Level, step: str) -> tuple[DossierEvent, ...]:
    return tuple(events_of(commands_up_to(Drafts(UNITS.get(unit_id), level), step)))


def history(drafts: Drafts, step: str) -> list[DossierEvent]:
    """The events of a unit's way of 2024 up to a step, everything exactly at target."""
    return list(_history(drafts.unit.id, drafts.level, step))
