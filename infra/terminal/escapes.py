r"""Texts as they may be shown: what does not show as itself is escaped as JSON escapes it.

`\u202e` is U+202E, `\n` a line feed, and above U+FFFF there are two escapes for the two halves. In a line of JSON such
characters stand within strings alone, so an escaped line is JSON still, and decodes to the same text.
"""

from __future__ import annotations

import json
import re
from typing import Final
from unicodedata import category

_BLANK: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U00016fe4\U000e0100-\U000e01ef]"
)
"""Letters, marks and symbols that show nothing, although their categories say that they can be printed."""

_UNUSUAL: Final = re.compile("[^\x00-\u034e\u1e00-\u27ff]")
"""Beyond the letters of Vietnamese and the usual signs. Where there is none, none of _BLANK is: that is told faster."""


def visible(text: str) -> str:
    """A text in which every character shows as itself, or as an escape.

    Escaped are controls (C0, DEL, C1), format characters (bidi, zero width, soft hyphen, tags), line and paragraph
    separators, halves of surrogate pairs, private and unassigned code points, and letters that show nothing. All
    spaces stay, and so does Vietnamese, composed or not. An escaped text stays as it is.
    """
    if text.isprintable() and not (_UNUSUAL.search(text) and _BLANK.search(text)):
        return text
    return "".join(map(_shown, text))


def visible_lines(text: str) -> str:
    """The same for a text of several lines, whose newlines are its own."""
    return "\n".join(map(visible, text.split("\n")))


def _shown(character: str) -> str:
    if (character.isprintable() and not _BLANK.match(character)) or category(character) == "Zs":
        return character
    return json.dumps(character)[1:-1]
