"""`dossier rebuild`: a read model anew from the log beside the one that is served; compare, swap, undo, drop."""

# ruff: noqa: PLC0415  # the engine and the bar are needed only once it is asked

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from infra.cli.support.arguments import OPERATION
from infra.cli.support.errors import BadOption
from infra.cli.support.framework import subcommand
from infra.cli.support.i18n import say
from infra.cli.support.reporting import print_json
from infra.cli.support.session import Session, session_of

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from infra.bootstrap import Application
    from projections.engine.comparison import Comparison
    from projections.engine.rebuild import RebuildResult, Task

DIFFERENT = 4
"""The exit code of a check that found a difference: the read model cannot be relied on."""

Model = Literal["status", "audit", "eligibility", "council"]


def register(app: typer.Typer) -> None:
    """Add this subcommand."""
    subcommand(
        app,
        "rebuild",
        panel=OPERATION,
        help=say(
            "Rebuild a read model from the log; the old rows serve until the new ones are whole and compared. "
            "A rebuild that was interrupted goes on where it stopped.",
            "Lập lại một bảng tra cứu từ nhật ký; bảng cũ vẫn dùng được cho đến khi bảng mới đầy đủ và đã đối chiếu. "
            "Lần lập lại bị gián đoạn sẽ tiếp tục từ chỗ dừng.",
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
        Literal["status", "audit", "eligibility", "council", "decisions", "undo", "drop"] | None,
        typer.Argument(
            metavar="NAME|undo|drop",
            show_default=False,
            help=say(
                "status, audit, eligibility, council or decisions; or undo (serve again what was served before), or "
                "drop (let the old and the unfinished rows go).",
                "status, audit, eligibility, council hoặc decisions; hoặc undo (dùng lại bảng trước đó), hoặc drop "
                "(xóa các bảng cũ và bảng chưa xong).",
            ),
        ),
    ] = None,
    model: Annotated[
        Model | None,
        typer.Argument(
            metavar="[NAME]",
            show_default=False,
            help=say("Of undo and drop: which one.", "Với undo và drop: bảng nào."),
        ),
    ] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help=say("Every read model.", "Mọi bảng tra cứu."))] = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help=say(
                "Build and compare only: the proof that what is served equals a replay of the log.",
                "Chỉ lập và đối chiếu: chứng minh bảng đang dùng khớp với nhật ký.",
            ),
        ),
    ] = False,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs", min=1, metavar="N", help=say("At most so many processes.", "Tối đa bao nhiêu tiến trình.")
        ),
    ] = None,
) -> None:
    """The engine's rebuild, undo and drop."""
    from projections.engine.rebuild import drop, undo

    session = session_of(ctx)
    action = name if name in ("undo", "drop") else None
    names = _names(model if action else name, None if action else model, everything=everything)
    if action and check:
        raise BadOption(reason_en=f"{action} compares nothing", reason_vi=f"{action} không đối chiếu gì")
    with session.application() as application:
        if action == "undo":
            _say_undone(session, {each: undo(application.engine, each) for each in names})
        elif action == "drop":
            _say_dropped(session, drop(application.engine, names))
        else:
            outcomes = _rebuilt(session, application, names, check=check, jobs=jobs)
            _show(session, outcomes)
            if check and not all(outcome.comparison and outcome.comparison.equal for outcome in outcomes):
                raise typer.Exit(DIFFERENT)


def _names(named: str | None, too_many: str | None, *, everything: bool) -> list[str]:
    from projections.read_models import PROJECTIONS

    if (named is None) is not everything or too_many is not None:
        raise BadOption(
            reason_en="name one read model, or say --all", reason_vi="nêu một bảng tra cứu, hoặc dùng --all"
        )
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

    from infra.cli.support.tables import console

    class Rate(TextColumn):
        """Events a second."""

        def __init__(self) -> None:
            super().__init__("")

        def render(self, task: Any) -> Any:
            from rich.text import Text

            return Text(f"{task.speed or task.finished_speed or 0:,.0f} {session.said('events/s', 'sự kiện/giây')}")

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(),
        console=console(stderr=True),
    )


def _show(session: Session, outcomes: list[RebuildResult]) -> None:
    if session.json:
        print_json([outcome.as_json() for outcome in outcomes])
        return
    said = session.said
    for outcome in outcomes:
        seconds = sum(outcome.seconds.values())
        typer.echo(
            said(
                f"{outcome.projection}: {outcome.events} events in {seconds:.2f} s, generation {outcome.generation}"
                f"{' (continued)' if outcome.continued else ''}{'' if outcome.swapped else ', not swapped in'}",
                f"{outcome.projection}: {outcome.events} sự kiện trong {seconds:.2f} giây, thế hệ {outcome.generation}"
                f"{' (tiếp tục)' if outcome.continued else ''}{'' if outcome.swapped else ', không thay thế'}",
            )
        )
        if outcome.comparison is not None:
            _show_comparison(session, outcome.comparison)
        elif not outcome.swapped:
            typer.echo(said("  nothing of this version is served", "  chưa có bảng nào của phiên bản này đang dùng"))


def _show_comparison(session: Session, found: Comparison) -> None:
    said = session.said
    at = ", ".join(f"{partition}/{position}" for partition, position in found.positions.items())
    for table, (live, rebuilt) in found.rows.items():
        mine, other = found.hashes[table]
        typer.echo(
            said(
                f"  {table} at {at}: {live} rows served, {rebuilt} rebuilt; content {mine[:16]}, {other[:16]}",
                f"  {table} tại {at}: đang dùng {live} dòng, lập lại {rebuilt}; nội dung {mine[:16]}, {other[:16]}",
            )
        )
    if found.equal:
        typer.echo(said("  equal, row by row", "  khớp từng dòng"))
        return
    typer.echo(said(f"  DIFFERENT: {found.different}", f"  KHÁC NHAU: {found.different}"))
    for each in found.listed:
        columns = "; ".join(f"{name}: {live!r} ≠ {rebuilt!r}" for name, (live, rebuilt) in each.columns.items())
        kinds = {
            "changed": said("served ≠ rebuilt", "đang dùng ≠ lập lại"),
            "only_live": said("served only", "chỉ có trong bảng đang dùng"),
            "only_rebuilt": said("rebuilt only", "chỉ có trong bảng lập lại"),
        }
        typer.echo(f"    {each.table} {', '.join(map(str, each.key))}: {kinds[each.kind]} {columns}".rstrip())


def _say_undone(session: Session, done: dict[str, int]) -> None:
    if session.json:
        print_json([{"projection": name, "generation": generation} for name, generation in done.items()])
        return
    for name, generation in done.items():
        typer.echo(
            session.said(
                f"{name}: generation {generation} is served again", f"{name}: đang dùng lại thế hệ {generation}"
            )
        )


def _say_dropped(session: Session, gone: dict[str, list[int]]) -> None:
    if session.json:
        print_json([{"projection": name, "generations": generations} for name, generations in gone.items()])
        return
    if not gone:
        typer.echo(session.said("nothing to drop", "không có gì để xóa"))
    for name, generations in gone.items():
        which = ", ".join(map(str, generations))
        typer.echo(session.said(f"{name}: dropped generation {which}", f"{name}: đã xóa thế hệ {which}"))
