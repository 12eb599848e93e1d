"""English and Vietnamese beside each other: help is written in English and looked up by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, cast

from domain.i18n import Language, text

LANGUAGES: Final = ("en", "vi")
LANGUAGE_VARIABLE: Final = "DOSSIER_LANG"
_PARAGRAPH: Final = "\n\n"

_VIETNAMESE: dict[str, str] = {}


def say(en: str, vi: str) -> str:
    """The English text, its Vietnamese remembered for `translated`, paragraph by paragraph."""
    _VIETNAMESE.update(zip(en.split(_PARAGRAPH), vi.split(_PARAGRAPH), strict=True))
    return en


def translated(text: str | None, language: Language) -> str | None:
    """A text that was said before, in a language; a paragraph that was not said as it is."""
    if text is None or language == "en":
        return text
    return _PARAGRAPH.join(_VIETNAMESE.get(paragraph, paragraph) for paragraph in text.split(_PARAGRAPH))


def clause_text(clause: str, language: Language) -> str:
    """A clause as the language writes it: the guidance's numbers stay, our readings and the forms are named."""
    if language == "en":
        return clause
    return clause.replace("reading", "cách hiểu").replace("form", "Biểu")


def event_text(event: str, language: Language) -> str:
    """A fact by its name, in Vietnamese by what officials call it."""
    return text(event, language)


def chosen_language(arguments: Sequence[str], environment: Mapping[str, str]) -> Language | None:
    """The language that arguments ask for, wherever it stands among them, or else the environment."""
    found = environment.get(LANGUAGE_VARIABLE)
    for place, argument in enumerate(arguments):
        if argument.startswith("--lang="):
            found = argument.removeprefix("--lang=")
        elif argument == "--lang" and place + 1 < len(arguments):
            found = arguments[place + 1]
    return cast(Language, found) if found in LANGUAGES else None
