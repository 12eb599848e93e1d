"""`dossier rebuild`: a read model anew from the log, with a progress bar."""

# ruff: noqa: PLC0415  # the engine and the bar are needed only once it is asked

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from infra.cli.arguments import OPERATION
from infra.cli.errors import BadOption
from infra.cli.framework import subcommand
from infra.cli.reporting import print_json
from infra.cli.session import Session, session_of
from infra.cli.words import say

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from infra.composition import Installation


def register(app: typer.Typer) -> None:
    """Add this subcommand."""
    subcommand(
        app,
        "rebuild",
        panel=OPERATION,
        help=say(
            "Rebuild a read model from the log; the old rows serve until the new ones are whole.",
            "Lập lại một bảng tra cứu từ nhật ký; bảng cũ vẫn dùng được cho đến khi bảng mới đầy đủ.",
        ),
        examples=("dossier rebuild status", "dossier rebuild --all", "dossier rebuild --all --json"),
    )(rebuild)


def rebuild(
    ctx: typer.Context,
    name: Annotated[
        Literal["status", "audit", "eligibility", "council"] | None,
        typer.Argument(
            metavar="NAME",
            show_default=False,
            help=say("status, audit, eligibility or council.", "status, audit, eligibility hoặc council."),
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help=say("Every read model.", "Mọi bảng tra cứu."))] = False,
) -> None:
    """The engine's rebuild."""
    session = session_of(ctx)
    if (name is None) is not everything:
        raise BadOption(
            reason_en="name one read model, or say --all", reason_vi="nêu một bảng tra cứu, hoặc dùng --all"
        )
    from projections.registry import PROJECTIONS

    names = [projection.name for projection in PROJECTIONS] if name is None else [str(name)]
    with session.installation() as installation:
        done = _rebuilt(session, installation, names)
    if session.json:
        print_json(done)
        return
    for each in done:
        events, seconds = each["events"], each["seconds"]
        typer.echo(
            session.said(
                f"{each['projection']}: {events} events in {seconds:.2f} s",
                f"{each['projection']}: {events} sự kiện trong {seconds:.2f} giây",
            )
        )


def _rebuilt(session: Session, installation: Installation, names: list[str]) -> list[dict[str, Any]]:
    done = []
    with _bar(session) as bar:
        for name in names:
            begun = monotonic()
            task = bar.add_task(name, total=None)
            reached = _Reached(bar, task)
            installation.engine.rebuild(name, reached)
            done.append({"projection": name, "events": reached.events, "seconds": round(monotonic() - begun, 3)})
    return done


class _Reached:
    """The engine's progress, over all partitions, on a bar."""

    def __init__(self, bar: Progress, task: TaskID) -> None:
        self._bar, self._task = bar, task
        self._positions: dict[int, tuple[int, int]] = {}

    def __call__(self, partition: int, reached: int, target: int) -> None:
        self._positions[partition] = (reached, target)
        self._bar.update(self._task, completed=self.events, total=sum(end for _, end in self._positions.values()))

    @property
    def events(self) -> int:
        """How many events were read."""
        return sum(reached for reached, _ in self._positions.values())


def _bar(session: Session) -> Progress:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from infra.cli.tables import console

    class Rate(TextColumn):
        """Events a second."""

        def __init__(self) -> None:
            super().__init__("")

        def render(self, task: Any) -> Any:
            from rich.text import Text

            seconds = task.finished_time or task.elapsed
            rate = task.completed / seconds if seconds else 0
            return Text(f"{rate:,.0f} {session.said('events/s', 'sự kiện/giây')}")

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(),
        console=console(stderr=True),
    )
