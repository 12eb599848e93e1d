"""Texts are found by their English, by the keys of errors, and filled in each language."""

from __future__ import annotations

import pytest

from domain.i18n import Text, by_key, joined, pair, text
from domain.procedure import EVENT_TYPES


def test_english_is_its_own_key() -> None:
    """A text that no catalogue has is shown in English."""
    assert text("DossierOpened", "en") == "DossierOpened"
    assert text("DossierOpened", "vi") == "Mở hồ sơ"
    assert text("in no catalogue", "vi") == "in no catalogue"


def test_values_fill_a_text_in_its_language() -> None:
    """A value that is itself a text is put in in the same language; another is put in as it is."""
    assert pair("{event}, {count}", event=pair("DossierOpened"), count=3) == ("DossierOpened, 3", "Mở hồ sơ, 3")
    assert text("{event}", "vi", event=pair("DossierReceived")) == "Tiếp nhận đủ hồ sơ"


def test_a_text_without_values_keeps_its_braces() -> None:
    """What is not filled is not read as a template."""
    assert text("{name}", "vi") == "{name}"


@pytest.mark.parametrize("language", ["en", "vi"])
def test_a_missing_value_is_a_fault(language: str) -> None:
    """A text is never shown half filled."""
    with pytest.raises(KeyError, match="count"):
        text("{event}, {count}", "vi" if language == "vi" else "en", event="x")


def test_texts_are_joined_language_by_language() -> None:
    """A list of texts is one text."""
    assert joined([Text("a", "á"), Text("b", "bê")]) == ("a, b", "á, bê")
    assert joined([], "; ") == ("", "")


def test_a_text_becomes_details() -> None:
    """The details of an error hold a text under a key for each language."""
    assert Text("a", "á").details("part") == {"part_en": "a", "part_vi": "á"}


def test_a_key_that_no_catalogue_has_gives_nothing() -> None:
    """The caller decides what is shown then."""
    assert by_key("error.NEVER", "en") is None


def test_every_event_has_a_vietnamese_name_of_its_own() -> None:
    """No two facts are called the same."""
    names = [text(event, "vi") for event in EVENT_TYPES]
    assert len(set(names)) == len(names)
    assert not set(names) & EVENT_TYPES.keys()
