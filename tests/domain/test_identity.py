"""The identity of a dossier: RFC 9562 UUIDv8 from unit, level, year and attempt, and the number read aloud."""

from __future__ import annotations

from hashlib import sha256
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.catalogue import Level
from domain.identity import COUNCIL_ID, DossierKey, MalformedDossierReference, parse_number, partition_of, unit_uuid
from tests.support.units import UNITS

NAMES = st.builds(
    DossierKey,
    st.sampled_from([unit.id for unit in UNITS]),
    st.sampled_from(Level),
    st.integers(2000, 2100),
    st.integers(1, 9999),
)
PARTITIONS = st.integers(1, 64)


@given(NAMES)
def test_the_id_is_a_uuid_of_version_8_that_begins_with_its_unit(name: DossierKey) -> None:
    """Its first 48 bits are those of SHA-256 of the unit's id."""
    assert name.id.version == 8
    assert name.id.variant == RFC_4122
    assert name.id.bytes[:6] == sha256(name.unit_id.encode()).digest()[:6]


@given(NAMES, NAMES)
def test_different_dossiers_have_different_ids(one: DossierKey, other: DossierKey) -> None:
    """The same name always has the same id."""
    assert (one.id == other.id) == (one == other)


@given(NAMES)
def test_the_number_names_the_same_dossier_in_either_case(name: DossierKey) -> None:
    """Accepted wherever an id is."""
    assert parse_number(name.number) == name
    assert parse_number(name.number.lower()).id == name.id


def test_the_number_can_be_read_aloud() -> None:
    """Unit, level, year, attempt."""
    assert DossierKey("04630", Level.BASIC, 2024, 1).number == "04630-CB-2024-1"
    assert DossierKey("so-tttt", Level.ADVANCED, 2025, 12).number == "SO-TTTT-NC-2025-12"


def test_the_next_attempt_stays_with_the_unit() -> None:
    """All dossiers of a unit share one order."""
    first = DossierKey("04630", Level.BASIC, 2024, 1)
    assert first.next_attempt() == DossierKey("04630", Level.BASIC, 2024, 2)
    assert first.next_attempt().id.bytes[:6] == first.id.bytes[:6]


def test_the_units_of_the_province_do_not_share_their_first_48_bits() -> None:
    """So a command id that is scoped to a unit is scoped to it alone."""
    prefixes = {DossierKey(unit.id, Level.BASIC, 2024, 1).id.bytes[:6] for unit in UNITS} | {COUNCIL_ID.bytes[:6]}
    assert len(prefixes) == len(UNITS) + 1


@pytest.mark.parametrize(
    "text", ["", "04630", "04630-XX-2024-1", "04630-CB-24-1", "04630-CB-2024-0", "04630-CB-2024-1 "]
)
def test_what_is_no_number_is_refused(text: str) -> None:
    """With an example of one."""
    with pytest.raises(MalformedDossierReference) as caught:
        parse_number(text)
    assert "04630-CB-2024-1" in caught.value.hint()


@given(st.text(min_size=1, max_size=12), st.text(max_size=30), st.text(max_size=30), PARTITIONS)
def test_all_dossiers_of_a_unit_share_a_partition(unit_id: str, one: str, other: str, count: int) -> None:
    """So that they have one order, whatever level, year and attempt."""
    found = partition_of(unit_uuid(unit_id, one), count)
    assert found == partition_of(unit_uuid(unit_id, other), count)
    assert found in range(count)


@given(st.uuids(), PARTITIONS)
def test_an_id_is_the_same_as_text(dossier_id: UUID, count: int) -> None:
    """With hyphens, or as the index keeps it."""
    expected = partition_of(dossier_id, count)
    assert partition_of(str(dossier_id), count) == partition_of(dossier_id.hex, count) == expected


@pytest.mark.parametrize(
    ("dossier_id", "expected"),
    [(unit_uuid("04630", "04630/basic/2024/1"), 1), (unit_uuid("135", "135/basic/2024/1"), 2), (COUNCIL_ID, 3)],
)
def test_a_dossier_stays_where_it_is_for_ever(dossier_id: UUID, expected: int) -> None:
    """Its events are there: another partition in another release would be another dossier."""
    assert partition_of(dossier_id, 4) == expected
