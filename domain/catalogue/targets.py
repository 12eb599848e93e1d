"""Typed targets: when a figure meets what Biểu 04 asks for. Integers only, so 79.99 % never meets 80.

`met` is total: a figure of another form, or a ratio over zero, does not meet. `domain.catalogue.answers.check` is what
refuses such figures by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from domain.catalogue.answer_types import CommuneFigures, Figure


def percent_of(percent: int, whole: int) -> int:
    """The smallest whole number that is at least `percent` % of `whole`: 30 % of 14 is 4.2, so 5."""
    return -(-percent * whole // 100)


@dataclass(frozen=True, slots=True)
class RatioTarget:
    """a/b is at least `percent` %."""

    percent: int

    def met(self, figure: Figure) -> bool:
        a, b = figure.get("a"), figure.get("b")
        return a is not None and b is not None and b > 0 and 100 * a >= self.percent * b


@dataclass(frozen=True, slots=True)
class YesNoTarget:
    """The answer is yes, whatever words the column prints for it (reading 2)."""

    def met(self, figure: Figure) -> bool:
        return figure.get("answer") is True


@dataclass(frozen=True, slots=True)
class CountTarget:
    """At least `minimum` things (reading 8)."""

    minimum: int

    def met(self, figure: Figure) -> bool:
        count = figure.get("count")
        return count is not None and count >= self.minimum


@dataclass(frozen=True, slots=True)
class CommunesTarget:
    """District I.1: shares of the district's communes, recognised at either level, and of these advanced.

    `advanced_percent` is None where the level does not ask for advanced communes.
    """

    recognised_percent: int
    advanced_percent: int | None

    def needed(self, communes: int) -> tuple[int, int | None]:
        """How many of `communes` must be recognised, and how many as advanced (None: not asked)."""
        advanced = None if self.advanced_percent is None else percent_of(self.advanced_percent, communes)
        return percent_of(self.recognised_percent, communes), advanced

    def met_by(self, figures: CommuneFigures) -> bool:
        """Whether these communes are enough. A district without communes has nothing to count: not met."""
        recognised, advanced = self.needed(figures["communes"])
        return (
            figures["communes"] > 0
            and figures["recognised"] >= recognised
            and (advanced is None or figures["advanced"] >= advanced)
        )

    def met(self, figure: Figure) -> bool:
        communes = figure.get("communes")
        return communes is not None and self.met_by(communes)


Target = RatioTarget | YesNoTarget | CountTarget | CommunesTarget
