"""Commands on a dossier of which a newer release wrote an event: an older one decides nothing about it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from consumers.commands.ports import DeadLetter
from domain.catalogue import Level
from schemas.avro.codec import UnknownSchema
from tests.acceptance.system import EmbeddedSystem
from tests.consumers.commands.test_handler import FIRST, SECOND, numbered, queued
from tests.support.command_builders import Draft, Drafts, council
from tests.support.newer_release import newer_release
from tests.support.units import UNITS

COMMUNE = Drafts(UNITS.get("04630"), Level.BASIC)
NEIGHBOUR = Drafts(UNITS.get("04633"), Level.BASIC)

EVENT = "DossierSubmittedToDistrictCouncil"


class NoLetters:
    """Dead letters that must not be."""

    def store(self, letters: Sequence[DeadLetter]) -> None:
        raise AssertionError(letters)


def mixed(folder: Path) -> EmbeddedSystem:
    """Two dossiers; of one of them a newer release wrote the last event, and of the other one this release could read.

    What a process wrote itself it knows without reading it: this one has written nothing.
    """
    with newer_release(EVENT), EmbeddedSystem(folder) as world:
        world.must([COMMUNE.open(), COMMUNE.assess(), COMMUNE.submit_to_district(), NEIGHBOUR.open()])
    return EmbeddedSystem(folder)


@pytest.mark.parametrize("draft", [COMMUNE.withdraw("2024-06-28"), COMMUNE.open()], ids=lambda draft: draft["command"])
def test_a_command_that_would_be_decided_on_it_is_neither_answered_nor_bound(tmp_path: Path, draft: Draft) -> None:
    """Not as refused either: the program that can read it gives the one answer to it."""
    with mixed(tmp_path) as world:
        before = world.stored()
        with pytest.raises(UnknownSchema) as caught:
            world.submit([numbered(draft)])
        assert str(caught.value.details["place"]).endswith("/3")
        assert world.stored() == before
        with newer_release(EVENT):
            (answer,) = world.submit([numbered(draft)])
        assert answer["ok"] is (draft["command"] != "OpenDossier")


def test_a_command_of_a_queue_that_would_be_decided_on_it_stays_there(tmp_path: Path) -> None:
    """It is no dead letter, and the queue counts as not handled from there on."""
    with mixed(tmp_path) as world:
        handler, log = world.application.handler, world.application.sqlite_log
        handler.process_queued(queued([NEIGHBOUR.assess()]), 0, NoLetters())
        handled, before = log.commands_offset(0), world.stored()
        for _ in range(2):
            with pytest.raises(UnknownSchema):
                handler.process_queued(queued([COMMUNE.withdraw("2024-06-28")], start=1), 0, NoLetters())
        assert (log.commands_offset(0), world.stored()) == (handled, before)


def test_commands_on_other_dossiers_are_decided(tmp_path: Path) -> None:
    with mixed(tmp_path) as world:
        (answer,) = world.submit([numbered(NEIGHBOUR.assess(), SECOND)])
        assert answer["ok"], json.dumps(answer)


def test_where_it_is_the_last_event_nothing_is_decided_behind_it(tmp_path: Path) -> None:
    """When it was recorded cannot be read, and what comes next must not be earlier."""
    with newer_release("CouncilEstablished"), EmbeddedSystem(tmp_path) as newer:
        newer.must([council("2024-06-11")])
    with EmbeddedSystem(tmp_path) as world:
        with pytest.raises(UnknownSchema):
            world.submit([numbered(COMMUNE.open(), FIRST)])
        with newer_release("CouncilEstablished"):
            world.must([numbered(COMMUNE.open(), FIRST)])
