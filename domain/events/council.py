"""Facts about the provincial council: it has a history of its own (II.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventsourcing.domain import AggregateCreated

from domain.events.base import RecordedEvent
from domain.values import Appointee, Document

if TYPE_CHECKING:
    from domain.council import ProvincialCouncil


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
        aggregate.agencies = frozenset(member["agency"] for member in self.members)


class CouncilEstablished(AggregateCreated, CouncilEvent):
    """The Chairman established the provincial council (II.3)."""


class CouncilChanged(CouncilEvent):
    """The Chairman changed the provincial council (III.1: kiện toàn)."""

    reason: str | None
