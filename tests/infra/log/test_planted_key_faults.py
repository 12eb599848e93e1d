"""The adversary is worth something: faults planted into the rule of keys and voids, one at a time, each found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from infra.log import acceptance, index_head, partition_reading
from infra.log.acceptance import ActiveKeys, ChainState, History, VoidRange
from infra.log.control_records import KeyStatement, Orphan, Roots, Signatures, StatementKind, Void, is_signed_by_enough
from infra.log.format import decode_body
from infra.log.keys import is_signed
from infra.log.partition import Partition
from infra.log.usable import Stop
from tests.infra.log.adversary import Adversary
from tests.infra.log.machine import SETTINGS

_RUNS = 40
_stated, _voided = acceptance._stated, acceptance._voided


def _one_root_is_enough(roots: Roots, signatures: Signatures, message: bytes) -> bool:
    return any(
        found.root < len(roots.keys) and is_signed(roots.keys[found.root], found.signature, message)
        for found in signatures
    )


def _retires_nobody(keys: ActiveKeys, statement: KeyStatement) -> ActiveKeys:
    after = _stated(keys, statement)
    return after._replace(writers=keys.writers) if statement.kind is StatementKind.RETIRE_WRITER else after


def _takes_any_number(keys: ActiveKeys, statement: KeyStatement) -> ActiveKeys:
    return _stated(keys._replace(statements=statement.number - 1), statement)


def _does_not_look_at_the_head(state: ChainState, keys: ActiveKeys, void: Void, history: History) -> ChainState:
    after = _voided(state._replace(head=void.head), keys, void, history)
    return after._replace(head=state.head)


def _takes_a_void_of_one_root(state: ChainState, keys: ActiveKeys, void: Void, history: History) -> ChainState:
    return _voided(state, keys._replace(roots=keys.roots._replace(threshold=1)), void, history)


def _voids_up_to_its_first_record(state: ChainState, keys: ActiveKeys, void: Void, history: History) -> ChainState:
    after = _voided(state, keys, void, history)
    return after._replace(voids=tuple(found._replace(last=found.first) for found in after.voids))


def _dismisses_nothing(state: ChainState, _orphans: tuple[Orphan, ...]) -> ChainState:
    return state


def _keeps_what_was_applied(_self: Partition, _void: VoidRange, *, before: int | None = None) -> None:
    del before


def _looks_on_for_nothing(_self: Stop, _record: object) -> None:
    return None


def _reads_any_count(header: Any, value: bytes, _handled: object) -> Any:
    del header
    return decode_body(value)


def _keeps_the_first_keys(connection: Any, keys: ActiveKeys) -> None:
    if not keys.statements:
        _write_keys(connection, keys)


_write_keys = index_head._write_keys


@pytest.mark.parametrize(
    ("where", "name", "instead"),
    [
        pytest.param(acceptance, "is_signed_by", lambda *_: True, id="verifies no signature"),
        pytest.param(acceptance, "is_signed_by_enough", _one_root_is_enough, id="one root is enough"),
        pytest.param(acceptance, "_stated", _retires_nobody, id="retires nobody"),
        pytest.param(acceptance, "_stated", _takes_any_number, id="statements out of order"),
        pytest.param(acceptance, "_voided", _does_not_look_at_the_head, id="a void on any head"),
        pytest.param(acceptance, "_voided", _takes_a_void_of_one_root, id="a void of one root"),
        pytest.param(acceptance, "_voided", _voids_up_to_its_first_record, id="a void of one record"),
        pytest.param(acceptance, "_dismissed", _dismisses_nothing, id="dismisses nothing"),
        pytest.param(Partition, "_check_applied", _keeps_what_was_applied, id="keeps what was applied"),
        pytest.param(Partition, "check_writer", lambda *_: None, id="signs with a retired key"),
        pytest.param(Stop, "take", _looks_on_for_nothing, id="looks on for nothing"),
        pytest.param(partition_reading, "usable_body", _reads_any_count, id="takes any count, format and offset"),
        pytest.param(index_head, "_write_keys", _keeps_the_first_keys, id="an index with old keys"),
    ],
)
def test_a_planted_fault_is_found(where: object, name: str, instead: Callable[..., object]) -> None:
    with patch.object(where, name, instead), pytest.raises(BaseException, match=r"(?s).*") as found:
        _search(_RUNS)
    # It was found by what it does to the log, not by the test's own mistakes.
    assert not isinstance(found.value, (AttributeError, NameError, TypeError))


def test_nothing_is_found_where_nothing_was_planted() -> None:
    """What finds them is the fault."""
    with patch.object(acceptance, "is_signed_by_enough", wraps=is_signed_by_enough) as asked:
        _search(2)
    assert asked.called


def _search(runs: int) -> None:
    """Several short runs, with little in common: a long one comes back to its own examples too often."""
    few = settings(SETTINGS, max_examples=10, database=None, report_multiple_bugs=False, phases=[Phase.generate])
    for number in range(runs):
        run_state_machine_as_test(seed(number)(type("Seeded", (Adversary,), {})), settings=few)
