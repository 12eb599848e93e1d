"""The public decisions as a feed: begin anywhere, read on, replay a part."""

from __future__ import annotations

from pathlib import Path

import pytest

from consumers.feed import DecisionFeed, FeedEntry, InvalidStart
from infra.views.sqlite import SQLiteViews
from tests.support.event_builders import DossierHistory, FakeLog
from tests.support.feeds import decisions_of
from tests.support.units import COMMUNE, DEPARTMENT, DISTRICT, UNITS


@pytest.fixture
def all_of_them(log: FakeLog, decisions: DecisionFeed) -> list[FeedEntry]:
    for unit in (COMMUNE, DISTRICT, DEPARTMENT):
        DossierHistory(log, unit).until("announce")
    return list(decisions.all_after({}))


def read(decisions: DecisionFeed, beginning: str) -> list[FeedEntry]:
    return list(decisions.all_after(decisions.cursor_at(beginning)))


def test_it_begins_where_it_was_asked_to(decisions: DecisionFeed, all_of_them: list[FeedEntry]) -> None:
    sixth = all_of_them[5]
    assert read(decisions, "beginning") == all_of_them
    assert read(decisions, "now") == []
    assert read(decisions, sixth.record["id"]) == all_of_them[6:]
    assert read(decisions, str(sixth.feed_position.position)) == all_of_them[5:]
    assert read(decisions, f"0:{sixth.feed_position.position + 1}") == all_of_them[6:]
    assert read(decisions, "2024-06-14") == all_of_them
    assert read(decisions, "2024-06-15") == []


def test_a_position_with_two_decisions_begins_with_the_first(
    decisions: DecisionFeed, all_of_them: list[FeedEntry]
) -> None:
    approved, changed = all_of_them[0], all_of_them[1]
    assert approved.feed_position.position == changed.feed_position.position
    assert read(decisions, str(approved.feed_position.position)) == all_of_them
    assert read(decisions, approved.record["id"]) == all_of_them[1:]


@pytest.mark.parametrize("beginning", ["", "soon", "2024-13-01", "9:1", "-1", "00000000-0000-0000-0000-000000000000"])
def test_a_beginning_that_is_none_is_refused(beginning: str, decisions: DecisionFeed) -> None:
    with pytest.raises(InvalidStart):
        decisions.cursor_at(beginning)


def test_a_unit_is_replayed_in_bounds(decisions: DecisionFeed, all_of_them: list[FeedEntry]) -> None:
    of_unit = [each for each in all_of_them if each.record["unit"]["id"] == DISTRICT.id]
    assert decisions.of_unit(DISTRICT.id, "beginning") == of_unit
    assert decisions.of_unit(DISTRICT.id, "2") == of_unit[1:]
    assert decisions.of_unit(DISTRICT.id, "1", last=2) == of_unit[:2]
    assert decisions.of_unit(DISTRICT.id, of_unit[0].record["id"]) == of_unit[1:]
    assert decisions.of_unit(DISTRICT.id, "2024-06-15") == []
    assert decisions.of_unit("so-nv", "1") == []


def test_partitions_are_read_apart_and_each_in_order(tmp_path: Path) -> None:
    log = FakeLog(partitions=4)
    for unit in UNITS.communes_of("140")[:10]:
        DossierHistory(log, unit).until("announce")
    with SQLiteViews(tmp_path / "p.sqlite") as views:
        decisions = decisions_of(log, views)
        found = list(decisions.all_after({}))
        assert len(found) == 30
        for partition in range(4):
            places = [each.feed_position for each in found if each.partition == partition]
            assert places == sorted(places)
        first = found[0]
        assert all(each.partition == first.partition for each in found[:3])
        only = decisions.cursor_at(f"{first.partition}:{first.feed_position.position}")
        assert set(only) == {first.partition}
