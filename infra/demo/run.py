"""`dossier demo`: feed the simulation to a fresh log by the way of every command, then say what the log holds."""

from __future__ import annotations

import json
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from consumers.commands.outcome import Answer
from domain.errors import InvalidInput
from domain.i18n import Language, text
from infra.bootstrap import Application
from infra.cli.support.i18n import say
from infra.cli.support.reporting import print_json
from infra.cli.support.session import session_of
from infra.demo.errors import CommandsNotWritten, DemoDiffers, NotADemoLog
from infra.demo.output_files import DEFAULT_LOG, place_of, remove_earlier_log
from infra.demo.province import DEFAULT_SEED, Simulation, commands, simulation
from infra.demo.report import Screen
from infra.demo.story import PlannedCommand
from infra.demo.summary import summarise
from infra.errors import without_secrets
from infra.settings import LANGUAGE, load
from infra.terminal.console import console
from schemas.command_parser import line_of

_BATCH = 500
_UNDER_WAY = 3


@dataclass(slots=True)
class Outcomes:
    """How many commands were accepted, and how many were refused with which code."""

    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)


def demo_command(
    ctx: typer.Context,
    seed: Annotated[
        int,
        typer.Option(
            "--seed",
            help=say("The same seed gives the same commands."),
        ),
    ] = DEFAULT_SEED,
    to_file: Annotated[
        Path | None,
        typer.Option(
            "--commands",
            metavar="FILE",
            help=say("Write the commands as JSON Lines for `dossier apply`, and stop."),
        ),
    ] = None,
) -> None:
    """Simulate the appraisals of a whole province and leave the log to explore. All figures are simulated."""
    if to_file is not None:
        write_commands(seed, to_file)
        return
    session = session_of(ctx)
    url = session.log or DEFAULT_LOG
    # Only the language is taken from the environment: other readings or departments would change the answers.
    settings = load({LANGUAGE: os.environ.get(LANGUAGE, "")}, log=url, views=session.views, language=session.lang)
    shown = without_secrets(url)
    screen = Screen(console(), settings.language, seed, shown)
    with ExitStack() as stack:
        place = stack.enter_context(place_of(settings.log)) if isinstance(settings.log, Path) else None
        replaced = remove_earlier_log(settings)
        if not session.json:
            screen.begin(settings.log_name, replaced=replaced)
        began = time.monotonic()
        application = stack.enter_context(Application(settings, create=True))
        if any(application.log.head(partition) for partition in application.log.partitions):
            raise NotADemoLog(log=settings.log_name)
        if place is not None:
            place.made(application.log.log_id)
        # Read models of another log are found now, and not when all commands were given.
        with application.engine.reading():
            pass
        simulated = simulation(seed)
        outcomes = _feed_with_progress(application, simulated, settings.language)
        found = summarise(application, simulated.showcase)
    found |= {
        "seed": seed,
        "log": shown,
        "simulated": True,
        "accepted": outcomes.accepted,
        "refused": dict(outcomes.refused),
    }
    if session.json:
        print_json(found)
    else:
        screen.show(found, time.monotonic() - began)


def write_commands(seed: int, path: Path) -> None:
    """The commands as JSON Lines. Raises CommandsNotWritten."""
    try:
        with path.open("w", encoding="utf-8", newline="\n") as file:
            for envelope in commands(seed):
                file.write(json.dumps(envelope, ensure_ascii=False) + "\n")
    except OSError as error:
        raise CommandsNotWritten(path=str(path), reason=str(error)) from error


def feed(
    application: Application, steps: Sequence[PlannedCommand], progress: Callable[[int], None] = lambda _: None
) -> Outcomes:
    """Hand in all commands, batch by batch. Raises DemoDiffers at the first unexpected answer."""
    outcomes = Outcomes()
    under_way: deque[tuple[int, Callable[[], list[Answer]]]] = deque()
    for start in range(0, len(steps), _BATCH):
        lines = [_line(line, step) for line, step in enumerate(steps[start : start + _BATCH], start=start + 1)]
        under_way.append((start, application.gateway.submit(lines)))
        if len(under_way) == _UNDER_WAY:
            _count(outcomes, steps, *under_way.popleft(), progress)
    while under_way:
        _count(outcomes, steps, *under_way.popleft(), progress)
    return outcomes


def _count(
    outcomes: Outcomes,
    steps: Sequence[PlannedCommand],
    start: int,
    answers: Callable[[], list[Answer]],
    progress: Callable[[int], None],
) -> None:
    found = answers()
    for line, (step, answer) in enumerate(zip(steps[start : start + len(found)], found, strict=True), start=start + 1):
        _check(line, step, answer)
        if step.refusal is None:
            outcomes.accepted += 1
        else:
            outcomes.refused[step.refusal] += 1
    progress(len(found))


def _line(line: int, step: PlannedCommand) -> bytes:
    """Raises DemoDiffers for what is no JSON: none is meant to be."""
    try:
        return line_of(step.envelope).encode()
    except InvalidInput as error:
        raise _differs(line, step, f"{error.code}: {error}") from error


def _check(line: int, step: PlannedCommand, answer: Answer) -> None:
    """Raises DemoDiffers unless a command was accepted, or refused with its code, as it was meant to be."""
    error = None if answer.outcome == "accepted" else json.loads(answer.line)["error"]
    if (error and error["code"]) != step.refusal:
        raise _differs(line, step, f"{error['code']}: {error['message']}" if error else "accepted")


def _differs(line: int, step: PlannedCommand, answered: str) -> DemoDiffers:
    return DemoDiffers(
        line=line,
        command=step.envelope["command"],
        dossier=step.envelope["dossier"],
        command_id=step.envelope["command_id"],
        meant=step.refusal or "accepted",
        answered=answered,
    )


def _feed_with_progress(application: Application, simulated: Simulation, language: Language) -> Outcomes:
    label = text("Giving the commands", language)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console(err=True)) as bar:
        task = bar.add_task(label, total=len(simulated.steps))
        return feed(application, simulated.steps, lambda count: bar.advance(task, count))
