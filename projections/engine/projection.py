"""A projection: which tables it keeps and how each type of event changes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import Any

from projections.engine.rows import RowCache
from projections.engine.table import Table


@dataclass(slots=True)
class Event:
    """An event as a handler gets it: no domain object, only where it stands and what it says.

    `dossier_id` is the id as text (the council's for its own events), `version` the event's number in its dossier,
    `data` its fields as the decoder gives them.
    """

    name: str
    dossier_id: str
    version: int
    partition: int
    position: int
    data: Mapping[str, Any]


_UNIT_DIGITS = 13
"""48 bits in hexadecimal digits, with the hyphen between them."""

Handler = Callable[[RowCache, Event], None]


@dataclass(frozen=True, eq=False)
class Projection:
    """A read model's rules. Raise `version` whenever a handler would make other rows of the same events.

    `handlers` and `ignored` together name every type of event: one in neither stops the projection.
    Behind an event that cannot be applied its dossier waits while the others go on; with `by_unit` all dossiers of its
    unit wait, since the rows rest on their common order (as a unit's public decisions do).
    """

    name: str
    version: int
    tables: tuple[Table, ...]
    handlers: Mapping[str, Handler]
    ignored: frozenset[str] = field(default_factory=frozenset)
    by_unit: bool = False

    def parking_scope(self, dossier_id: str) -> str:
        """What waits together: the dossier, or the unit, which the first 48 bits of its dossiers' ids name."""
        return dossier_id[:_UNIT_DIGITS] if self.by_unit else dossier_id

    @cached_property
    def revision(self) -> str:
        """The version with a hash of the tables' shape and the events: rows of another revision are built anew."""
        shape = repr([(t.name, list(t.columns.items()), t.key, t.indexes) for t in self.tables])
        events = repr((sorted(self.handlers), sorted(self.ignored)))
        return f"{self.version}-{sha256((shape + events).encode()).hexdigest()[:12]}"
