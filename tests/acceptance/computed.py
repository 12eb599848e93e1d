"""What the product computes for a case, found where a user finds it: in refusals, facts and read models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any, cast

from domain.agencies import agency
from domain.dossier.aggregate import Dossier
from domain.dossier.application import DossierSubmitted
from domain.dossier.as_of import state_of
from domain.dossier.assessment import member_results
from domain.dossier.reception import DossierForwardedToCouncil, DossierReceived
from projections import audit, eligibility, status
from tests.acceptance.case_runner import CaseRunner
from tests.acceptance.system import Answer


class Findings:
    """What is asked after the step of a case."""

    def __init__(self, journey: CaseRunner, answers: list[Answer]) -> None:
        self.journey = journey
        self.details: dict[str, Any] = next((each["error"]["details"] for each in answers if not each["ok"]), {})
        self.events = journey.events()
        self.dossier = cast(Dossier, state_of(self.events))
        with journey.world.application.read_models() as views:
            self.row = status.get(views, journey.name.id) or {}
            self.flags = audit.flags(views, journey.name.id)
            amounts = journey.case.given.get("amounts")
            self.support = eligibility.of_unit(views, journey.case.unit, amounts)

    def computed(self, key: str) -> Any:
        """The value that the product has for a word of the cases."""
        return _COMPUTED[key](self)

    def counts(self) -> Mapping[str, Any]:
        """The counts of the rule: as refused, of all results, or as the last gate recorded them."""
        if "mandatory_met" in self.details:
            return self.details
        results = member_results(self.dossier)
        if len(results) == len(self.dossier.criteria):
            return self.dossier.count(results)
        assert self.row["mandatory_met"] is not None
        return self.row

    def communes(self) -> Mapping[str, Any]:
        """The figures of the district's I.1 with what is needed."""
        if "communes" in self.details:
            return cast(Mapping[str, Any], self.details["communes"])
        figures = next(fact.communes for fact in self.events if isinstance(fact, DossierSubmitted) and fact.communes)
        recognised, advanced = self.dossier.criteria["I.1"].target.needed(figures["communes"])  # type: ignore[union-attr]
        return {**figures, "recognised_needed": recognised, "advanced_needed": advanced}

    def share(self, part: str) -> Fraction:
        """A share of the communes, exactly."""
        return Fraction(self.communes()[part], self.communes()["communes"])

    def communes_met(self) -> bool:
        """Whether I.1 is met."""
        return "I.1" not in self.details.get("not_met", [])

    def last(self, kind: type[Any]) -> Any:
        """The last fact of a type."""
        return [fact for fact in self.events if isinstance(fact, kind)][-1]


def _percent(share: Fraction) -> str:
    """A percentage at four decimals, half up, without trailing zeros."""
    exact = Decimal(share.numerator * 100) / Decimal(share.denominator)
    return f"{exact.quantize(Decimal('0.0001'), ROUND_HALF_UP).normalize():f}"


def _extended_share(found: Findings) -> str | None:
    counts = found.counts()
    return str(Fraction(counts["extended_met"], counts["extended_of"])) if counts["extended_of"] else None


def _per_agency(found: Findings) -> dict[str, int]:
    letters = found.last(DossierForwardedToCouncil).letters
    return {agency(lead).name: len(letter["criteria"]) for lead, letter in letters.items()}


def _count(key: str) -> Callable[[Findings], Any]:
    return lambda found: found.counts()[key]


def _commune(key: str) -> Callable[[Findings], Any]:
    return lambda found: found.communes()[key]


def _support(key: str) -> Callable[[Findings], Any]:
    return lambda found: found.support[key]


_COMPUTED: dict[str, Callable[[Findings], Any]] = {
    **{key: _count(key) for key in ("mandatory_met", "mandatory_of", "extended_met", "extended_of", "extended_needed")},
    "rule_holds": _count("holds"),
    "extended_share": _extended_share,
    **{key: _commune(key) for key in ("communes", "recognised", "recognised_needed", "advanced_needed")},
    "of_these_advanced": _commune("advanced"),
    "recognised_share": lambda found: str(found.share("recognised")),
    "recognised_percent": lambda found: _percent(found.share("recognised")),
    "advanced_share": lambda found: str(found.share("advanced")),
    "advanced_percent": lambda found: _percent(found.share("advanced")),
    "met": Findings.communes_met,
    "complete_on": lambda found: found.last(DossierReceived).on.isoformat(),
    "due": lambda found: found.last(DossierReceived).due_on.isoformat(),
    "forwarded": lambda found: found.last(DossierForwardedToCouncil).on.isoformat(),
    "days_late": lambda found: found.last(DossierForwardedToCouncil).days_late,
    "criteria_per_agency": _per_agency,
    "total": lambda found: sum(_per_agency(found).values()),
    **{key: _support(key) for key in ("eligible", "tier", "since", "earlier", "later", "amount")},
    "says": lambda found: "; ".join(found.support["says"]["en"]),
    "reason": lambda found: found.support["reason"]["code"],
    "attempt": lambda found: found.dossier.attempt,
    "number": lambda found: found.dossier.number,
    "missing": lambda found: found.details["criteria"],
}
