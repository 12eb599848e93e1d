"""Policy support under Resolution 60/2022."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.catalogue import Level, UnitKind
from domain.policy.support import PERIOD, BadAmounts, NotEligible, Recognition, entitlement, parse_amounts, tier

NO_AMOUNT = "no amount is configured; the guidance states none"


def recognised(level: Level, day: str, number: str = "1234/QĐ-UBND") -> Recognition:
    """A commune's decision of that day."""
    return Recognition(UnitKind.COMMUNE, level, number, date.fromisoformat(day), "04630-CB-2024-1")


def test_the_tier_matches_the_level() -> None:
    """I.1: theo các mức độ tương ứng."""
    assert [tier(level) for level in Level] == ["basic", "advanced"]


def test_a_unit_recognised_as_advanced_has_that_tier_from_its_decision_on() -> None:
    """Basic before it is not asked for (reading 13)."""
    found = entitlement([recognised(Level.ADVANCED, "2024-08-15")])
    assert (found.eligible, found.tier, found.since) == (True, "advanced", date(2024, 8, 15))
    assert found.earlier == found.later == ()
    assert found.reason is None


def test_both_tiers_of_a_unit_that_became_advanced_after_basic_are_listed() -> None:
    """And the report says that Resolution 60 decides whether both are due (reading 12)."""
    found = entitlement([recognised(Level.BASIC, "2024-08-15"), recognised(Level.ADVANCED, "2025-09-01")])
    assert (found.tier, found.since) == ("advanced", date(2025, 9, 1))
    assert [(held.tier, held.since) for held in found.earlier] == [("basic", date(2024, 8, 15))]
    assert any("60/2022/NQ-HĐND" in sentence for sentence in found.says("en"))
    assert any("60/2022/NQ-HĐND" in sentence for sentence in found.says("vi"))


def test_basic_after_advanced_changes_no_tier() -> None:
    """It is listed as later, not as earlier."""
    found = entitlement([recognised(Level.ADVANCED, "2024-08-15"), recognised(Level.BASIC, "2025-09-01")])
    assert (found.tier, found.since, found.earlier) == ("advanced", date(2024, 8, 15), ())
    assert [held.tier for held in found.later] == ["basic"]


def test_the_first_decision_of_a_level_gives_its_day() -> None:
    """Recognised again a year later, the unit has had the tier all along."""
    found = entitlement([recognised(Level.BASIC, "2025-03-01"), recognised(Level.BASIC, "2024-08-15")])
    assert found.since == date(2024, 8, 15)
    assert len(found.held) == 1


def test_a_unit_that_was_never_recognised_is_not_eligible() -> None:
    """The reason is said in both languages."""
    found = entitlement([])
    assert (found.eligible, found.tier, found.since, found.amount) == (False, None, None, None)
    assert found.reason is NotEligible.NEVER_RECOGNISED
    assert found.says("vi") == ("đơn vị chưa có quyết định công nhận còn hiệu lực",)


@pytest.mark.parametrize(
    ("day", "eligible"),
    [
        ("2022-12-31", False),
        ("2023-01-01", True),
        ("2024-08-15", True),
        ("2025-12-31", True),
        ("2026-01-01", False),
    ],
)
def test_the_day_of_the_decision_decides_the_period(day: str, eligible: bool) -> None:
    """2023-2025, both ends included (reading 12)."""
    found = entitlement([recognised(Level.BASIC, day)])
    assert found.eligible is eligible
    assert found.reason is (None if eligible else NotEligible.OUTSIDE_PERIOD)
    assert len(found.outside_period) == (not eligible)


def test_a_decision_outside_the_period_takes_nothing_away() -> None:
    """Basic of 2025 stays; advanced of 2026 is shown and gives nothing."""
    late = recognised(Level.ADVANCED, "2026-02-01")
    found = entitlement([recognised(Level.BASIC, "2025-08-15"), late])
    assert (found.tier, found.outside_period) == ("basic", (late,))
    assert found.reason is None


@pytest.mark.parametrize("amounts", [None, {}, {"district.basic": 1, "commune.advanced": 2}])
def test_without_an_amount_the_report_says_so(amounts: dict[str, int] | None) -> None:
    """The guidance states none and neither does the project."""
    found = entitlement([recognised(Level.BASIC, "2024-08-15")], amounts)
    assert found.eligible
    assert found.amount is None
    assert found.says("en") == (NO_AMOUNT,)


def test_a_configured_amount_is_that_of_kind_and_level() -> None:
    """VND, from the settings."""
    amounts = {"commune.basic": 100_000_000, "commune.advanced": 0, "district.basic": 5}
    found = entitlement([recognised(Level.BASIC, "2024-08-15")], amounts)
    assert found.amount == 100_000_000
    assert found.says("en") == ()
    # Zero is an amount; only its absence is said.
    assert entitlement([recognised(Level.ADVANCED, "2024-08-15")], amounts).amount == 0


def test_as_json_is_what_a_report_shows() -> None:
    """Days in ISO form, sentences in both languages."""
    found = entitlement(
        [recognised(Level.BASIC, "2024-08-15", "7/QĐ-UBND"), recognised(Level.ADVANCED, "2025-09-01")],
        {"commune.basic": 3},
    ).as_json()
    assert {key: found[key] for key in ("eligible", "tier", "since", "amount", "later", "reason")} == {
        "eligible": True,
        "tier": "advanced",
        "since": "2025-09-01",
        "amount": None,
        "later": [],
        "reason": None,
    }
    assert found["earlier"] == [
        {
            "tier": "basic",
            "since": "2024-08-15",
            "decision_number": "7/QĐ-UBND",
            "dossier_id": "04630-CB-2024-1",
            "amount": 3,
        }
    ]
    says = found["says"]
    assert isinstance(says, dict)
    assert says["en"][0] == NO_AMOUNT


@given(
    st.lists(
        st.builds(
            Recognition,
            st.just(UnitKind.COMMUNE),
            st.sampled_from(Level),
            st.just("1/QĐ-UBND"),
            st.dates(date(2022, 1, 1), date(2026, 12, 31)),
        )
    )
)
def test_the_order_of_decisions_plays_no_part(recognitions: list[Recognition]) -> None:
    """Advanced wins wherever it stands; eligible means: a decision in the period."""
    found = entitlement(recognitions)
    within = [each for each in recognitions if PERIOD[0] <= each.decided_on.year <= PERIOD[1]]
    assert found.eligible is bool(within)
    assert entitlement(recognitions[::-1]).held == found.held
    if within:
        levels = {each.level for each in within}
        assert found.tier == ("advanced" if Level.ADVANCED in levels else "basic")
        assert found.since == min(each.decided_on for each in within if each.level == found.tier)


def test_amounts_come_from_the_operators_setting() -> None:
    """Keys are kind and level."""
    text = '{"commune.basic": 100000000, "district.advanced": 0}'
    assert parse_amounts(text) == {"commune.basic": 100_000_000, "district.advanced": 0}
    assert parse_amounts("{}") == {}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "not JSON"),
        ("[]", "an object is needed"),
        ('{"xa.basic": 1}', "“xa.basic”"),
        ('{"commune": 1}', "“commune”"),
        ('{"commune.basic": 1.5}', "no whole amount"),
        ('{"commune.basic": true}', "no whole amount"),
        ('{"commune.basic": -1}', "no whole amount"),
        ('{"commune.basic": "1"}', "no whole amount"),
    ],
)
def test_a_bad_setting_of_amounts_is_refused_with_what_is_wrong(text: str, problem: str) -> None:
    """A key with a typo must not become "no amount is configured"."""
    with pytest.raises(BadAmounts) as caught:
        parse_amounts(text)
    assert problem in caught.value.message("en")
    assert caught.value.message("vi").startswith("mức hỗ trợ không dùng được: ")
    assert caught.value.hint("en").endswith('{"commune.basic": 100000000}')
