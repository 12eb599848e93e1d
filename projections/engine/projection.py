"""A projection: which tables it keeps and how each type of event changes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any, Generic, TypeVar

from domain.procedure import EVENT_TYPES
from domain.recorded_event import RecordedEvent
from projections.engine.rows import RowCache
from projections.engine.table import Table

FactT_co = TypeVar("FactT_co", bound=RecordedEvent, covariant=True)


@dataclass(slots=True)
class Event(Generic[FactT_co]):
    """An event as a handler gets it: the domain's event, and where it stands in the log.

    `dossier_id` is the id as text (the council's for its own events), `version` the event's number in its dossier.
    """

    fact: FactT_co
    dossier_id: str
    version: int
    partition: int
    position: int

    @property
    def name(self) -> str:
        """The name of the event's type."""
        return type(self.fact).__name__


_UNIT_DIGITS = 13
"""48 bits in hexadecimal digits, with the hyphen between them."""

Handler = Callable[[RowCache, Event[Any]], None]


@dataclass(frozen=True, eq=False)
class Projection:
    """A read model's rules. Raise `version` whenever a handler would make other rows of the same events.

    `handlers` names the types of events that change rows; every other known type is ignored, and an event of a type
    that the program does not know stops the projection.
    Behind an event that cannot be applied its dossier waits while the others go on; with `by_unit` all dossiers of its
    unit wait, since the rows rest on their common order (as a unit's public decisions do).
    """

    name: str
    version: int
    tables: tuple[Table, ...]
    handlers: Mapping[type[RecordedEvent], Handler]
    by_unit: bool = False

    def parking_scope(self, dossier_id: str) -> str:
        """What waits together: the dossier, or the unit, which the first 48 bits of its dossiers' ids name."""
        return dossier_id[:_UNIT_DIGITS] if self.by_unit else dossier_id

    @cached_property
    def handled(self) -> frozenset[str]:
        """The names of the event types that change rows."""
        return frozenset(event_type.__name__ for event_type in self.handlers)

    @cached_property
    def ignored(self) -> frozenset[str]:
        """The names of the known event types that change nothing."""
        return frozenset(EVENT_TYPES) - self.handled

    @cached_property
    def revision(self) -> str:
        """The version with a hash of the tables' shape and the events: rows of another revision are built anew."""
        shape = repr([(t.name, list(t.columns.items()), t.key, t.indexes) for t in self.tables])
        events = repr((sorted(self.handled), sorted(self.ignored)))
        return f"{self.version}-{sha256((shape + events).encode()).hexdigest()[:12]}"
