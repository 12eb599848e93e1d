"""Given, when, then on the aggregate itself: facts that happened, one command, and what follows. No log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from typing import Any, cast
from uuid import NAMESPACE_URL, uuid5

from domain.catalogue import Level, UnitKind
from domain.commands import Command
from domain.context import VIETNAM, DecisionContext, InterpretationSettings
from domain.council.aggregate import ProvincialCouncil
from domain.cross_dossier import CouncilInForce, CrossDossierFacts, RecognitionInForce
from domain.dossier.aggregate import Dossier, DossierEvent
from domain.dossier.as_of import state_of
from domain.errors import DossierError
from domain.identity import DossierKey
from domain.procedure import COUNCIL, CREATE, ON_DOSSIER
from schemas.command_parser import command_from
from tests.acceptance.command_builders import Draft, Drafts
from tests.acceptance.system import UNITS

NOW = datetime(2026, 6, 30, 3, 0, tzinfo=UTC)

DEPARTMENT = Drafts(UNITS.get("so-tp"), Level.BASIC)
DISTRICT = Drafts(UNITS.get("135"), Level.BASIC)
COMMUNE = Drafts(UNITS.get("04630"), Level.BASIC)
EACH_KIND = (DEPARTMENT, DISTRICT, COMMUNE)

MEMBERS = frozenset(
    {"so-tttt", "vp-ubnd", "cong-an", "nhnn", "so-nv", "so-yt", "so-ldtbxh", "so-nnptnt", "so-gddt", "so-xd"}
)


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


def circumstances(**changed: Any) -> DecisionContext:
    """The moment of a test."""
    today = (changed.get("recorded_at", NOW) + VIETNAM).date()
    known = {"recorded_at": NOW, "today": today, "units": UNITS, "cross_dossier": reference()}
    return DecisionContext(**known | changed)


def command(draft: Draft, number: int = 0) -> Command:
    """A draft as the domain gets it, by the same checks as every command."""
    return command_from({"command_id": str(uuid5(NAMESPACE_URL, str(number))), **draft})


def decided(dossier: Dossier | None, draft: Draft, moment: DecisionContext) -> Dossier:
    """One command on the dossier, or on none yet."""
    given = command(draft)
    if given.name in CREATE:
        reference = draft["dossier"]
        attempt = dossier.attempt + 1 if dossier else 1
        name = DossierKey(reference["unit"], Level(reference["level"]), reference["year"], attempt)
        return CREATE[given.name].take(dossier, name, UNITS.get(name.unit_id), given, moment)
    assert dossier is not None
    ON_DOSSIER[given.name].take(dossier, given, moment)
    return dossier


def on_council(council: ProvincialCouncil | None, draft: Draft) -> ProvincialCouncil:
    """One command on the provincial council, or on none yet."""
    given = command(draft)
    return COUNCIL[given.name].take(council, given, circumstances())


def happened(drafts: Iterable[Draft], **changed: Any) -> list[DossierEvent]:
    """The facts that commands led to."""
    moment = circumstances(**changed)
    facts: list[DossierEvent] = []
    dossier: Dossier | None = None
    for draft in drafts:
        dossier = decided(dossier, draft, moment)
        facts += cast(Sequence[DossierEvent], dossier.collect_events())
    return facts


def way(drafts: Drafts, up_to: str) -> list[Draft]:
    """The commands of a unit's way up to a state."""
    commune, department = drafts.unit.kind is UnitKind.COMMUNE, drafts.unit.kind is not UnitKind.COMMUNE
    steps: list[tuple[str, list[Draft]]] = [("opened", [drafts.open()]), ("self_assessed", [drafts.assess()])]
    if department:
        steps += [("own_meeting", [drafts.meet()]), ("submitted", [drafts.submit()])]
    if commune:
        steps += [
            ("at_district_council", [drafts.submit_to_district()]),
            ("district_met", [drafts.appraise()]),
            ("forwarded_to_province", [drafts.send_on()]),
        ]
    steps += [
        ("received", [drafts.receive()]),
        ("forwarded_to_members", [drafts.forward()]),
        ("verified", [drafts.verify(code) for code in drafts.criteria]),
        ("summed_up", [drafts.sum_up()]),
        ("council_met", [drafts.council_meets()]),
        ("proposed", [drafts.propose()]),
        ("approved", [drafts.approve()]),
        ("announced", [drafts.announce()]),
    ]
    names = [name for name, _ in steps]
    return [draft for _, of_step in steps[: names.index(up_to) + 1] for draft in of_step]


@cache
def _facts(unit_id: str, level: Level, up_to: str) -> tuple[DossierEvent, ...]:
    return tuple(happened(way(Drafts(UNITS.get(unit_id), level), up_to)))


def facts(drafts: Drafts, up_to: str) -> list[DossierEvent]:
    """The facts of a unit's way up to a state, everything exactly at target."""
    return list(_facts(drafts.unit.id, drafts.level, up_to))


@dataclass(frozen=True)
class Then:
    """What followed from one command."""

    dossier: Dossier | None
    new: list[DossierEvent]
    error: DossierError | None
    before: Mapping[str, Any]

    def then(self, event: str, **fields: Any) -> Dossier:
        """One new fact of this type with these fields."""
        assert self.error is None, self.error
        assert [type(each).__name__ for each in self.new] == [event]
        for name, value in fields.items():
            assert getattr(self.new[0], name) == value, name
        assert self.dossier is not None
        return self.dossier

    def refused(self, code: str, **details: Any) -> DossierError:
        """Refused by name; nothing changed."""
        assert self.error is not None, [type(each).__name__ for each in self.new]
        assert self.error.code == code, self.error
        for name, value in details.items():
            assert self.error.details[name] == value, name
        assert (vars(self.dossier) if self.dossier else {}) == self.before
        assert not self.new
        return self.error


@dataclass(frozen=True)
class Given:
    """Facts that happened."""

    events: Sequence[DossierEvent]
    changed: Mapping[str, Any] = field(default_factory=dict)

    def when(self, draft: Draft) -> Then:
        """One command on them."""
        dossier = state_of(self.events)
        before = deepcopy(vars(dossier)) if dossier else {}
        try:
            after = decided(dossier, draft, circumstances(**self.changed))
        except DossierError as error:
            pending = cast(list[DossierEvent], list(dossier.collect_events())) if dossier else []
            return Then(dossier, pending, error, before)
        return Then(after, cast(list[DossierEvent], list(after.collect_events())), None, before)


def given(
    events: Sequence[DossierEvent] = (), *, readings: InterpretationSettings | None = None, **changed: Any
) -> Given:
    """What happened before, and anything about the moment that is not as usual."""
    return Given(events, {**changed, **({"readings": readings} if readings else {})})
