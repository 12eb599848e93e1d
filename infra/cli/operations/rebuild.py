"""`dossier rebuild`: a read model anew from the log beside the one that is served; compare, swap, undo, drop."""

# ruff: noqa: PLC0415  # the engine and the bar are needed only once it is asked

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from domain.i18n import pair
from infra.cli.support.arguments import OPERATION
from infra.cli.support.errors import BadOption
from infra.cli.support.framework import subcommand
from infra.cli.support.i18n import say
from infra.cli.support.reporting import print_json
from infra.cli.support.session import Session, session_of
from infra.terminal.output import write_line

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from infra.bootstrap import Application
    from projections.engine.comparison import Comparison
    from projections.engine.rebuild import RebuildResult, Task

DIFFERENT = 4
"""The exit code of a check that found a difference: the read model cannot be relied on."""

Model = Literal["status", "audit", "eligibility", "council", "decisions"]


def register(app: typer.Typer) -> None:
    """Add this subcommand."""
    subcommand(
        app,
        "rebuild",
        panel=OPERATION,
        help=say(
            "Rebuild a read model from the log; the old rows serve until the new ones are whole and "
            "compared. A rebuild that was interrupted goes on where it stopped."
        ),
        examples=(
            "dossier rebuild status",
            "dossier rebuild --all --jobs 2",
            "dossier rebuild --all --check",
            "dossier rebuild undo status",
            "dossier rebuild drop --all",
        ),
    )(rebuild)


def rebuild(
    ctx: typer.Context,
    name: Annotated[
        Literal[Model, "undo", "drop"] | None,
        typer.Argument(
            metavar="NAME|undo|drop",
            show_default=False,
            help=say(
                "status, audit, eligibility, council or decisions; or undo (serve again what was served "
                "before), or drop (let the old and the unfinished rows go)."
            ),
        ),
    ] = None,
    model: Annotated[
        Model | None,
        typer.Argument(
            metavar="[NAME]",
            show_default=False,
            help=say("Of undo and drop: which one."),
        ),
    ] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help=say("Every read model."))] = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help=say("Build and compare only: the proof that what is served equals a replay of the log."),
        ),
    ] = False,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", min=1, metavar="N", help=say("At most so many processes.")),
    ] = None,
) -> None:
    """Rebuild read models, go back to the rows before, or drop those."""
    from infra.diagnosis.read_models import note_rows
    from projections.engine.rebuild import drop, undo

    session = session_of(ctx)
    action = name if name in ("undo", "drop") else None
    names = _names(model if action else name, None if action else model, everything=everything)
    if action and check:
        raise BadOption(reason=pair("{action} compares nothing", action=action))
    with session.application() as application:
        if action == "undo":
            _say_undone(session, {each: undo(application.engine, each) for each in names})
        elif action == "drop":
            _say_dropped(session, drop(application.engine, names))
        else:
            outcomes = _rebuilt(session, application, names, check=check, jobs=jobs)
            for outcome in outcomes:
                note_rows(application, outcome)
            _show(session, outcomes)
            if check and not all(outcome.comparison and outcome.comparison.equal for outcome in outcomes):
                raise typer.Exit(DIFFERENT)


def _names(named: str | None, too_many: str | None, *, everything: bool) -> list[str]:
    from projections.read_models import PROJECTIONS

    if (named is None) is not everything or too_many is not None:
        raise BadOption(reason=pair("name one read model, or say --all"))
    return [projection.name for projection in PROJECTIONS] if named is None else [str(named)]


def _rebuilt(
    session: Session, application: Application, names: list[str], *, check: bool, jobs: int | None
) -> list[RebuildResult]:
    with _bar(session) as bar:
        return application.rebuild(names, check=check, jobs=jobs, on_progress=_TaskProgress(bar)).run()


class _TaskProgress:
    """Progress of each task, a line for each partition and part of the projections."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._lines: dict[tuple[str, int], TaskID] = {}

    def __call__(self, task: Task, reached: int) -> None:
        name = ", ".join(task.generations)
        key = name, task.partition
        if key not in self._lines:
            self._lines[key] = self._bar.add_task(f"{name}/{task.partition}", total=task.target)
        self._bar.update(self._lines[key], completed=reached, total=task.target)


def _bar(session: Session) -> Progress:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from infra.terminal.console import console

    class Rate(TextColumn):
        """Events a second."""

        def __init__(self) -> None:
            super().__init__("")

        def render(self, task: Any) -> Any:
            from rich.text import Text

            return Text(f"{task.speed or task.finished_speed or 0:,.0f} {session.text('events/s')}")

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(),
        console=console(err=True),
    )


def _show(session: Session, outcomes: list[RebuildResult]) -> None:
    if session.json:
        print_json([outcome.as_json() for outcome in outcomes])
        return
    text = session.text
    for outcome in outcomes:
        seconds = sum(outcome.seconds.values())
        line = text(
            "{projection}: {events} events in {seconds:.2f} s, generation {generation}",
            projection=outcome.projection,
            events=outcome.events,
            seconds=seconds,
            generation=outcome.generation,
        )
        if outcome.continued:
            line += text(" (continued)")
        if not outcome.swapped:
            line += text(", not swapped in")
        write_line(line)
        if outcome.comparison is not None:
            _show_comparison(session, outcome.comparison)
        elif not outcome.swapped:
            write_line(text("  nothing of this version is served"))


def _show_comparison(session: Session, found: Comparison) -> None:
    text = session.text
    at = ", ".join(f"{partition}/{position}" for partition, position in found.positions.items())
    for table, (live, rebuilt) in found.rows.items():
        mine, other = found.hashes[table]
        write_line(
            text(
                "  {table} at {at}: {live} rows served, {rebuilt} rebuilt; content {mine}, {other}",
                table=table,
                at=at,
                live=live,
                rebuilt=rebuilt,
                mine=mine[:16],
                other=other[:16],
            )
        )
    if found.equal:
        write_line(text("  equal, row by row"))
        return
    write_line(text("  DIFFERENT: {different}", different=found.different))
    for each in found.listed:
        fields = "; ".join(f"{path}: {live!r} ≠ {rebuilt!r}" for path, (live, rebuilt) in each.fields.items())
        kinds = {
            "changed": text("served ≠ rebuilt"),
            "only_live": text("served only"),
            "only_rebuilt": text("rebuilt only"),
        }
        write_line(f"    {each.table} {', '.join(map(str, each.key))}: {kinds[each.kind]} {fields}".rstrip())


def _say_undone(session: Session, done: dict[str, int]) -> None:
    if session.json:
        print_json([{"projection": name, "generation": generation} for name, generation in done.items()])
        return
    for name, generation in done.items():
        write_line(session.text("{name}: generation {generation} is served again", name=name, generation=generation))


def _say_dropped(session: Session, gone: dict[str, list[int]]) -> None:
    if session.json:
        print_json([{"projection": name, "generations": generations} for name, generations in gone.items()])
        return
    if not gone:
        write_line(session.text("nothing to drop"))
    for name, generations in gone.items():
        which = ", ".join(map(str, generations))
        write_line(session.text("{name}: dropped generation {which}", name=name, which=which))
