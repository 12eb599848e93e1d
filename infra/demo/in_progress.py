"""Dossiers that are still under way when the simulation ends, one way for each place where they can wait."""

from __future__ import annotations

from datetime import timedelta

from domain.catalogue import UnitKind
from infra.demo import application, appraisal
from infra.demo.days import LAST_DAY
from infra.demo.scenarios import Scenario, Stage, preparation, to_province
from infra.demo.story import Story


def _verify_some(story: Story) -> None:
    appraisal.verify(story, share=0.5)


_AT_PROVINCE: list[Stage] = [
    appraisal.receive,
    appraisal.forward,
    _verify_some,
    appraisal.verify,
    appraisal.sum_up,
    appraisal.council_meets,
    appraisal.propose,
]
_BEFORE_PROVINCE = {UnitKind.COMMUNE: 5, UnitKind.DISTRICT: 4, UnitKind.DEPARTMENT: 4}


def stages_of(kind: UnitKind) -> int:
    """How many stages the way of a kind of unit has, up to the proposal."""
    return _BEFORE_PROVINCE[kind] + len(_AT_PROVINCE)


def left_after(stages: int) -> Scenario:
    """A dossier that is left after so many stages, shortly before the simulation ends."""

    def scenario(story: Story) -> Story:
        told_so_far = [*preparation(story), *_AT_PROVINCE][:stages]
        for stage in told_so_far[:-1]:
            stage(story)
        # The last stage comes within the fortnight before the end, whatever the pace was.
        story.wait_until(LAST_DAY - timedelta(days=story.rng.randint(5, 14)))
        told_so_far[-1](story)
        return story

    return scenario


def overdue(story: Story) -> Story:
    """Received, and not forwarded when the fifteen days are over."""
    to_province(story)
    story.wait_until(LAST_DAY - timedelta(days=story.rng.randint(24, 32)))
    appraisal.receive(story)
    return story


def returned(story: Story) -> Story:
    """Returned by the standing agency and not yet completed."""
    to_province(story)
    story.wait_until(LAST_DAY - timedelta(days=story.rng.randint(7, 20)))
    appraisal.return_by_agency(story)
    return story


def returned_by_district(story: Story) -> Story:
    """Returned by the district council and not yet completed."""
    application.open_dossier(story)
    application.assess(story)
    application.submit_to_district(story)
    application.return_by_district(story)
    return story
