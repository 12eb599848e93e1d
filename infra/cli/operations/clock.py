"""`dossier clock`: what this computer's clock is compared with, and an operator's word that it is right."""

# ruff: noqa: PLC0415  # the log is needed only once it is asked

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated, Literal

import typer

from domain.i18n import pair
from infra.cli.support.arguments import OPERATION
from infra.cli.support.errors import BadOption
from infra.cli.support.framework import subcommand
from infra.cli.support.i18n import say
from infra.cli.support.reporting import print_json
from infra.cli.support.session import Session, session_of


def register(app: typer.Typer) -> None:
    """Add this subcommand."""
    subcommand(
        app,
        "clock",
        panel=OPERATION,
        help=say(
            "Show the clock by which facts are recorded here, or confirm it: nothing is recorded by a clock "
            "that contradicts the log until somebody has compared it with another one."
        ),
        examples=("dossier clock show", "dossier clock confirm 2026-03-02T08:15"),
    )(clock)


def clock(
    ctx: typer.Context,
    action: Annotated[
        Literal["show", "confirm"],
        typer.Argument(metavar="show|confirm", show_default=False, help=say("What to do.")),
    ],
    time: Annotated[
        str | None,
        typer.Argument(
            metavar="[TIME]",
            show_default=False,
            help=say("Of confirm: the time that another clock shows now, for example 2026-03-02T08:15 (Vietnam time)."),
        ),
    ] = None,
) -> None:
    """Show or confirm the clock of this computer. It asks no broker and opens no log."""
    session = session_of(ctx)
    if (time is None) is (action == "confirm"):
        raise BadOption(reason=pair("confirm, and it alone, takes the time that another clock shows"))
    if time is not None:
        _confirm(session, _moment(time))
    _show(session)


def _confirm(session: Session, other: datetime) -> None:
    from infra.clock import ClockConfirmation

    ClockConfirmation(session.settings().state_dir).confirm(other)


def _show(session: Session) -> None:
    from consumers.commands.recording_clock import shown
    from infra.cli.support.tables import print_pairs
    from infra.clock import ClockConfirmation, is_synchronised, utc_now

    now, synchronised = utc_now(), is_synchronised()
    confirmed = ClockConfirmation(session.settings().state_dir).holds()
    if session.json:
        print_json({"now": now, "synchronised": synchronised, "confirmed": confirmed})
        return
    text = session.text
    answers = {True: text("yes"), False: text("no")}
    print_pairs(
        (
            (text("This computer's clock"), shown(now)),
            (text("Kept by a time server"), answers[synchronised]),
            (text("Confirmed"), answers[confirmed]),
        )
    )


def _moment(text: str) -> datetime:
    """A moment, in Vietnam's time where no zone is given. Raises BadOption."""
    from domain.context import VIETNAM

    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise BadOption(
            reason=pair("{text}: a moment is expected, for example 2026-03-02T08:15", text=text),
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=timezone(VIETNAM))
