"""`dossier replay`: a dossier as it was known at a moment, as it was true on a day, or as of a fact."""

# ruff: noqa: PLC0415  # the log and the tables are needed only once it is asked

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timezone
from typing import TYPE_CHECKING, Annotated, Final

import typer

from domain.i18n import pair
from infra.cli.support.arguments import QUESTIONS, DossierArgument
from infra.cli.support.errors import BadOption
from infra.cli.support.framework import subcommand
from infra.cli.support.freshness import print_freshness
from infra.cli.support.i18n import say
from infra.cli.support.parsing import only_one
from infra.cli.support.reporting import print_json
from infra.cli.support.session import session_of

if TYPE_CHECKING:
    from domain.dossier.aggregate import DossierEvent

_DAY_LENGTH: Final = len("2024-07-01")


def register(app: typer.Typer) -> None:
    """Add this subcommand."""
    subcommand(
        app,
        "replay",
        panel=QUESTIONS,
        help=say("Replay a dossier from its facts: as known at a moment, as true on a day, or up to a fact."),
        examples=(
            "dossier replay 04630-CB-2024-1",
            "dossier replay 04630-CB-2024-1 --recorded-by 2024-07-15T17:00",
            "dossier replay 04630-CB-2024-1 --true-on 2024-07-15",
            "dossier replay 04630-CB-2024-1 --version 5 --json",
        ),
    )(replay)


def replay(
    ctx: typer.Context,
    dossier: DossierArgument,
    recorded_by: Annotated[
        str | None,
        typer.Option(
            "--recorded-by",
            metavar="TIME",
            help=say(
                "What was known then: ISO, for example 2024-07-15T17:00; Vietnam time where no zone is given, "
                "the end of the day where no time is given."
            ),
        ),
    ] = None,
    true_on: Annotated[
        str | None,
        typer.Option(
            "--true-on",
            metavar="DAY",
            help=say("What was true on that day, by all that is known today, corrections included."),
        ),
    ] = None,
    version: Annotated[
        int | None,
        typer.Option("--version", min=1, metavar="N", help=say("Up to fact N.")),
    ] = None,
) -> None:
    """Show a dossier as it results from a selection of its events."""
    from domain.dossier import as_of
    from infra.cli.queries.replay_view import Replay
    from infra.cli.support.dossiers import events_of
    from projections.engine.snapshot import of_log

    only_one("--recorded-by, --true-on, --version", recorded_by, true_on, version)
    moment, day = _moment(recorded_by), _day(true_on)
    session = session_of(ctx)
    with session.application() as application:
        freshness = of_log(application.log)
        events = events_of(application, dossier)
        wrong = application.doubtful(events[0].originator_id, [event.timestamp for event in events])
    number, doubted = _number(events), frozenset(events[place].originator_version for place in wrong)
    if moment is not None:
        events = as_of.as_recorded(events, moment)
    elif day is not None:
        events = as_of.as_effective(events, day)
    elif version is not None:
        last = events[-1].originator_version
        if version > last:
            raise BadOption(
                reason=pair("--version {version}: the dossier has {last} facts", version=version, last=last)
            )
        events = as_of.at_version(events, version)
    replayed = Replay(number, events, recorded_by=moment, true_on=day, version=version, doubtful=doubted)
    if session.json:
        print_json({**replayed.as_json(), "freshness": freshness.as_json()})
    else:
        replayed.show(session)
        print_freshness(session, freshness)


def _moment(text: str | None) -> datetime | None:
    """A moment; Vietnam's time where no zone is given, the end of the day where no time is."""
    if text is None:
        return None
    from domain.context import VIETNAM

    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise BadOption(
            reason=pair("--recorded-by {text}: a moment is expected, for example 2024-07-15T17:00+07:00", text=text),
        ) from None
    if len(text) <= _DAY_LENGTH:
        found = datetime.combine(found.date(), time.max)
    return found if found.tzinfo else found.replace(tzinfo=timezone(VIETNAM))


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadOption(
            reason=pair("--true-on {text}: a day is expected, for example 2024-07-15", text=text),
        ) from None


def _number(events: Sequence[DossierEvent]) -> str:
    """The number that the first fact gave the dossier."""
    from domain.dossier.aggregate import DossierCreated

    first = events[0]
    return first.number if isinstance(first, DossierCreated) else ""
