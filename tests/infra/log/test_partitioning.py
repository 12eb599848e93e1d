from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.identity import COUNCIL_ID, unit_uuid
from infra.log.partitioning import partition_of

partitions = st.integers(1, 64)


@given(st.text(min_size=1, max_size=12), st.text(max_size=30), st.text(max_size=30), partitions)
def test_all_dossiers_of_a_unit_share_a_partition(unit_id: str, one: str, other: str, count: int) -> None:
    """So that they have one order, whatever level, year and attempt."""
    found = partition_of(unit_uuid(unit_id, one), count)
    assert found == partition_of(unit_uuid(unit_id, other), count)
    assert found in range(count)


@given(st.uuids(), partitions)
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
