"""Commands are decided on the log alone: every worked case gets its answers whatever has become of the read models."""

from __future__ import annotations

import shutil
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest

from domain.context import InterpretationSettings
from projections.engine.engine import Engine
from projections.read_models import PROJECTIONS
from schemas.avro.codec import decode_event
from tests.acceptance.case_runner import CaseRunner
from tests.acceptance.cases import Case, cases
from tests.acceptance.system import Answer, EmbeddedSystem
from tests.acceptance.test_worked_cases import ALSO

UNREACHABLE = "postgresql://nobody@127.0.0.1:1/nowhere?connect_timeout=1"
GROUPS = 8


@pytest.mark.parametrize("group", range(GROUPS))
def test_every_case_is_answered_with_the_read_models_unreachable_and_with_dossiers_parked(
    group: int, tmp_path: Path
) -> None:
    """What is given is given without a store of read models, and so is the step; then once more with all parked."""
    for case in cases()[group::GROUPS]:
        folder = tmp_path / case.id
        readings = InterpretationSettings(**case.given.get("readings", {}))
        with EmbeddedSystem(folder / "unreachable", readings=readings, views=UNREACHABLE) as world:
            journey = CaseRunner(world, case)
            early = journey.prepare()
            again, given = copy(journey), world.given
            shutil.copytree(folder / "unreachable", folder / "parked")
            answers = [early] if early else journey.act()
        _check(case, answers)
        if early or not answers:
            continue
        with EmbeddedSystem(folder / "parked", readings=readings, given=given) as world:
            _park_all(world)
            again.world = world
            assert again.act() == answers, case.id


def _check(case: Case, answers: list[Answer]) -> None:
    refusal = next((answer["error"] for answer in answers if not answer["ok"]), None)
    expected = case.then["recommended"] if case.then["outcome"] == "open" else case.then["outcome"]
    assert expected == ("refused" if refusal else "accepted"), (case.id, refusal)
    if refusal:
        assert refusal["code"] in {case.then["code"], *ALSO.get(case.then["code"], ())}, (case.id, refusal)


def _park_all(world: EmbeddedSystem) -> None:
    """Every read model fails on every event that it handles, and so parks every dossier."""
    log, views = world.application.log, world.application.views
    failing = [replace(each, handlers=dict.fromkeys(each.handlers, _fails)) for each in PROJECTIONS]
    engine = Engine(views, log, decode_event, failing)
    engine.catch_up()
    with engine.reading() as snapshot:
        parked = {stale.projection for stale in snapshot.stale()}
    topics = {topic for _, _, _, topic, _ in world.stored()}
    assert parked == {each.name for each in PROJECTIONS if topics & each.handled}


def _fails(*_: object) -> NoReturn:
    raise ValueError("a fault of the read model")
