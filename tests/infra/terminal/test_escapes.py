"""What does not show as itself is escaped, and nothing else is."""

from __future__ import annotations

import json
import re
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.i18n import LANGUAGES, LOCALES
from infra.terminal.escapes import visible, visible_lines

HIDDEN = {
    "\x00": r"\u0000",
    "\x07": r"\u0007",
    "\n": r"\n",
    "\r": r"\r",
    "\t": r"\t",
    "\x1b": r"\u001b",
    "\x7f": r"\u007f",
    "\x85": r"\u0085",
    "\x9b": r"\u009b",
    "\xad": r"\u00ad",
    "\u061c": r"\u061c",
    "\u200b": r"\u200b",
    "\u200d": r"\u200d",
    "\u200e": r"\u200e",
    "\u2028": r"\u2028",
    "\u2029": r"\u2029",
    "\u202e": r"\u202e",
    "\u2060": r"\u2060",
    "\u2066": r"\u2066",
    "\u2069": r"\u2069",
    "\u3164": r"\u3164",
    "\ufe0f": r"\ufe0f",
    "\ufeff": r"\ufeff",
    "\ud800": r"\ud800",
    "\U000e0041": r"\udb40\udc41",
    "\U000e0100": r"\udb40\udd00",
}


@pytest.mark.parametrize("character", HIDDEN)
def test_what_is_not_seen_becomes_visible(character: str) -> None:
    assert visible(f"Lê{character}Văn") == f"Lê{HIDDEN[character]}Văn"
    assert json.loads(f'"{visible(character)}"') == character


def test_every_character_that_shows_nothing_or_rules_the_terminal_is_escaped() -> None:
    """By their categories: controls, formats, surrogates, private and unassigned ones, separators but for spaces."""
    for number in range(sys.maxunicode + 1):
        character = chr(number)
        kind = unicodedata.category(character)
        if kind in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
            assert re.fullmatch(r"(\\[nrtbf]|(\\u[0-9a-f]{4}){1,2})", visible(character)), hex(number)
        elif kind == "Zs":
            assert visible(character) == character


def test_vietnamese_stays_as_it_is() -> None:
    """In every text of the catalogues, composed, and with its marks apart."""
    letters = "ăâđêôơưàáảãạằắẳẵặầấẩẫậèéẻẽẹềếểễệìíỉĩịòóỏõọồốổỗộờớởỡợùúủũụừứửữựỳýỷỹỵ"
    for text in (letters, letters.upper(), unicodedata.normalize("NFD", letters)):
        assert visible(text) == text
    for language in LANGUAGES:
        for path in (LOCALES / language / "LC_MESSAGES").glob("*.po"):
            text = path.read_text(encoding="utf-8")
            assert visible_lines(text) == text


@given(st.text())
def test_json_stays_json_and_decodes_to_the_same_text(text: str) -> None:
    for indent in (None, 2):
        shown = visible_lines(json.dumps({text: [text]}, ensure_ascii=False, indent=indent))
        assert json.loads(shown) == {text: [text]}


@given(st.text())
def test_an_escaped_text_stays_as_it_is(text: str) -> None:
    assert visible(visible(text)) == visible(text)
    assert visible(text).isprintable() or any(unicodedata.category(each) == "Zs" for each in text)
    assert "\n".join(map(visible, text.split("\n"))) == visible_lines(text)
