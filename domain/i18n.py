"""Texts for people, in English and Vietnamese, from the message catalogues in `domain/locales`.

A text is written in English where it is used, and that English is its key: `text("the minutes", "vi")`. Where one
English text has two translations, the key says more than the text, which the English catalogue has. Errors are keyed by
their codes, `error.<CODE>` and `error.<CODE>.hint`, in both languages. A catalogue is read when its
first text is asked for. `python -m infra.dev.catalogues` takes new texts up and compiles them.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from gettext import GNUTranslations
from pathlib import Path
from typing import Final, Literal, NamedTuple

Language = Literal["en", "vi"]

LANGUAGES: Final[tuple[Language, ...]] = ("en", "vi")
DOMAIN: Final = "dossier"
LOCALES: Final = Path(__file__).with_name("locales")


class Text(NamedTuple):
    """The same text in every language."""

    en: str
    vi: str

    def details(self, name: str) -> dict[str, str]:
        """As an error's details hold it: `<name>_en` and `<name>_vi`."""
        return {f"{name}_{language}": self.into(language) for language in LANGUAGES}

    def into(self, language: Language) -> str:
        """The text in one language."""
        return self.vi if language == "vi" else self.en


def translatable(english: str) -> str:
    """The same text, marked for the catalogues: it is looked up later, where its reader's language is known."""
    return english


def text(english: str, language: Language, **values: object) -> str:
    """A text in a language. Values fill its placeholders; a value that is a Text is put in in the same language."""
    found = _catalogue(language).gettext(english)
    if not values:
        return found
    return found.format_map(
        {name: value.into(language) if isinstance(value, Text) else value for name, value in values.items()}
    )


def pair(english: str, **values: object) -> Text:
    """A text in every language, its placeholders filled."""
    return Text(text(english, "en", **values), text(english, "vi", **values))


def joined(texts: Iterable[Text], separator: str = ", ") -> Text:
    """Several texts as one, language by language."""
    found = list(texts)
    return Text(separator.join(each.en for each in found), separator.join(each.vi for each in found))


def by_key(key: str, language: Language) -> str | None:
    """A text that has a key of its own, such as an error's; None where the catalogue has none."""
    found = _catalogue(language).gettext(key)
    return None if found == key else found


@cache
def _catalogue(language: Language) -> GNUTranslations:
    with (LOCALES / language / "LC_MESSAGES" / f"{DOMAIN}.mo").open("rb") as file:
        return GNUTranslations(file)
