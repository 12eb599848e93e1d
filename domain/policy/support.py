"""Policy support of a recognised unit: Article 1 of Resolution 60/2022/NQ-HĐND, 9 December 2022 (I.1, III.1).

Eligibility is not payment: Sở Thông tin và Truyền thông with Sở Nội vụ and Sở Tài chính advises on it. The
guidance states no amounts, so the operator's settings hold them; without them a report says so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from domain.catalogue import Level, UnitKind
from domain.errors import InvalidInput
from domain.i18n import Language, Text, pair, text, translatable

RESOLUTION: Final = "60/2022/NQ-HĐND"
PERIOD: Final = (2023, 2025)
"""First and last year of the period; the day of the decision decides (title of the guidance, reading 12)."""


class BadAmounts(InvalidInput):
    """The setting of the support amounts cannot be used."""

    code = "BAD_AMOUNTS"


class NotEligible(StrEnum):
    """Why a unit is not entitled."""

    NEVER_RECOGNISED = "NEVER_RECOGNISED"
    OUTSIDE_PERIOD = "OUTSIDE_PERIOD"

    @property
    def text(self) -> Text:
        """The reason as a sentence."""
        return pair(_REASONS[self], first=PERIOD[0], last=PERIOD[1])


_REASONS: Final[Mapping[NotEligible, str]] = {
    NotEligible.NEVER_RECOGNISED: translatable("no decision that stands recognises the unit"),
    NotEligible.OUTSIDE_PERIOD: translatable("the decision is dated outside the period {first}-{last}"),
}


@dataclass(frozen=True, slots=True)
class Recognition:
    """A decision of recognition that stands. `dossier_id` is None for one from before the system."""

    unit_kind: UnitKind
    level: Level
    decision_number: str
    decided_on: date
    dossier_id: str | None = None

    @property
    def in_period(self) -> bool:
        """Whether the day of the decision lies in PERIOD, its first and last day included."""
        return PERIOD[0] <= self.decided_on.year <= PERIOD[1]


@dataclass(frozen=True, slots=True)
class TierHeld:
    """A tier, the recognition that first gave it, and its amount in VND (None: not configured)."""

    tier: str
    recognition: Recognition
    amount: int | None

    @property
    def since(self) -> date:
        """The day of the decision: the support is due from then on (I.1)."""
        return self.recognition.decided_on

    def as_json(self) -> dict[str, object]:
        """The tier as JSON; the day in ISO form, the amount in VND."""
        return {
            "tier": self.tier,
            "since": self.since.isoformat(),
            "decision_number": self.recognition.decision_number,
            "dossier_id": self.recognition.dossier_id,
            "amount": self.amount,
        }


@dataclass(frozen=True, slots=True)
class Entitlement:
    """What a unit is entitled to. `held` is every tier of the period, the one that counts first.

    `reason` says why there is none and is None for an eligible unit. `outside_period` are the recognitions
    that give nothing because of their day.
    """

    held: tuple[TierHeld, ...]
    outside_period: tuple[Recognition, ...]
    reason: NotEligible | None

    @property
    def eligible(self) -> bool:
        """Whether any tier is held."""
        return bool(self.held)

    @property
    def tier(self) -> str | None:
        """The tier that counts: advanced before basic."""
        return self.held[0].tier if self.held else None

    @property
    def since(self) -> date | None:
        """The day of the decision that first gave the tier."""
        return self.held[0].since if self.held else None

    @property
    def amount(self) -> int | None:
        """The configured amount of the tier in VND, or None."""
        return self.held[0].amount if self.held else None

    @property
    def earlier(self) -> tuple[TierHeld, ...]:
        """Tiers held before the one that counts, with the day of each."""
        return tuple(held for held in self.held[1:] if held.since <= self.held[0].since)

    @property
    def later(self) -> tuple[TierHeld, ...]:
        """Lower tiers that a later decision gave a unit which was advanced already (reading 13)."""
        return tuple(held for held in self.held[1:] if held.since > self.held[0].since)

    def says(self, language: Language = "en") -> tuple[str, ...]:
        """What a report must say beside the figures: the reason, a missing amount, both tiers held."""
        if self.reason is not None:
            return (self.reason.text.into(language),)
        sentences = []
        if any(held.amount is None for held in self.held):
            sentences.append(text("no amount is configured; the guidance states none", language))
        if len(self.held) > 1:
            sentences.append(
                text(
                    "recognised at both levels: Resolution {resolution} decides whether both tiers are due",
                    language,
                    resolution=RESOLUTION,
                )
            )
        return tuple(sentences)

    def as_json(self) -> dict[str, object]:
        """The entitlement as JSON; days in ISO form, amounts in VND, sentences in both languages."""
        return {
            "eligible": self.eligible,
            "tier": self.tier,
            "since": self.since.isoformat() if self.since else None,
            "amount": self.amount,
            "earlier": [held.as_json() for held in self.earlier],
            "later": [held.as_json() for held in self.later],
            "reason": self.reason.value if self.reason else None,
            "says": {"en": list(self.says("en")), "vi": list(self.says("vi"))},
        }


def tier(level: Level) -> str:
    """The tier of Article 1 that matches a level ("theo các mức độ tương ứng", I.1)."""
    return level.value


def entitlement(recognitions: Sequence[Recognition], amounts: Mapping[str, int] | None = None) -> Entitlement:
    """What one unit is entitled to by the decisions about it that stand: revoked ones the caller leaves out.

    A decision outside the period gives nothing. The tier that counts is advanced before basic; the earliest
    decision of a level gives its day. `amounts` are VND keyed `kind.level` ("commune.basic"), as
    `parse_amounts` gives them.
    """
    first: dict[Level, Recognition] = {}
    for recognition in sorted(recognitions, key=lambda each: each.decided_on):
        if recognition.in_period:
            first.setdefault(recognition.level, recognition)
    held = tuple(
        TierHeld(tier(level), first[level], (amounts or {}).get(f"{first[level].unit_kind}.{level}"))
        for level in (Level.ADVANCED, Level.BASIC)
        if level in first
    )
    reason = None
    if not held:
        reason = NotEligible.OUTSIDE_PERIOD if recognitions else NotEligible.NEVER_RECOGNISED
    outside = tuple(recognition for recognition in recognitions if not recognition.in_period)
    return Entitlement(held=held, outside_period=outside, reason=reason)


def parse_amounts(text: str) -> dict[str, int]:
    """The operator's JSON setting of amounts: whole VND from 0, keyed `kind.level`. Raises BadAmounts."""
    try:
        setting = json.loads(text)
    except json.JSONDecodeError as error:
        raise BadAmounts(
            problem=pair("not JSON (line {lineno}, column {colno})", lineno=error.lineno, colno=error.colno)
        ) from error
    if not isinstance(setting, dict):
        raise BadAmounts(problem=pair("an object is needed"))
    known = {f"{kind}.{level}" for kind in UnitKind for level in Level}
    for key, amount in setting.items():
        if key not in known:
            raise BadAmounts(problem=pair("“{key}” is no kind and level", key=key))
        if isinstance(amount, bool) or not isinstance(amount, int) or amount < 0:
            raise BadAmounts(problem=pair("{key} is no whole amount of VND", key=key))
    return setting
