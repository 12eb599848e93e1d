"""The composition of the provincial council: its establishment and its changes (II.3, III.1)."""

from __future__ import annotations

from eventsourcing.domain import AggregateCreated

from domain.agencies import agency
from domain.authorization import PEOPLES_COMMITTEE, STANDING_AGENCY
from domain.commands import ChangeCouncil, CouncilCommand, EstablishCouncil
from domain.context import DecisionContext
from domain.council.aggregate import CouncilEvent, ProvincialCouncil
from domain.dossier.decision import Signed, signed
from domain.dossier.preconditions import not_before, part
from domain.i18n import pair, translatable
from domain.refusals import CouncilComposition, CouncilExists, MissingPart, NoCouncil
from domain.values import Appointee


class CouncilEstablished(AggregateCreated, CouncilEvent):
    """The Chairman established the provincial council (II.3)."""


class CouncilChanged(CouncilEvent):
    """The Chairman changed the provincial council (III.1: kiện toàn)."""

    reason: str | None


def establish_council(
    council: ProvincialCouncil | None, command: EstablishCouncil, context: DecisionContext
) -> ProvincialCouncil:
    """EstablishCouncil: the first composition. Raises CouncilExists."""
    if council is not None:
        raise CouncilExists
    return ProvincialCouncil.start(CouncilEstablished, command, context.recorded_at, **_composition(command))


def change_council(
    council: ProvincialCouncil | None, command: ChangeCouncil, context: DecisionContext
) -> ProvincialCouncil:
    """ChangeCouncil: the whole composition anew (III.1: kiện toàn). Raises NoCouncil."""
    if council is None:
        raise NoCouncil(on=command.on.isoformat())
    not_before(command, council.decided_on)
    council.trigger_event(
        CouncilChanged,
        timestamp=context.recorded_at,
        on=command.on,
        actor=command.actor,
        command_id=command.command_id,
        reason=command.reason,
        **_composition(command),
    )
    return council


class _Composition(Signed):
    chair: Appointee
    standing_vice_chair: Appointee
    members: list[Appointee]


def _composition(command: CouncilCommand) -> _Composition:
    """Chair, standing vice-chair and members. Raises MissingPart, CouncilComposition, UnknownAgency."""
    chair = part(command.chair, "chair", translatable("the chair of the council"), "II.3")
    vice = part(
        command.standing_vice_chair,
        "standing_vice_chair",
        translatable("the standing vice-chair"),
        "II.3",
    )
    members = part(command.members, "members", translatable("the members"), "II.3")
    if chair["agency"] != PEOPLES_COMMITTEE:
        raise CouncilComposition(reason=pair("the chair is a leader of the provincial People's Committee (ubnd-tinh)"))
    if vice["agency"] != STANDING_AGENCY:
        raise CouncilComposition(
            reason=pair("the standing vice-chair is the director of Sở Thông tin và Truyền thông (so-tttt)")
        )
    for member in members:
        agency(member["agency"])
    if not any(member["agency"] != STANDING_AGENCY for member in members):
        raise MissingPart(
            clause="II.3",
            part="members",
            **pair("members of the agencies concerned").details("part"),
        )
    return _Composition(chair=chair, standing_vice_chair=vice, members=members, **signed(command, "II.3"))
