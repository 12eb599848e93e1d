"""The rule and the real committer against the adversaries, on a file that several processes share."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from infra.log.append_requests import BatchView, RequestCheck
from infra.log.sqlite.index import EmbeddedIndex
from infra.log.sqlite.tape import SQLiteTape
from tests.infra.log.machine import SETTINGS
from tests.infra.log.sqlite.machine import AdversaryOnSQLite, MachineOnSQLite

TestMachine = MachineOnSQLite.TestCase
TestMachine.settings = SETTINGS
TestAdversary = AdversaryOnSQLite.TestCase
TestAdversary.settings = SETTINGS


def _compares_nothing(tape: Any) -> int:
    """The end is whatever was read: a record is inserted behind what nobody has looked at."""
    (last,) = tape._connection.execute("SELECT MAX(record_offset) FROM records").fetchone()
    tape._read_to = 0 if last is None else last + 1
    return int(tape._read_to)


def _leaves_nothing_out(index: Any) -> int:
    """Whatever others have written is written again."""
    del index
    return 0


@pytest.mark.parametrize(
    ("where", "name", "instead"),
    [
        pytest.param(SQLiteTape, "_end", _compares_nothing, id="appends without comparing"),
        pytest.param(EmbeddedIndex, "_present", _leaves_nothing_out, id="writes again what others have written"),
        pytest.param(BatchView, "check_versions", lambda _self, _appends: RequestCheck.VALID, id="takes any version"),
        pytest.param(BatchView, "is_free", lambda _self, _append: True, id="handles a command twice"),
    ],
)
def test_finds_what_is_broken(where: object, name: str, instead: object) -> None:
    """The adversary is worth something: it finds each of these."""
    quick = settings(SETTINGS, max_examples=400, database=None, report_multiple_bugs=False, phases=[Phase.generate])
    with patch.object(where, name, instead), pytest.raises(BaseException, match=r"(?s).*") as found:
        run_state_machine_as_test(MachineOnSQLite, settings=quick)
    # The fault was found by what it does to the log, not by the test's own mistakes.
    assert not isinstance(found.value, (AttributeError, NameError, TypeError))
