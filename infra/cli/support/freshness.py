"""How fresh an answer is, in text and in JSON, and the option that asks for a fresher one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from domain.i18n import pair
from infra.cli.support.errors import BadOption
from infra.cli.support.i18n import say
from infra.cli.support.session import Session

if TYPE_CHECKING:
    from projections.engine.snapshot import Freshness, Stale

WaitOption = Annotated[
    list[str] | None,
    typer.Option(
        "--wait",
        metavar="PARTITION/POSITION",
        help=say("Answer only once this position is shown, such as that of your own command; once for each partition."),
    ),
]


def positions(texts: list[str] | None) -> dict[int, int]:
    """Partition → position of `--wait 0/812`. Raises BadOption."""
    found: dict[int, int] = {}
    for text in texts or ():
        partition, _, position = text.partition("/")
        if not (partition.isdecimal() and position.isdecimal()):
            raise BadOption(
                reason=pair("--wait {text}: PARTITION/POSITION is expected, for example 0/812", text=text),
            )
        found[int(partition)] = max(int(position), found.get(int(partition), 0))
    return found


def rows_with(rows: list[Any], freshness: Freshness) -> dict[str, Any]:
    """A list of answers as JSON."""
    return {"rows": rows, "freshness": freshness.as_json()}


def print_freshness(session: Session, freshness: Freshness) -> None:
    """The last line of an answer: what it reflects; then each dossier in it that is not shown as it stands."""
    from infra.cli.support.tables import print_line  # noqa: PLC0415  # tables are needed only once it is asked

    text = session.text
    at = ", ".join(f"{partition}/{position}" for partition, position in freshness.positions.items())
    if freshness.events:
        late = text(
            "{events} events ({seconds:.0f} s) behind the log", events=freshness.events, seconds=freshness.seconds
        )
    else:
        late = text("nothing newer in the log")
    model = freshness.projection if freshness.version is None else f"{freshness.projection} v{freshness.version}"
    print_line(text("as of position {at}, {late} ({model})", at=at, late=late, model=model))
    for stale in freshness.stale:
        print_line(stale_text(session, stale))


def stale_text(session: Session, stale: Stale) -> str:
    """Why a dossier is not shown as it stands."""
    where = f"{stale.partition}/{stale.position}"
    return session.text(
        "STALE: dossier {dossier}: {event} (fact {version}, position {where}) could not be applied: "
        "{cause}; later facts that wait behind it: {waiting}",
        dossier=stale.dossier,
        event=stale.event,
        version=stale.version,
        where=where,
        cause=stale.cause,
        waiting=stale.waiting,
    )
