"""The base of a dossier's events, and of the first one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventsourcing.domain import AggregateCreated

from domain.catalogue import Level, UnitKind
from domain.recorded_event import RecordedEvent

if TYPE_CHECKING:
    from domain.dossier.aggregate import Dossier


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
