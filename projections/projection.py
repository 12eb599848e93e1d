"""A projection: which tables it keeps and how each type of event changes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import Any

from projections.rows import Rows
from projections.table import Table


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


Handler = Callable[[Rows, Event], None]


@dataclass(frozen=True, eq=False)
class Projection:
    """A read model's rules. Raise `version` whenever a handler would make other rows of the same events.

    `handlers` and `ignored` together name every type of event: one in neither stops the projection.
    """

    name: str
    version: int
    tables: tuple[Table, ...]
    handlers: Mapping[str, Handler]
    ignored: frozenset[str] = field(default_factory=frozenset)

    @cached_property
    def revision(self) -> str:
        """The version with a hash of the tables' shape and the events: rows of another revision are built anew."""
        shape = repr([(t.name, list(t.columns.items()), t.key, t.indexes) for t in self.tables])
        events = repr((sorted(self.handlers), sorted(self.ignored)))
        return f"{self.version}-{sha256((shape + events).encode()).hexdigest()[:12]}"
