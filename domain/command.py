"""A command as it reaches the domain: read, checked for its form and typed; nothing has been decided yet."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from msgspec import Struct

from domain.shapes import BodyId, CommandId, Day, LevelName, Shape, Year
from domain.values import Actor


class UnitReference(Struct, frozen=True):
    """The dossier of a unit, level and year: the latest attempt, or the one to be opened."""

    unit: BodyId
    level: LevelName
    year: Year


DossierReference: TypeAlias = Annotated[
    Annotated[str, Shape(min_length=1, max_length=100)] | UnitReference,
    Shape(
        "DossierReference",
        "A dossier by its id, by its number (04630-CB-2024-1), or by unit, level and year (the latest attempt).",
    ),
]


class Command(Struct, frozen=True, kw_only=True):
    """What every command says. `schemas.command_parser` makes each from JSON, as a type of `domain.command_types`.

    `on` is the day of the fact. `digest` (32 bytes) is the same for two commands exactly when everything but their
    `command_id` is. A field that a command may leave out is None where it was not given.
    """

    command_id: CommandId
    dossier: DossierReference
    on: Day
    actor: Actor
    digest: bytes

    @property
    def name(self) -> str:
        """The command's name, for example "VerifyCriterion"."""
        return type(self).__name__

    @property
    def data(self) -> dict[str, Any]:
        """The fields that this type of command adds, by name."""
        return {field: getattr(self, field) for field in self.__struct_fields__ if field not in _ENVELOPE}


_ENVELOPE = frozenset(Command.__struct_fields__)
