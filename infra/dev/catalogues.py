"""The message catalogues: takes up the code's new texts, compiles, and checks that no text is missing or left over.

`python -m infra.dev.catalogues` rewrites `domain/locales/*/LC_MESSAGES/dossier.po` and `.mo`; a new text stands there
with an empty translation, which is a fault until somebody writes it. `--check` writes nothing. Both exit with 1 and one
line for each fault.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from importlib import import_module
from io import BytesIO
from pathlib import Path
from pkgutil import walk_packages
from typing import Final
from unicodedata import is_normalized

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from domain.errors import DossierError
from domain.i18n import DOMAIN, LANGUAGES, Language
from domain.procedure import EVENT_TYPES
from infra.dev.text_extraction import PACKAGES, Use, extract, placeholders
from infra.dev.untranslated import untranslated
from schemas.command_schemas import command_texts

ROOT: Final = Path(__file__).parents[2]

_LINE: Final = 120
_ERROR: Final = "error."
_HINT: Final = ".hint"
_DATE: Final = datetime(2024, 1, 1, tzinfo=UTC)
"""Compiled files say when they were made; a fixed date keeps them the same whenever that is."""
_HEADER: Final = (
    "# Texts of Dossier. `python -m infra.dev.catalogues` takes up new texts and compiles this file.\n"
    'msgid ""\n'
    'msgstr ""\n'
    '"Project-Id-Version: dossier\\n"\n'
    '"Language: {language}\\n"\n'
    '"MIME-Version: 1.0\\n"\n'
    '"Content-Type: text/plain; charset=utf-8\\n"\n'
    '"Content-Transfer-Encoding: 8bit\\n"\n'
    "\n"
)


def all_errors() -> list[type[DossierError]]:
    """Every class of the tree of errors, sorted by code, once every module that may hold one is imported."""
    for package in PACKAGES:
        for module in walk_packages(import_module(package).__path__, f"{package}."):
            if not module.name.endswith("__main__"):
                import_module(module.name)
    return sorted(_subclasses(DossierError), key=lambda kind: (kind.code, kind.__name__))


def used_names() -> Iterator[str]:
    """Texts that stand in no marker: the names of the events, and what the types of the commands say of themselves."""
    yield from EVENT_TYPES
    yield from command_texts()


class Catalogues:
    """The `.po` and `.mo` files below `domain/locales` of a checkout."""

    def __init__(self, root: Path) -> None:
        self._folder = root / "domain" / "locales"
        self._catalogs = {language: self._read(language) for language in LANGUAGES}

    def texts(self, language: Language) -> dict[str, str]:
        """Key → text, as the `.po` has them."""
        return {str(message.id): str(message.string) for message in self._catalogs[language] if message.id}

    def write(self, uses: Iterable[Use], names: Iterable[str]) -> None:
        """Take up new texts, drop those that nothing uses, and compile."""
        found: dict[str, set[str]] = {name: set() for name in names}
        for use in uses:
            found.setdefault(use.text, set()).add(use.path)
        for language in LANGUAGES:
            texts = self.texts(language)
            made = Catalog(language, creation_date=_DATE, revision_date=_DATE, fuzzy=False)
            for key in sorted(key for key in texts if key.startswith(_ERROR)):
                made.add(key, texts[key])
            for key in sorted(found):
                # English texts are their own keys; a few have another one.
                if language != "en" or key in texts:
                    made.add(key, texts.get(key, ""), locations=[(path, 1) for path in sorted(found[key])])
            self._path(language, "po").write_bytes(_HEADER.format(language=language).encode() + _as_po(made))
            self._catalogs[language] = self._read(language)
            self._path(language, "mo").write_bytes(compiled(self._catalogs[language]))

    def faults(self) -> Iterator[str]:
        """What is wrong with the files themselves."""
        for language, catalog in self._catalogs.items():
            mo = self._path(language, "mo")
            if not mo.exists() or mo.read_bytes() != compiled(catalog):
                yield f"{mo.name} of {language} is not what its .po compiles to: run `make texts`"
            for message in catalog:
                if message.id:
                    yield from _message_faults(language, message)

    def _path(self, language: Language, ending: str) -> Path:
        return self._folder / language / "LC_MESSAGES" / f"{DOMAIN}.{ending}"

    def _read(self, language: Language) -> Catalog:
        with self._path(language, "po").open("rb") as file:
            catalog = read_po(file, locale=language, abort_invalid=True)
        catalog.creation_date = catalog.revision_date = _DATE
        catalog.fuzzy = False
        return catalog


def compiled(catalog: Catalog) -> bytes:
    """The `.mo` of a catalogue."""
    file = BytesIO()
    write_mo(file, catalog)
    return file.getvalue()


def use_faults(catalogues: Catalogues, uses: Iterable[Use], names: Iterable[str]) -> Iterator[str]:
    """Texts that are used and not translated, and those that are translated and not used."""
    vietnamese = catalogues.texts("vi")
    used = set(names)
    for use in uses:
        used.add(use.text)
        if use.text not in vietnamese:
            yield f"{use.path}:{use.line}: {use.text!r} is in no catalogue: run `make texts`"
    for key in sorted(vietnamese.keys() - used):
        if not key.startswith(_ERROR):
            yield f"vi: nothing uses {key!r}: run `make texts`"
    for key in sorted(catalogues.texts("en").keys() - used):
        if not key.startswith(_ERROR):
            yield f"en: nothing uses {key!r}: run `make texts`"
    for key in sorted(set(names) - vietnamese.keys()):
        yield f"{key!r} is in no catalogue: run `make texts`"


def error_faults(texts: Mapping[Language, Mapping[str, str]], errors: Iterable[type[DossierError]]) -> Iterator[str]:
    """Codes that are shared, and errors whose texts are missing, left over or differ in what they leave open."""
    owners: dict[str, type[DossierError]] = {}
    for kind in errors:
        other = owners.setdefault(kind.code, kind)
        if other is not kind:
            yield f"{kind.__name__} and {other.__name__} share the code {kind.code}"
        # A class with cases below it may be a branch that is never raised itself.
        if not kind.__subclasses__() and not _has_text(kind, texts["en"]):
            yield f"{kind.__name__} has no text {_ERROR}{kind.code}"
    for key in sorted({key for language in LANGUAGES for key in texts[language] if key.startswith(_ERROR)}):
        if key.removeprefix(_ERROR).removesuffix(_HINT) not in owners:
            yield f"no error has the code of {key}"
        missing = [language for language in LANGUAGES if not texts[language].get(key)]
        if missing:
            yield f"{key} is missing in {', '.join(missing)}"
        elif _open(texts["en"][key]) != _open(texts["vi"][key]):
            yield f"{key} leaves other values open in English than in Vietnamese"


def check(root: Path = ROOT) -> list[str]:
    """All faults of the checkout at `root`, one line each."""
    catalogues, extraction, names = Catalogues(root), extract(root), list(used_names())
    return [
        *extraction.faults,
        *untranslated(root),
        *catalogues.faults(),
        *use_faults(catalogues, extraction.uses, names),
        *error_faults({language: catalogues.texts(language) for language in LANGUAGES}, all_errors()),
    ]


def _as_po(catalog: Catalog) -> bytes:
    file = BytesIO()
    write_po(file, catalog, width=_LINE, omit_header=True, include_lineno=False)
    return file.getvalue()


def _message_faults(language: Language, message: Message) -> Iterator[str]:
    key, translation = str(message.id), str(message.string)
    if message.fuzzy:
        yield f"{language}: the text of {key!r} is marked as fuzzy"
    if not is_normalized("NFC", key + translation):
        yield f"{language}: {key!r} or its text is not in NFC"
    if not translation:
        yield f"{language}: {key!r} has no text"
    elif not key.startswith(_ERROR) and _open(key) != _open(translation):
        yield f"{language}: the text of {key!r} leaves other values open"


def _open(text: str) -> set[str] | None:
    """The values that a text leaves open, whatever language they are in; None for braces that are just braces."""
    try:
        return {name.removesuffix("_en").removesuffix("_vi") for name in placeholders(text)}
    except ValueError:
        return None


def _has_text(kind: type[DossierError], texts: Mapping[str, str]) -> bool:
    """Whether a class or one that it is a case of, below the root of the tree, has a text."""
    cases = (base for base in kind.__mro__ if issubclass(base, DossierError) and base is not DossierError)
    return any(f"{_ERROR}{base.code}" in texts for base in cases)


def _subclasses(base: type[DossierError]) -> set[type[DossierError]]:
    return {base}.union(*(_subclasses(kind) for kind in base.__subclasses__()))


def main(arguments: list[str] | None = None) -> int:
    """Rewrite the catalogues, or only check them; the number of the exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.dev.catalogues", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    if not parser.parse_args(arguments).check:
        Catalogues(ROOT).write(extract(ROOT).uses, used_names())
    faults = check(ROOT)
    for fault in faults:
        print(fault, file=sys.stderr)  # noqa: T201  # the faults are the program's answer
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
