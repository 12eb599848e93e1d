"""The pages of the runbook, as they stand beside this module: `<language>/<CODE>.md`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from domain.i18n import Language

FOLDER: Final = Path(__file__).parent
SHARED: Final = {
    "BACKUP_IN_USE": "LOG_LOCKED",
    "BACKUP_LACKS": "BACKUP_ALTERED",
    "BACKUP_MISSING": "BACKUP_ALTERED",
    "BACKUP_UNUSABLE": "BACKUP_OF_ANOTHER_LOG",
    "BROKEN_CHAIN": "OWN_INDEX_DIFFERS",
    "COMMANDS_NOT_WRITTEN": "OUTPUT_UNWRITABLE",
    "COMMANDS_WAITING": "NO_WORKER",
    "COURIER_RUNNING": "LOG_LOCKED",
    "DEMO_RUNNING": "LOG_LOCKED",
    "DOSSIER_PARKED": "DOSSIERS_PARKED",
    "EVENT_FOLDED_TWICE": "ROWS_DIFFER",
    "EVENT_SKIPPED": "ROWS_DIFFER",
    "FACT_DIFFERS": "ROWS_DIFFER",
    "FACT_MISSING": "OWN_INDEX_DIFFERS",
    "FEED_OF_ANOTHER_LOG": "FEED_DIVERGED",
    "INDEX_ALTERED": "OWN_INDEX_DIFFERS",
    "INDEX_UNUSABLE": "INDEX_DIFFERS",
    "KAFKA_REFUSED": "KAFKA_UNREACHABLE",
    "KEY_UNUSABLE": "KEY_MISSING",
    "MISCOUNTED": "ROWS_DIFFER",
    "NEWER_BACKUP": "BACKUP_ALTERED",
    "NO_ANSWER": "NO_WORKER",
    "OTHER_EVENTS_FOLDED": "ROWS_DIFFER",
    "PARKED_OTHERWISE": "ROWS_DIFFER",
    "POSITIONS_MISSING": "OWN_INDEX_DIFFERS",
    "POSITION_AHEAD_OF_LOG": "VIEWS_AHEAD_OF_LOG",
    "POSITION_MOVED_AHEAD": "ROWS_DIFFER",
    "RESTORE_OTHER_LOG": "RESTORE_TARGET_TAKEN",
    "RESTORE_OTHER_SHAPE": "RESTORE_TARGET_TAKEN",
    "UNKNOWN_EVENT": "UNKNOWN_SCHEMA",
    "UNKNOWN_EVENT_TYPE": "UNKNOWN_SCHEMA",
    "UNREADABLE_EVENT": "OWN_INDEX_DIFFERS",
    "VIEWS_LOCKED": "LOG_LOCKED",
}
"""Code → the code under which its page stands, where several are one case; the page names them all."""


def page(code: str, language: Language) -> str | None:
    """The page about a code, in Markdown; None where there is none."""
    path = FOLDER / language / f"{SHARED.get(code, code)}.md"
    # A code comes from the command line: only the names of the folder are looked for.
    return path.read_text(encoding="utf-8") if path.name in _names(language) else None


def codes(language: Language = "en") -> list[str]:
    """The codes that have a page, of their own or shared, sorted."""
    return sorted([*(name.removesuffix(".md") for name in _names(language)), *SHARED])


def title(text: str) -> str:
    """What a page says in its first line, without its code."""
    return text.split("\n", 1)[0].partition(": ")[2]


def _names(language: Language) -> set[str]:
    return {path.name for path in (FOLDER / language).glob("*.md")}
