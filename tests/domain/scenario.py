"""Given, when, then on the aggregate itself: facts that happened, one command, and what follows. No log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, cast

from domain.catalogue import Level
from domain.context import InterpretationSettings
from domain.dossier.aggregate import Dossier, DossierEvent
from domain.dossier.as_of import state_of
from domain.errors import DossierError
from tests.support import units
from tests.support.command_builders import Draft, Drafts
from tests.support.histories import context, decided

DEPARTMENT = Drafts(units.DEPARTMENT, Level.BASIC)
DISTRICT = Drafts(units.DISTRICT, Level.BASIC)
COMMUNE = Drafts(units.COMMUNE, Level.BASIC)
EACH_KIND = (DEPARTMENT, DISTRICT, COMMUNE)


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
            after = decided(dossier, draft, context(**self.changed))
        except DossierError as error:
            pending = cast(list[DossierEvent], list(dossier.collect_events())) if dossier else []
            return Then(dossier, pending, error, before)
        return Then(after, cast(list[DossierEvent], list(after.collect_events())), None, before)


def given(
    events: Sequence[DossierEvent] = (), *, readings: InterpretationSettings | None = None, **changed: Any
) -> Given:
    """What happened before, and anything about the moment that is not as usual."""
    return Given(events, {**changed, **({"readings": readings} if readings else {})})
