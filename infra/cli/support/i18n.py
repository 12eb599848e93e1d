"""English and Vietnamese beside each other: help is written in English and looked up by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, cast

from domain.i18n import Language, text

LANGUAGES: Final = ("en", "vi")
LANGUAGE_VARIABLE: Final = "DOSSIER_LANG"
_PARAGRAPH: Final = "\n\n"


def say(english: str) -> str:
    """The same text, marked for the catalogues paragraph by paragraph: `translated` looks it up in a run's language."""
    return english


def translated(english: str | None, language: Language) -> str | None:
    """A text that was said, in a language; a paragraph that was not said stays as it is."""
    if english is None or language == "en":
        return english
    return _PARAGRAPH.join(text(paragraph, language) for paragraph in english.split(_PARAGRAPH) if paragraph)


def clause_text(clause: str, language: Language) -> str:
    """A clause as the language writes it: the guidance's numbers stay, our readings and the forms are named."""
    if language == "en":
        return clause
    return clause.replace("reading", text("reading", language)).replace("form", text("form", language))


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
