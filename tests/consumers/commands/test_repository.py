"""What is known of a partition's dossiers follows the log, with what the batch in hand has changed."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from consumers.commands.errors import LogIncomplete
from consumers.commands.repository import AGGREGATES_KEPT, Repository
from domain.catalogue import Level, UnitKind
from domain.commands import UnitReference
from domain.dossier.aggregate import Dossier
from domain.dossier.states import State
from domain.identity import COUNCIL_ID, DossierKey
from projections.engine.ports import DossierLog
from schemas.avro.codec import AvroMapper
from tests.acceptance.system import EmbeddedSystem
from tests.support.command_builders import Drafts
from tests.support.event_builders import FakeLog
from tests.support.histories import NOW, context, decided
from tests.support.units import UNITS

COMMUNE = Drafts(UNITS.get("04630"), Level.BASIC)
KEY = DossierKey("04630", Level.BASIC, 2024, 1)
REFERENCE = UnitReference("04630", Level.BASIC, 2024)


def repository_of(world: EmbeddedSystem) -> Repository:
    """The repository of the embedded log's one partition."""
    return Repository(world.application.log, world.application.mapper, 0)


def dossier_in(repository: Repository) -> Dossier:
    """The dossier of the tests."""
    found = repository.load(KEY.id)
    assert isinstance(found, Dossier)
    return found


def test_a_dossier_is_loaded_once_and_what_has_no_event_is_none(tmp_path: Path) -> None:
    with EmbeddedSystem(tmp_path) as world:
        world.must([COMMUNE.open()])
        repository = repository_of(world)
        assert dossier_in(repository) is dossier_in(repository)
        assert repository.load(COUNCIL_ID) is None
        assert repository.load(KEY.next_attempt().id) is None
        assert (repository.head, repository.recorded_at) == (1, NOW)


def test_what_others_appended_is_taken_in(tmp_path: Path) -> None:
    """Their dossiers are loaded anew, and their attempts are counted again."""
    with EmbeddedSystem(tmp_path) as world:
        repository = repository_of(world)
        assert repository.latest(REFERENCE) == (None, KEY)
        world.must([COMMUNE.open()])
        repository.read_on()
        before = dossier_in(repository)
        assert repository.latest(REFERENCE) == (before, KEY.next_attempt())
        world.must([COMMUNE.assess()])
        assert dossier_in(repository) is before
        repository.read_on()
        assert (before.state, dossier_in(repository).state) == (State.OPENED, State.SELF_ASSESSED)
        assert repository.head == 2


def test_a_dossier_that_a_command_left_half_changed_is_as_the_batch_decided_it(tmp_path: Path) -> None:
    """Also before the log has it."""
    with EmbeddedSystem(tmp_path) as world:
        world.must([COMMUNE.open()])
        repository = repository_of(world)
        dossier = decided(dossier_in(repository), COMMUNE.assess(), context())
        repository.record(dossier, dossier.collect_events())
        dossier.state = State.ANNOUNCED
        repository.reload()
        again = dossier_in(repository)
        assert (again.state, again.version) == (State.SELF_ASSESSED, 2)
        repository.appended(2)
        assert repository.head == 2


def test_the_repositories_of_all_partitions_together_keep_no_more_than_one_may() -> None:
    """However many partitions a worker has."""
    log = FakeLog(partitions=4)
    communes = UNITS.of_kind(UnitKind.COMMUNE)
    dossiers = [decided(None, Drafts(unit, Level.BASIC).open(), context()) for unit in communes]
    kept = 0
    for partition in log.partitions:
        repository = Repository(cast(DossierLog, log), AvroMapper(), partition)
        for dossier in dossiers:
            repository.record(dossier, ())
        repository.appended(0)
        kept += len(repository._aggregates)
    assert len(dossiers) > AGGREGATES_KEPT
    assert kept == AGGREGATES_KEPT


def test_a_log_that_gives_less_than_its_head_says_is_incomplete() -> None:
    log = FakeLog()
    repository = Repository(cast(DossierLog, log), AvroMapper(), 0)
    # As if an event were there that it does not give.
    vars(log)["head"] = {0: 1}.__getitem__
    with pytest.raises(LogIncomplete):
        repository.read_on()
