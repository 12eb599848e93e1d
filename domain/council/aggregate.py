"""The provincial council: established and changed by the Chairman's decisions, with a history of its own (II.3)."""

from __future__ import annotations

from datetime import date
from typing import Any, cast

from eventsourcing.domain import Aggregate

from domain.agencies import agency
from domain.authorization import PEOPLES_COMMITTEE, STANDING_AGENCY
from domain.command import Command
from domain.context import DecisionContext
from domain.council.events import CouncilChanged, CouncilEstablished
from domain.dossier.decision import signed
from domain.dossier.preconditions import not_before, part
from domain.identity import COUNCIL_ID
from domain.refusals import CouncilComposition, MissingPart
from domain.values import Appointee


class ProvincialCouncil(Aggregate):
    """Who sits on the council. `agencies` are those that are represented on it."""

    def __init__(self) -> None:
        """Empty, as before the first fact."""
        self.decided_on = date.min
        self.agencies: frozenset[str] = frozenset()

    @classmethod
    def start(cls, command: Command, context: DecisionContext, **composition: Any) -> ProvincialCouncil:
        """A new council with its first fact pending."""
        return cls._create(
            CouncilEstablished,
            id=COUNCIL_ID,
            timestamp=context.recorded_at,
            on=command.on,
            actor=command.actor,
            command_id=command.command_id,
            **composition,
        )


def establish_council(command: Command, context: DecisionContext) -> ProvincialCouncil:
    """EstablishCouncil: the first composition."""
    return ProvincialCouncil.start(command, context, **_composition(command))


def change_council(council: ProvincialCouncil, command: Command, context: DecisionContext) -> None:
    """ChangeCouncil: the whole composition anew (III.1: kiện toàn)."""
    not_before(command, council.decided_on)
    council.trigger_event(
        CouncilChanged,
        timestamp=context.recorded_at,
        on=command.on,
        actor=command.actor,
        command_id=command.command_id,
        reason=command.data.get("reason"),
        **_composition(command),
    )


def _composition(command: Command) -> dict[str, Any]:
    """Chair, standing vice-chair and members. Raises MissingPart, CouncilComposition, UnknownAgency."""
    chair = cast(Appointee, part(command, "chair", ("the chair", "Chủ tịch Hội đồng"), "II.3"))
    vice = cast(
        Appointee,
        part(command, "standing_vice_chair", ("the standing vice-chair", "Phó Chủ tịch thường trực"), "II.3"),
    )
    members = cast(list[Appointee], part(command, "members", ("the members", "các thành viên"), "II.3"))
    if chair["agency"] != PEOPLES_COMMITTEE:
        raise CouncilComposition(
            reason_en="the chair is a leader of the provincial People's Committee (ubnd-tinh)",
            reason_vi="Chủ tịch Hội đồng là lãnh đạo Ủy ban nhân dân tỉnh (ubnd-tinh)",
        )
    if vice["agency"] != STANDING_AGENCY:
        raise CouncilComposition(
            reason_en="the standing vice-chair is the director of Sở Thông tin và Truyền thông (so-tttt)",
            reason_vi="Phó Chủ tịch thường trực là Giám đốc Sở Thông tin và Truyền thông (so-tttt)",
        )
    for member in members:
        agency(member["agency"])
    if not any(member["agency"] != STANDING_AGENCY for member in members):
        raise MissingPart(
            clause="II.3",
            part="members",
            part_en="members of the agencies concerned",
            part_vi="thành viên là đại diện các sở, ngành liên quan",
        )
    return {"chair": chair, "standing_vice_chair": vice, "members": members, **signed(command, "II.3")}
