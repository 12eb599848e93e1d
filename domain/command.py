"""A command as it reaches the domain: read, checked for its form and typed; nothing has been decided yet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from domain.values import Actor


@dataclass(frozen=True, slots=True)
class UnitReference:
    """A dossier by unit, level ("basic" or "advanced") and year: the latest attempt, or the one to be opened."""

    unit: str
    level: str
    year: int


@dataclass(frozen=True, slots=True)
class Command:
    """One command. `schemas.command_parser` makes it from JSON.

    `dossier` is an id, a number such as "04630-CB-2024-1", "council", or a UnitReference. `on` is the day of the fact.
    Days inside `data` are `datetime.date`; an optional key that was not given is absent or None. `digest` (32 bytes)
    is the same for two commands exactly when everything but their `command_id` is.
    """

    name: str
    command_id: str
    dossier: str | UnitReference
    on: date
    actor: Actor
    data: dict[str, Any]
    digest: bytes
