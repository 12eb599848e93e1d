"""Much work: whole ways of communes' dossiers, from the opening to the announcement, as lines and as events."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path
from uuid import UUID

from eventsourcing.persistence import Notification

from domain.catalogue import Level, UnitKind
from domain.units import Units
from infra.bootstrap import Application
from infra.settings import load
from schemas.command_parser import read_command
from tests.support.command_builders import Drafts, council
from tests.support.histories import commands_up_to

_BATCH = 1000
_LAST = "announced"


def lines(dossiers: int) -> Iterator[str]:
    """JSON Lines: the council, then `dossiers` whole ways, commune by commune and year by year."""
    communes = Units.load().of_kind(UnitKind.COMMUNE)
    ways = (
        commands_up_to(Drafts(communes[number % len(communes)], Level.BASIC, 2022 + number // len(communes) % 4), _LAST)
        for number in range(dossiers)
    )
    for number, draft in enumerate(chain([council("2022-01-05")], chain.from_iterable(ways)), start=1):
        # Spread like random ids, and the same in every run.
        command_id = UUID(int=number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128, version=4)
        yield json.dumps({"command_id": str(command_id), **draft}, ensure_ascii=False)


def application(folder: Path) -> Application:
    """A new embedded installation in a folder."""
    return Application(load({"DOSSIER_LOG": f"sqlite:///{folder}/log.sqlite"}), create=True)


@cache
def events(folder: Path, dossiers: int) -> tuple[Notification, ...]:
    """The events of that work, as the log keeps them."""
    with application(folder) as made:
        batch = [read_command(line) for line in lines(dossiers)]
        for start in range(0, len(batch), _BATCH):
            answers = made.handler.handle(batch[start : start + _BATCH])
            assert all(answer.outcome == "accepted" for answer in answers), answers
        return tuple(made.log.read(0, 0, 10**9))
