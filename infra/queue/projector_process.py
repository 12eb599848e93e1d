"""The projector's process: a member of its group, and one engine over the partitions that it has."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING

from consumers.projector import project
from infra.diagnosis.halts import HaltFile
from infra.kafka.consumer_group import run_member
from infra.processes import SupervisedThread

if TYPE_CHECKING:
    from infra.bootstrap import Application

_SECONDS_BETWEEN = 0.05


def run_projector(application: Application, stopped: Event) -> None:
    """Keep the read models in step until `stopped`. Raises LogUnusable."""
    kafka, topic = application.kafka, application.topics.events.name
    partitions: set[int] = set()
    # Once, before the thread: they are made when they are first asked for.
    engine, log = application.engine, application.log
    halt = HaltFile(application.settings.state_dir, "projector")

    def assigned(now: set[int]) -> None:
        partitions.clear()
        partitions.update(now)

    def follow(stopped: Event) -> None:
        project(engine, log, lambda: tuple(partitions), lambda: wait(stopped))

    def wait(stopped: Event) -> bool:
        halt.went_on()
        return stopped.wait(_SECONDS_BETWEEN)

    thread = SupervisedThread("projector", follow, stopped=stopped, failed=halt.halted)
    thread.start()
    run_member(kafka, f"{kafka.app}.projector", topic, assigned, stopped)
    thread.join()
