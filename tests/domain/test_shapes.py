"""A stated percentage is kept with a point, however it was written."""

from __future__ import annotations

from decimal import Decimal

import pytest

from domain.shapes import DecimalText


@pytest.mark.parametrize(("written", "kept"), [("81,82", "81.82"), ("81.82", "81.82"), ("100", "100")])
def test_a_comma_becomes_the_point(written: str, kept: str) -> None:
    assert DecimalText(written) == kept
    assert Decimal(DecimalText(written)) == Decimal(kept)
