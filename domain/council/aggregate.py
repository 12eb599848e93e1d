"""The provincial council: who sits on it by the Chairman's decisions, with a history of its own (II.3)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

from eventsourcing.domain import Aggregate

from domain.commands import Command
from domain.identity import COUNCIL_ID
from domain.recorded_event import RecordedEvent
from domain.values import Appointee, Document


def represented(members: Iterable[Appointee], standing_vice_chair: Appointee) -> frozenset[str]:
    """The agencies that sit on the council: the members' own, and the standing vice-chair's (II.3)."""
    return frozenset({member["agency"] for member in members} | {standing_vice_chair["agency"]})


class ProvincialCouncil(Aggregate):
    """Who sits on the council. `agencies` are those that are represented on it."""

    def __init__(self) -> None:
        """Empty, as before the first fact."""
        self.decided_on = date.min
        self.agencies: frozenset[str] = frozenset()

    @classmethod
    def start(
        cls, event_type: type[CouncilEvent], command: Command, recorded_at: datetime, **composition: object
    ) -> ProvincialCouncil:
        """A new council with its first fact pending."""
        return cls._create(
            event_type,  # type: ignore[arg-type]  # the library types first events by a protocol of its own
            id=COUNCIL_ID,
            timestamp=recorded_at,
            on=command.on,
            actor=command.actor,
            command_id=command.command_id,
            **composition,
        )


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
