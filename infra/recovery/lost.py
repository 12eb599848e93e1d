"""Which commands were lost, and which of them can be given again: with the same ids, so that each acts once.

A command is had back as it stands in the queue, or is rebuilt from its fact and proven by its digest. It is not given
again where what it was decided on is no more: its dossier went on with other facts, or a command before it on the same
dossier is not given again. Whatever is given again passes every rule once more; nothing is put into the log by hand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from itertools import groupby
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

from consumers.commands.ports import CommandKey
from domain.i18n import translatable
from domain.values import Actor
from infra.recovery.comparison import Beyond, HeldAnswer, HeldFact
from infra.recovery.rebuilding import beginning_of, command_of, rebuilt


class WhyNot(StrEnum):
    """Why a command is not given again."""

    REFUSED = "refused"
    STATE_CHANGED = "state changed"
    RESTS_ON_LOST = "rests on a lost one"
    NOT_REBUILT = "not rebuilt"
    WITHOUT_ANSWER = "without an answer"
    ID_TAKEN = "id taken"
    ANSWERED_OTHERWISE = "answered otherwise"
    ONLY_SHOWN = "only shown"

    @property
    def text(self) -> str:
        """In words: a text of the catalogue."""
        return _REASONS[self]


_REASONS: Final[Mapping[WhyNot, str]] = {
    WhyNot.REFUSED: translatable("it was refused, and recorded nothing: given again it would be decided anew"),
    WhyNot.STATE_CHANGED: translatable("its dossier has gone on with other facts since"),
    WhyNot.RESTS_ON_LOST: translatable("it rests on a command of the same dossier that is not given again"),
    WhyNot.NOT_REBUILT: translatable("nothing that its fact says has the digest of the command"),
    WhyNot.WITHOUT_ANSWER: translatable("its answer is not there, so that nothing proves what it said"),
    WhyNot.ID_TAKEN: translatable("its id belongs to another command by now"),
    WhyNot.ANSWERED_OTHERWISE: translatable("it was given again, and was refused"),
    WhyNot.ONLY_SHOWN: translatable("only the read models know of it, and they do not hold what it said"),
}


class QueuedLine(NamedTuple):
    """A command as it stands in the queue."""

    offset: int
    line: str


@dataclass(frozen=True, slots=True)
class LostCommand:
    """A command that was answered, and that the log does not know any more.

    position   of its last event, or the last one that its refusal was decided on
    events     version and name of each fact that it led to
    caller     who gave it, as its facts say; None for a refusal
    line       what is given again; None where it is not, for `reason`
    origin     where `line` is from
    waits      whether it stands in the queue behind the last handled command, and is handled again anyway
    """

    command_id: str
    partition: int
    position: int
    accepted: bool
    command: str | None
    dossier: str | None
    on: date | None
    caller: Actor | None
    events: tuple[tuple[int, str], ...]
    answer: dict[str, Any] | None
    digest: bytes | None
    line: str | None = None
    origin: Literal["queue", "facts"] | None = None
    reason: WhyNot | None = None
    waits: bool = False

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "command_id": self.command_id,
            "partition": self.partition,
            "position": self.position,
            "command": self.command,
            "dossier": self.dossier,
            "on": self.on and self.on.isoformat(),
            "caller": self.caller,
            "events": [{"version": version, "event": name} for version, name in self.events],
            "answer": self.answer,
            "digest": self.digest and self.digest.hex(),
            "given_again": self.line is not None,
            "from": self.origin,
            "waits_in_queue": self.waits,
            "reason": self.reason,
        }


@dataclass(slots=True)
class Settled:
    """The lost commands of a partition in the order in which they acted, and how many facts are back already."""

    beyond: Beyond
    commands: list[LostCommand] = field(default_factory=list)
    back: int = 0

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        beyond = self.beyond
        return {
            "partition": beyond.holder.partition,
            "holder": beyond.holder.name,
            "proof": beyond.holder.proof,
            "how": beyond.how,
            "first": None if beyond.number is None else {"record": beyond.number, "position": beyond.position},
            "log_records": beyond.standing,
            "held_records": beyond.held,
            "back_already": self.back,
            "commands": [each.as_json() for each in self.commands],
        }


def settle(beyond: Beyond, queued: Mapping[str, QueuedLine], *, same_queue: bool = False) -> Settled:
    """Decide of each command whether it can be given again.

    `queued`: command id → as it stands in the queue, with the digest that was answered. `same_queue`: whether the last
    handled command that the log knows is one of that queue.
    """
    found = Settled(beyond)
    handled = beyond.handled.offset if beyond.handled is not None else -1

    def waits(queue: QueuedLine | None) -> bool:
        return queue is not None and same_queue and queue.offset > handled

    broken: dict[str, WhyNot] = dict.fromkeys(_gone_on(beyond), WhyNot.STATE_CHANGED)
    for key, group in groupby(beyond.facts, lambda fact: fact.key):
        facts = [*group]
        last, answer, bound = facts[-1], beyond.answers.get(key), beyond.bound.get(key)
        if bound is not None and answer is not None and bound.digest == answer.digest and bound.content["ok"]:
            found.back += len(facts)
            continue
        queue = queued.get(last.event.command_id)
        line = queue.line if queue is not None else None
        reason = broken.get(last.dossier) or _reason_at_once(answer, bound)
        if reason is None and line is None and answer is not None:
            first = beyond.beginnings.get(UUID(last.dossier).hex)
            line = rebuilt(last.event, beginning_of(first) if first is not None else None, answer.digest)
            reason = WhyNot.NOT_REBUILT if line is None else None
        if reason is not None:
            broken.setdefault(last.dossier, WhyNot.RESTS_ON_LOST)
        found.commands.append(
            LostCommand(
                last.event.command_id,
                beyond.holder.partition,
                last.position,
                True,
                command_of(last.event),
                last.dossier,
                last.event.on,
                last.event.actor,
                tuple((fact.version, type(fact.event).__name__) for fact in facts),
                answer.content if answer is not None else None,
                answer.digest if answer is not None else None,
                line if reason is None else None,
                None if reason is not None else "queue" if queue is not None else "facts",
                reason,
                waits(queue),
            )
        )
    for key, answer in beyond.refusals.items():
        refused = _refused(key, answer, beyond.holder.partition)
        found.commands.append(replace(refused, waits=waits(queued.get(refused.command_id))))
    found.commands.sort(key=lambda each: each.position)
    return found


def _reason_at_once(answer: HeldAnswer | None, bound: HeldAnswer | None) -> WhyNot | None:
    if answer is None:
        return WhyNot.WITHOUT_ANSWER
    if bound is not None:
        return WhyNot.ANSWERED_OTHERWISE if bound.digest == answer.digest else WhyNot.ID_TAKEN
    return None


def _refused(key: CommandKey, answer: HeldAnswer, partition: int) -> LostCommand:
    return LostCommand(
        command_id=str(key.command_id),
        partition=partition,
        position=answer.content["position"] or 0,
        accepted=False,
        command=None,
        dossier=None,
        on=None,
        caller=None,
        events=(),
        answer=answer.content,
        digest=answer.digest,
        reason=WhyNot.REFUSED,
    )


def _gone_on(beyond: Beyond) -> list[str]:
    """The dossiers that have facts by now which did not follow there before."""
    held: dict[str, list[str]] = {}
    for fact in beyond.facts:
        ids = held.setdefault(fact.dossier, [])
        if not ids or ids[-1] != fact.event.command_id:
            ids.append(fact.event.command_id)
    return [
        dossier
        for dossier, ids in held.items()
        if (since := beyond.since.get(UUID(dossier).hex, [])) != ids[: len(since)]
    ]


def furthest(found: Sequence[Settled]) -> list[Settled]:
    """Of each partition what holds most; a proof by signatures before one by hashes."""
    best: dict[int, Settled] = {}
    for each in found:
        at = each.beyond.holder.partition
        if at not in best or _worth(each) > _worth(best[at]):
            best[at] = each
    return [best[at] for at in sorted(best)]


def _worth(settled: Settled) -> tuple[int, bool]:
    facts: list[HeldFact] = settled.beyond.facts
    return len(facts) + len(settled.beyond.refusals), settled.beyond.holder.proof == "signatures"
