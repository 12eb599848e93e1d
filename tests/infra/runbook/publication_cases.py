"""Cases about what is given out: the feed in files, and webhooks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tests.infra.runbook.case import HOLD_FILE, Case, Place
from tests.support.workload import lines

_WEBHOOKS: Final = "dossier-webhooks.sqlite"


def _feed(place: Place) -> str:
    return place.run("decisions", "files", str(place.path("feed")), code=4).err


def _asked(*words: str) -> Callable[[Place], str]:
    return lambda place: place.run("decisions", "webhooks", *words, code=4).err


def _written(place: Place) -> None:
    """Two decisions stand in a file of the feed."""
    place.run("apply", place.file("commands.jsonl", "\n".join(lines(1)) + "\n"))
    place.run("decisions", "files", str(place.path("feed")))


def _edited(place: Place) -> None:
    """Somebody changed what was published."""
    _written(place)
    file = min(place.path("feed").glob("decisions-*.jsonl"))
    file.write_text(file.read_text().replace("QĐ-UBND", "QD-UBND"))


def _of_another_log(place: Place) -> None:
    other = Place(place.path("other"))
    _written(other)
    other.path("feed").rename(place.path("feed"))
    place.run("apply", place.file("commands.jsonl", "\n".join(lines(1)) + "\n"))


def _a_file(place: Place) -> None:
    """A file stands where the folder of the feed should be."""
    place.path("feed").write_text("a letter")


def _webhooks_overwritten(place: Place) -> None:
    secret = place.json("decisions", "webhooks", "add", "portal", "https://portal.example/hook")["secret"]
    place.file("portal.secret", secret)
    with place.path(_WEBHOOKS).open("r+b") as file:
        file.write(b"no database any more")


def _delivering(place: Place) -> None:
    place.run("decisions", "webhooks", "list")
    place.hold(f"{_WEBHOOKS}.lock", HOLD_FILE)


PUBLICATION_CASES: Final[dict[str, Case]] = {
    "COURIER_RUNNING": Case(_delivering, _asked("run")),
    "FEED_DIVERGED": Case(_edited, _feed),
    "FEED_OF_ANOTHER_LOG": Case(_of_another_log, _feed),
    "FEED_UNUSABLE": Case(_a_file, _feed),
    "WEBHOOKS_UNUSABLE": Case(_webhooks_overwritten, _asked("list")),
}
