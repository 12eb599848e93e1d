"""The provincial council: established and changed by the Chairman's decisions (II.3, III.1)."""

from __future__ import annotations

from datetime import date

import pytest

from domain.council.aggregate import ProvincialCouncil
from domain.cross_dossier import CrossDossierFacts
from domain.errors import Refused
from domain.identity import COUNCIL_ID
from tests.domain.scenario import DEPARTMENT, given
from tests.support.command_builders import Draft, appointee, council
from tests.support.histories import history, on_council


def decided(*drafts: Draft) -> tuple[ProvincialCouncil, CrossDossierFacts]:
    """The council after decisions, and what dossiers know of it."""
    held: ProvincialCouncil | None = None
    known = CrossDossierFacts()
    for draft in drafts:
        held = on_council(held, draft)
        for event in held.collect_events():
            known.evolve(event)
    assert held is not None
    return held, known


def test_the_chairman_establishes_the_council() -> None:
    """It has a history of its own."""
    held, known = decided(council("2024-01-10"))
    assert (held.id, held.version, held.decided_on) == (COUNCIL_ID, 1, date(2024, 1, 10))
    in_force = known.council_on(date(2024, 1, 10))
    assert in_force is not None
    assert in_force.agencies == held.agencies
    assert known.council_on(date(2024, 1, 9)) is None


def test_the_standing_vice_chair_represents_the_standing_agency() -> None:
    """So Sở Thông tin và Truyền thông needs no member beside its director (II.3)."""
    held, _ = decided(council("2024-01-10", members=[appointee("so-yt")]))
    assert held.agencies == {"so-tttt", "so-yt"}


def test_a_change_is_in_force_from_its_own_day_on() -> None:
    """The composition of a past day stays what it was."""
    changed = council("2024-05-01", "ChangeCouncil", members=[appointee("so-nv")], reason="Kiện toàn")
    held, known = decided(council("2024-01-10"), changed)
    assert held.version == 2
    before, after = known.council_on(date(2024, 4, 30)), known.council_on(date(2024, 5, 1))
    assert before is not None
    assert after is not None
    assert (before.version, after.version) == (1, 2)
    assert after.agencies == {"so-tttt", "so-nv"}


def test_a_change_is_not_dated_before_the_decision_that_it_changes() -> None:
    """The Chairman decides one after the other."""
    with pytest.raises(Refused) as caught:
        decided(council("2024-01-10"), council("2024-01-09", "ChangeCouncil"))
    assert caught.value.code == "DATE_BEFORE_STEP"


def test_only_the_chairman_appoints_the_council() -> None:
    """A decision of the Chairman (II.3)."""
    draft = council("2024-01-10")
    draft["actor"] |= {"role": "standing_agency", "agency": "so-tttt"}
    with pytest.raises(Refused) as caught:
        decided(draft)
    assert caught.value.code == "WRONG_ACTOR"


def test_a_dossier_is_forwarded_to_the_council_in_force_on_that_day() -> None:
    """And its fact names the decision that appointed it."""
    _, known = decided(council("2024-07-11"))
    received = given(history(DEPARTMENT, "received"), cross_dossier=known)
    received.when(DEPARTMENT.forward("2024-07-10")).refused("NO_COUNCIL")
    later = received.when(DEPARTMENT.forward("2024-07-11"))
    later.then("DossierForwardedToCouncil", council_decision="1/QĐ-UBND", council_version=1)
