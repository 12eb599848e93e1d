"""What a command reads of other units and changes for them.

A unit's own dossiers share a partition, which keeps their order. What lies beyond is little: every decision may read
the council in force, and one on a district's dossier the recognitions of its communes. Whoever hands in commands with
many under way at once keeps back those that would overtake, or be overtaken by, such a change: then the answers are the
same as if they had been handled one by one.
"""

from __future__ import annotations

from collections import Counter
from typing import Final, NamedTuple

from domain.catalogue import UnitKind
from domain.commands import Command
from domain.procedure import COUNCIL, STEPS
from domain.step import Shared
from domain.units import Unit

_COUNCIL_IN_FORCE: Final = "council"


class CommandDependencies(NamedTuple):
    """Names of what is read and of what is changed beyond the unit's own dossiers."""

    reads: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()


def dependencies_of(command: Command, unit: Unit | None) -> CommandDependencies:
    """The reach of a command on a dossier of a unit; None is the council's."""
    if unit is None or command.name in COUNCIL:
        return CommandDependencies(changes=(_COUNCIL_IN_FORCE,))
    if unit.kind is UnitKind.DISTRICT:
        return CommandDependencies(reads=(_COUNCIL_IN_FORCE, unit.id))
    if unit.kind is UnitKind.COMMUNE and Shared.RECOGNITIONS in STEPS[command.name].changes:
        return CommandDependencies(reads=(_COUNCIL_IN_FORCE,), changes=(unit.parent_id or "",))
    return CommandDependencies(reads=(_COUNCIL_IN_FORCE,))


class InFlight:
    """The reach of the commands that have no answer yet."""

    def __init__(self) -> None:
        self._reading: Counter[tuple[str, int]] = Counter()
        self._changing: Counter[tuple[str, int]] = Counter()

    def add(self, reach: CommandDependencies, partition: int) -> None:
        """A command is on its way."""
        self._reading.update((name, partition) for name in reach.reads)
        self._changing.update((name, partition) for name in reach.changes)

    def remove(self, reach: CommandDependencies, partition: int) -> None:
        """A command was answered."""
        self._reading.subtract((name, partition) for name in reach.reads)
        self._changing.subtract((name, partition) for name in reach.changes)

    def must_wait(self, reach: CommandDependencies, partition: int, partitions: range) -> bool:
        """Whether something that is under way in another partition must be answered first."""
        others = [number for number in partitions if number != partition]
        return any(self._changing[name, other] for name in reach.reads + reach.changes for other in others) or any(
            self._reading[name, other] for name in reach.changes for other in others
        )
