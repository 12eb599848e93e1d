"""The pages of the runbook, as they stand beside this module: `<language>/<CODE>.md`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from domain.i18n import Language

FOLDER: Final = Path(__file__).parent


def page(code: str, language: Language) -> str | None:
    """The page about a code, in Markdown; None where there is none."""
    path = FOLDER / language / f"{code}.md"
    # A code comes from the command line: only the names of the folder are looked for.
    return path.read_text(encoding="utf-8") if path.name in _names(language) else None


def codes(language: Language = "en") -> list[str]:
    """The codes that have a page, sorted."""
    return sorted(name.removesuffix(".md") for name in _names(language))


def title(text: str) -> str:
    """What a page says in its first line, without its code."""
    return text.split("\n", 1)[0].partition(": ")[2]


def _names(language: Language) -> set[str]:
    return {path.name for path in (FOLDER / language).glob("*.md")}
