"""A command as it comes in: read strictly, and the unit that it belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from domain.catalogue import Level
from domain.commands import Command, UnitReference
from domain.errors import InvalidInput
from domain.identity import COUNCIL_ID, COUNCIL_UNIT, DossierKey, parse_number
from domain.units import Units
from schemas.command_errors import MalformedCommand
from schemas.command_parser import read_command


@dataclass(frozen=True, slots=True)
class MalformedMessage:
    """Input that is no command: its error, and its command id where that could be read."""

    command_id: str | None
    error: InvalidInput


def parse_message(line: bytes) -> Command | MalformedMessage:
    """The command on a line of JSON, or what is wrong with it."""
    try:
        return read_command(line)
    except MalformedCommand as error:
        return MalformedMessage(error.command_id, error)


def dossier_id(reference: str) -> UUID:
    """The id that an id or a number names. Raises MalformedDossierReference."""
    if reference == COUNCIL_UNIT:
        return COUNCIL_ID
    try:
        return UUID(reference)
    except ValueError:
        return parse_number(reference).id


def routing_id(command: Command, units: Units) -> UUID:
    """The id of some dossier of the command's unit: its first 48 bits are the unit's. Raises InvalidInput."""
    if isinstance(command.dossier, UnitReference):
        unit = units.get(command.dossier.unit)
        return DossierKey(unit.id, Level(command.dossier.level), command.dossier.year, 1).id
    return dossier_id(command.dossier)
