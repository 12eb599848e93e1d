"""Cases about backups of an embedded log, and about putting them back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

from tests.infra.runbook.case import FREE, HOLD_FILE, LOG, OPEN, VIEWS, Case, Place

_NEW: Final = "04642"


def _said(*words: str) -> Callable[[Place], str]:
    """What a command says about the folder `backup`."""
    return lambda place: place.run(words[0], str(place.path("backup")), *words[1:], code=4).err


_BACKUP: Final = _said("backup")
_VERIFY: Final = _said("verify-backup")
_RESTORE: Final = _said("restore")


def _backed_up(place: Place) -> None:
    place.run("backup", str(place.path("backup")))


def _altered(place: Place) -> None:
    """A byte in the middle of what was backed up."""
    _backed_up(place)
    (file,) = place.path("backup").rglob("*.records")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def _of_a_newer_release(place: Place) -> None:
    _backed_up(place)
    manifest = place.path("backup") / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "format": 99}))


def _cut_log(place: Place) -> None:
    """The log was put back from a copy that is older than its backup, and went on."""
    place.copy("copy", LOG)
    place.run(*OPEN, _NEW)
    _backed_up(place)
    for file in place.folder.glob("dossier*.sqlite*"):
        if file.is_file():
            file.unlink()
    place.path("copy").joinpath(LOG).rename(place.path(LOG))
    place.run(*OPEN, "04645")


def _of_another_log(place: Place) -> None:
    other = Place(place.path("other"))
    other.run(*OPEN, FREE)
    other.run("backup", str(place.path("backup")))


def _something_else(place: Place) -> None:
    place.path("backup").mkdir()
    place.path("backup").joinpath("letters.txt").write_text("letters")


def _in_use(place: Place) -> None:
    _backed_up(place)
    place.hold("backup/lock", HOLD_FILE)


def _without_views(place: Place) -> None:
    for file in place.folder.glob(f"{VIEWS}*"):
        file.unlink()


BACKUP_CASES: Final[dict[str, Case]] = {
    "BACKUP_ALTERED": Case(_altered, _VERIFY),
    "BACKUP_IN_USE": Case(_in_use, _BACKUP),
    "BACKUP_LACKS": Case(_backed_up, _said("verify-backup", "--at-least=5")),
    "BACKUP_MISSING": Case(lambda _: None, _VERIFY),
    "BACKUP_OF_ANOTHER_HISTORY": Case(_cut_log, _BACKUP),
    "BACKUP_OF_ANOTHER_LOG": Case(_of_another_log, _BACKUP),
    "BACKUP_UNUSABLE": Case(_something_else, _BACKUP),
    "NEWER_BACKUP": Case(_of_a_newer_release, _VERIFY),
    "RESTORE_OTHER_LOG": Case(_of_another_log, _RESTORE),
    "RESTORE_OTHER_SHAPE": Case(_backed_up, _said("restore", "--log=kafka://127.0.0.1:1?partitions=3")),
    "RESTORE_TARGET_TAKEN": Case(_cut_log, _RESTORE),
    "VIEWS_NOT_COPIED": Case(_without_views, _said("backup", "--with-views")),
}
