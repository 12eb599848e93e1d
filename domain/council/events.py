"""Facts about the provincial council: it has a history of its own (II.3)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from eventsourcing.domain import AggregateCreated

from domain.dossier.events_base import RecordedEvent
from domain.values import Appointee, Document

if TYPE_CHECKING:
    from domain.council.aggregate import ProvincialCouncil


def represented(members: Iterable[Appointee], standing_vice_chair: Appointee) -> frozenset[str]:
    """The agencies that sit on the council: the members' own, and the standing vice-chair's (II.3)."""
    return frozenset({member["agency"] for member in members} | {standing_vice_chair["agency"]})


class CouncilEvent(RecordedEvent):
    """The council as the Chairman's decision appoints it: chair, standing vice-chair and members."""

    decision: Document
    signer: str
    capacity: str
    chair: Appointee
    standing_vice_chair: Appointee
    members: list[Appointee]

    def apply(self, aggregate: ProvincialCouncil) -> None:
        """Assign the composition."""
        aggregate.decided_on = self.on
        aggregate.agencies = represented(self.members, self.standing_vice_chair)


class CouncilEstablished(AggregateCreated, CouncilEvent):
    """The Chairman established the provincial council (II.3)."""


class CouncilChanged(CouncilEvent):
    """The Chairman changed the provincial council (III.1: kiện toàn)."""

    reason: str | None
