"""The tasks of a rebuild, here or in processes of their own: decoding and folding take all of a core each.

A process makes its own installation from the settings. It ends when its parent is gone; what it has stored stays, and
the next rebuild goes on from there.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue
from typing import Any

from domain.errors import DossierError
from infra.bootstrap import Application
from infra.processes import begin_process
from infra.settings import Settings, load
from projections.engine.engine import Engine
from projections.engine.rebuild import ProgressCallback, Task, TaskExecutor, run_task

_POLL_INTERVAL = 0.1
"""Seconds between two looks at the progress of the processes."""

_ORPHANED = 1
"""The exit code of a process whose parent is gone; nobody is left to read it."""

_NEW_OBJECTS = 100_000
"""So many more containers than before, and the garbage collector looks through them. Events and rows hold no circles:
looking after every 700, as Python does by itself, took a third of the time."""

Progress = tuple[Task, int]
Failure = tuple[type[DossierError], str | None, dict[str, Any]]


def process_pool(settings: Settings, jobs: int) -> TaskExecutor:
    """An executor over at most `jobs` processes."""

    def execute(tasks: Sequence[Task], on_progress: ProgressCallback) -> None:
        context = get_context("spawn")
        queue: SimpleQueue[Progress] = context.SimpleQueue()
        workers = min(jobs, len(tasks))
        # Only what a process needs for it travels: where log and read models are.
        given = {"log": settings.log, "views": settings.views}
        with ProcessPoolExecutor(workers, context, _start_process, (given, queue, os.getpid())) as pool:
            waiting: set[Future[Failure | None]] = {pool.submit(_work, task) for task in tasks}
            failures = []
            while waiting:
                done, waiting = wait(waiting, _POLL_INTERVAL)
                _forward_progress(queue, on_progress)
                failures += [failure for each in done if (failure := each.result()) is not None]
        for kind, clause, details in failures:
            raise kind(clause=clause, **details)

    return execute


def in_process(engine: Engine) -> TaskExecutor:
    """An executor in this process."""

    def execute(tasks: Sequence[Task], on_progress: ProgressCallback) -> None:
        usual = gc.get_threshold()
        gc.set_threshold(_NEW_OBJECTS)
        try:
            for task in tasks:
                run_task(engine, task, on_progress)
        finally:
            gc.set_threshold(*usual)

    return execute


def _forward_progress(queue: SimpleQueue[Progress], on_progress: ProgressCallback) -> None:
    while not queue.empty():
        on_progress(*queue.get())


_context: dict[str, Any] = {}
"""What this process was started with; empty in the parent."""


def _start_process(given: dict[str, Any], queue: SimpleQueue[Progress], parent: int) -> None:
    begin_process()
    _context.update(settings=replace(load({}), **given), queue=queue, parent=parent)
    # What was imported lives as long as the process: the collector need not look at it again and again.
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS)


def _work(task: Task) -> Failure | None:
    """One task; what stopped it comes back in parts, since an error of ours cannot travel as it is."""

    def on_progress(task: Task, reached: int) -> None:
        if os.getppid() != _context["parent"]:
            os._exit(_ORPHANED)
        _context["queue"].put((task, reached))

    try:
        with Application(_context["settings"]) as application:
            run_task(application.engine, task, on_progress)
    except DossierError as error:
        return type(error), error.clause, error.details
    return None
