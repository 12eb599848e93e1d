"""Cycles are looked for as before once nobody reads a whole log any more."""

from __future__ import annotations

import gc
from contextlib import suppress

import pytest

from infra.garbage import seldom_collected

pytestmark = pytest.mark.unit


def test_collections_are_put_off_until_the_last_block_has_ended() -> None:
    """However the blocks of several threads overlap, and whether or not one fails."""
    usual = gc.get_threshold()
    first, second = seldom_collected(), seldom_collected()
    with first:
        second.__enter__()
        assert gc.get_threshold()[0] > usual[0]
    assert gc.get_threshold()[0] > usual[0]
    with suppress(ZeroDivisionError):
        second.__exit__(ZeroDivisionError, ZeroDivisionError(), None)
    assert gc.get_threshold() == usual
