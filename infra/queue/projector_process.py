"""The projector's process: a member of its group, and one engine over the partitions that it has."""

from __future__ import annotations

from threading import Event, Thread
from typing import TYPE_CHECKING, Final

import structlog

from consumers.projector import project
from domain.errors import InfrastructureError
from infra.kafka.consumer_group import run_member

if TYPE_CHECKING:
    from infra.bootstrap import Application

_log = structlog.get_logger(__name__)

_BETWEEN: Final = 0.05
_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 30.0


def run_projector(application: Application, stopped: Event) -> None:
    """Keep the read models in step until `stopped`. Raises LogUnusable."""
    kafka, topic = application.kafka, application.topics.events.name
    mine: set[int] = set()
    # Once, before the thread: they are made when they are first asked for.
    engine, log = application.engine, application.log

    def assigned(partitions: set[int]) -> None:
        mine.clear()
        mine.update(partitions)

    def follow() -> None:
        pause = _PAUSE
        while not stopped.is_set():
            try:
                project(engine, log, lambda: tuple(mine), lambda: stopped.wait(_BETWEEN))
            except InfrastructureError as error:
                _log.error("projector.halted", code=error.code, reason=str(error), pause=pause, **_place(error))
            except Exception:  # noqa: BLE001  # whatever it is, the read models are not left alone in silence
                _log.exception("projector.failed", pause=pause)
            else:
                continue
            stopped.wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    thread = Thread(target=follow, name="projector", daemon=True)
    thread.start()
    run_member(kafka, f"{kafka.app}.projector", topic, assigned, stopped)
    thread.join()


def _place(error: InfrastructureError) -> dict[str, object]:
    """Where it stopped, as far as the error knows."""
    return {
        key: error.details[key] for key in ("projection", "dossier", "partition", "position") if key in error.details
    }
