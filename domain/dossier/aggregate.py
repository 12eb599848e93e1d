"""The dossier, one unit's application for one level in one year, and the base of its events: they alone change it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from eventsourcing.domain import Aggregate, AggregateCreated

from domain.catalogue import Criterion, Level, UnitKind, catalogue
from domain.commands import Command
from domain.context import DecisionContext
from domain.dossier.states import CLOSED, DECIDED, ENDED, State
from domain.identity import DossierKey
from domain.policy.recognition import Counts, count
from domain.recorded_event import RecordedEvent
from domain.refusals import UnknownCriterion
from domain.values import Claim, Document, Figure, Finding, Meeting, MemberLetter


class Dossier(Aggregate):
    """What the facts of a dossier amount to. Every attribute is assigned by events alone.

    claims, findings     code → what the unit claimed, what the district council found
    submitted_documents  "letter", "minutes", "report" → the document
    letters              agency → the letter that asked it to verify, with its criteria
    results              code → (version of the fact, finding, day)
    inspections          version of the fact → (agency, day, codes)
    tally                the two counts of the rule when the results were summed up
    history              version → (event type, day, agency that recorded it)
    decision             (version of the fact, the decision's document as corrected)
    """

    def __init__(self) -> None:
        """Empty, as before the first fact."""
        self.unit_id = ""
        self.unit_kind = UnitKind.COMMUNE
        self.parent_id: str | None = None
        self.level = Level.BASIC
        self.year = 0
        self.attempt = 0
        self.number = ""
        self.opened_on = self.last_step_date = date.min
        self.state = State.OPENED
        self.catalogue_version = 1
        self.one_column_level = Level.ADVANCED.value
        self.mandatory_not_applicable = "leaves_count"
        self.claims: dict[str, Claim] = {}
        self.meeting: Meeting | None = None
        self.submitted_documents: dict[str, Document] = {}
        self.findings: dict[str, Finding] = {}
        self.sent_to_province = False
        self.returned_by: str | None = None
        self.due_on: date | None = None
        self.forwarded_on: date | None = None
        self.letters: dict[str, MemberLetter] = {}
        self.inspections: dict[int, tuple[str, date, frozenset[str]]] = {}
        self.results: dict[str, tuple[int, Finding, date]] = {}
        self.tally: Counts | None = None
        self.council_recommends: bool | None = None
        self.decision: tuple[int, Document] | None = None
        self.history: dict[int, tuple[str, date, str]] = {}

    @classmethod
    def start(cls, event_type: type[DossierEvent], name: DossierKey, command: Command, **fields: object) -> Dossier:
        """A new dossier with its first fact pending. `fields` hold `timestamp` and what the type asks for."""
        return cls._create(
            event_type,  # type: ignore[arg-type]  # the library types first events by a protocol of its own
            id=name.id,
            on=command.on,
            actor=command.actor,
            command_id=command.command_id,
            unit_id=name.unit_id,
            level=name.level.value,
            year=name.year,
            attempt=name.attempt,
            number=name.number,
            **fields,
        )

    def record(
        self, event_type: type[DossierEvent], command: Command, context: DecisionContext, **fields: object
    ) -> None:
        """The fact that a command led to becomes the dossier's next event. `fields` are what the type asks for."""
        self.trigger_event(
            event_type,
            timestamp=context.recorded_at,
            on=command.on,
            actor=command.actor,
            command_id=command.command_id,
            **fields,
        )

    @property
    def criteria(self) -> Mapping[str, Criterion]:
        """The criteria of the unit's kind and the dossier's level, by code, of the catalogue that it is bound to."""
        return catalogue(self.catalogue_version).criteria_for(self.unit_kind, self.level, Level(self.one_column_level))

    def criterion(self, code: str) -> Criterion:
        """The criterion of a code. Raises UnknownCriterion."""
        found = self.criteria.get(code)
        if found is None:
            raise UnknownCriterion(
                criterion=code,
                kind=self.unit_kind.value,
                kind_vi=self.unit_kind.text.vi,
                level=self.level.value,
                level_vi=self.level.text.vi,
            )
        return found

    def claimed_figure(self, code: str) -> Figure | None:
        """The figure that the unit claimed for a criterion; None where it claimed none."""
        claim = self.claims.get(code)
        return claim.get("figure") if claim else None

    @property
    def last_day_to_forward(self) -> date:
        """The last of the 15 days. Raises ValueError unless the dossier was received (II.2)."""
        if self.due_on is None:
            raise ValueError(f"the 15 days of {self.number} do not run")
        return self.due_on

    @property
    def closed(self) -> bool:
        """No further step is possible."""
        return self.state in CLOSED

    @property
    def ended(self) -> bool:
        """The attempt is over and the unit may apply again."""
        return self.state in ENDED

    @property
    def decided(self) -> bool:
        """The Chairman has decided."""
        return self.state in DECIDED

    def count(self, results: Mapping[str, bool | None]) -> Counts:
        """The two counts of the rule over `results` (code → met, None for not applicable)."""
        return count(
            self.criteria,
            self.unit_kind,
            results,
            mandatory_not_applicable=self.mandatory_not_applicable,  # type: ignore[arg-type]  # bound when opened
        )


class DossierEvent(RecordedEvent):
    """A fact about a dossier. `apply` only assigns: what may happen was decided before the event came to be."""

    def apply(self, aggregate: Dossier) -> None:
        """Assign what the fact changes, and keep its type, day and agency, which a later correction asks for."""
        aggregate.history[self.originator_version] = (type(self).__name__, self.on, self.actor["agency"])
        self.assign(aggregate)

    def assign(self, dossier: Dossier) -> None:
        """Assign what this type of fact changes."""


class DossierCreated(AggregateCreated, DossierEvent):
    """The first fact of a dossier: it names the unit, level, year and attempt from which its id follows."""

    unit_id: str
    unit_kind: str
    parent_id: str | None
    level: str
    year: int
    attempt: int
    number: str

    def apply(self, aggregate: Dossier) -> None:
        """Assign whose dossier it is, then what the fact changes."""
        aggregate.unit_id, aggregate.unit_kind, aggregate.parent_id = (
            self.unit_id,
            UnitKind(self.unit_kind),
            self.parent_id,
        )
        aggregate.level, aggregate.year, aggregate.attempt = Level(self.level), self.year, self.attempt
        aggregate.number = self.number
        aggregate.opened_on = aggregate.last_step_date = self.on
        super().apply(aggregate)
