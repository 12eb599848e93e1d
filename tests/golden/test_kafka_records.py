"""The records of version 0.1 on Kafka, which nobody signed, are strangers' to a signed log; their schema is kept."""

from __future__ import annotations

import pytest

from infra.log.acceptance import Verdict, accept, start
from infra.log.format import Place
from tests.golden.version_0_1 import APP, PARTITIONS, records
from tests.support.signing import founded, genesis_of, no_history


@pytest.mark.parametrize("partition", range(PARTITIONS))
def test_the_rule_takes_none_of_them(partition: int) -> None:
    """Neither before the genesis of a log of the same name and number of partitions, nor behind it."""
    place = Place(APP, PARTITIONS, partition)
    values = [record.value for record in records("events") if record.partition == partition]
    assert values
    before = start(place)
    behind, verdict = accept(before, 0, founded(before, genesis_of(place)), no_history)
    assert verdict is Verdict.ACCEPTED
    for state in (before, behind):
        for offset, value in enumerate(values, start=1):
            assert accept(state, offset, value, no_history) == (state, Verdict.FOREIGN)
