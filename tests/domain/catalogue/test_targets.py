"""Every criterion of every kind and level: met exactly at its target, not met just below it, at each of the gates."""

from __future__ import annotations

from domain.catalogue import AnswerKind, Level, Requirement
from tests.domain.scenario import EACH_KIND, given
from tests.support.cases import for_each
from tests.support.command_builders import Drafts
from tests.support.figures import below_target
from tests.support.histories import events_of

EACH_CRITERION = [
    (Drafts(drafts.unit, level), code)
    for drafts in EACH_KIND
    for level in Level
    for code, criterion in Drafts(drafts.unit, level).criteria.items()
    if criterion.answer is not AnswerKind.COMMUNES
]


@for_each({f"{each.unit.kind}-{each.level}-{code}": (each, code) for each, code in EACH_CRITERION})
def test_just_below_its_target_a_criterion_counts_one_less(drafts: Drafts, code: str) -> None:
    """A mandatory one stops the dossier; an extended one does not while enough others are met."""
    criterion = drafts.criteria[code]
    below = Drafts(drafts.unit, drafts.level, figures={code: below_target(criterion)})
    commune = drafts.unit.parent_id is not None
    before = [below.open(), below.assess(), *([] if commune else [below.meet()])]
    sent = given(events_of(before)).when(below.submit_to_district() if commune else below.submit())
    if criterion.requirement is Requirement.MANDATORY:
        error = sent.refused("RULE_NOT_MET", not_met=[code])
        asked = error.details["mandatory_of"]
        assert isinstance(asked, int)
        assert error.details["mandatory_met"] == asked - 1
    else:
        counts = sent.new[0].counts  # type: ignore[attr-defined]
        assert counts["extended_met"] == counts["extended_of"] - 1
        assert counts["mandatory_met"] == counts["mandatory_of"]
