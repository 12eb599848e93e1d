"""What a command reads of other units and changes for them.

A unit's own dossiers share a partition, which keeps their order. What lies beyond is little: some commands read the
council in force, and some on a district's dossier the recognitions of its communes. A gateway with many commands in
flight holds back those that would overtake such a change, or be overtaken by it: then the answers are the same as if
the commands had been handled one by one.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from domain.catalogue import UnitKind
from domain.commands import Command
from domain.procedure import STEPS
from domain.step import Shared
from domain.units import Unit


class CommandDependencies(NamedTuple):
    """Names of what is read and of what is changed beyond the unit's own dossiers."""

    reads: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()


def dependencies_of(command: Command, unit: Unit | None) -> CommandDependencies:
    """What a command on a unit's dossier reads and changes, as its row of the procedure has it; None is the council's.

    Recognitions go by the name of the district: those of its communes count for its criterion I.1. A unit's own
    recognitions share its partition.
    """
    step = STEPS[command.name]
    if unit is None or Shared.COUNCIL in step.changes:
        return CommandDependencies(changes=(Shared.COUNCIL,))
    reads: tuple[str, ...] = (Shared.COUNCIL,) if Shared.COUNCIL in step.reads else ()
    if unit.kind is UnitKind.DISTRICT and Shared.RECOGNITIONS in step.reads:
        reads += (unit.id,)
    changes = unit.kind is UnitKind.COMMUNE and Shared.RECOGNITIONS in step.changes
    return CommandDependencies(reads, (unit.parent_id,) if changes and unit.parent_id else ())


class InFlight:
    """The dependencies of the commands that have no answer yet."""

    def __init__(self) -> None:
        self._reading: Counter[tuple[str, int]] = Counter()
        self._changing: Counter[tuple[str, int]] = Counter()

    def add(self, dependencies: CommandDependencies, partition: int) -> None:
        """A command is on its way."""
        self._reading.update((name, partition) for name in dependencies.reads)
        self._changing.update((name, partition) for name in dependencies.changes)

    def remove(self, dependencies: CommandDependencies, partition: int) -> None:
        """A command was answered."""
        self._reading.subtract((name, partition) for name in dependencies.reads)
        self._changing.subtract((name, partition) for name in dependencies.changes)

    def must_wait(self, dependencies: CommandDependencies, partition: int, partitions: range) -> bool:
        """Whether something in flight in another partition must be answered first."""
        others = [number for number in partitions if number != partition]
        named = dependencies.reads + dependencies.changes
        return any(self._changing[name, other] for name in named for other in others) or any(
            self._reading[name, other] for name in dependencies.changes for other in others
        )
