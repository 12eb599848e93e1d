"""Every fact has a name that an official knows."""

from __future__ import annotations

from unicodedata import is_normalized

from domain.procedure import EVENT_TYPES
from domain.titles import VIETNAMESE


def test_every_event_has_a_vietnamese_title_of_its_own() -> None:
    """No type is forgotten, and no two are called the same."""
    assert VIETNAMESE.keys() == EVENT_TYPES.keys()
    assert len(set(VIETNAMESE.values())) == len(VIETNAMESE)
    assert all(is_normalized("NFC", title) for title in VIETNAMESE.values())
