"""English and Vietnamese beside each other: help is written in English and looked up by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import cleandoc
from typing import Final, cast

from domain.errors import Language

LANGUAGES: Final = ("en", "vi")
LANGUAGE_VARIABLE: Final = "DOSSIER_LANG"

_VIETNAMESE: dict[str, str] = {}


def say(en: str, vi: str) -> str:
    """The English text, its Vietnamese remembered for `translated`."""
    _VIETNAMESE[cleandoc(en)] = cleandoc(vi)
    return en


def translated(text: str | None, language: Language) -> str | None:
    """A text that was said before, in a language; any other text as it is."""
    return _VIETNAMESE.get(text, text) if text and language == "vi" else text


def clause_text(clause: str, language: Language) -> str:
    """A clause as the language writes it: the guidance's numbers stay, our readings and the forms are named."""
    if language == "en":
        return clause
    return clause.replace("reading", "cách hiểu").replace("form", "Biểu")


def chosen_language(arguments: Sequence[str], environment: Mapping[str, str]) -> Language | None:
    """The language that arguments ask for, wherever it stands among them, or else the environment."""
    found = environment.get(LANGUAGE_VARIABLE)
    for place, argument in enumerate(arguments):
        if argument.startswith("--lang="):
            found = argument.removeprefix("--lang=")
        elif argument == "--lang" and place + 1 < len(arguments):
            found = arguments[place + 1]
    return cast(Language, found) if found in LANGUAGES else None
