"""`dossier decisions stream`: who holds the public stream up, and how it is let go on."""

# ruff: noqa: PLC0415  # Kafka is needed only once it is asked

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from domain.i18n import pair
from infra.cli.support.arguments import OPERATION
from infra.cli.support.errors import BadOption
from infra.cli.support.framework import DossierGroup, examples_text, subcommand
from infra.cli.support.i18n import say
from infra.cli.support.reporting import print_json, tell_done
from infra.cli.support.session import Session, session_of

if TYPE_CHECKING:
    from infra.delivery.kafka.transactions import OpenTransaction

_EXAMPLES = (
    "dossier decisions stream abort",
    "dossier decisions stream abort --partition 0 --producer 4001 --offset 812",
)

app = typer.Typer(
    cls=DossierGroup,
    no_args_is_help=True,
    epilog=examples_text(_EXAMPLES),
    context_settings={"help_option_names": ["--help", "-h"]},
    help=say("The public stream on Kafka: transactions that hold it up."),
)


def abort(
    ctx: typer.Context,
    *,
    partition: Annotated[int | None, typer.Option("--partition", min=0, help=say("The partition."))] = None,
    producer: Annotated[
        int | None, typer.Option("--producer", metavar="ID", help=say("The producer, as it was shown."))
    ] = None,
    offset: Annotated[
        int | None, typer.Option("--offset", help=say("The first offset of the transaction, as it was shown."))
    ] = None,
    stream: Annotated[
        str | None,
        typer.Option("--stream", metavar="URL", help=say("The Kafka cluster (else DOSSIER_DECISIONS).")),
    ] = None,
) -> None:
    """Show the open transactions, or abort the one that is named."""
    from infra.delivery.kafka.transactions import abort as abort_transaction
    from infra.delivery.kafka.transactions import open_transactions
    from infra.delivery.settings import stream_settings

    session = session_of(ctx)
    named = (partition, producer, offset)
    if any(each is not None for each in named) and None in named:
        raise BadOption(reason=pair("--partition, --producer and --offset go together"))
    kafka = stream_settings(stream, log=session.log).kafka
    found = open_transactions(kafka)
    if partition is None:
        _show(session, found)
        return
    chosen = [each for each in found if (each.partition, each.producer, each.first) == named]
    if not chosen:
        raise BadOption(reason=pair("no such transaction is open any more: look at them again"))
    abort_transaction(kafka, chosen[0])
    line = session.text("the transaction at offset {offset} is aborted; the publisher goes on by itself", offset=offset)
    tell_done(session, {"aborted": _as_json(chosen[0])}, line)


def _show(session: Session, found: Sequence[OpenTransaction]) -> None:
    from infra.cli.support.tables import print_line, print_pairs

    if session.json:
        print_json({"open": [_as_json(each) for each in found]})
        return
    text = session.text
    if not found:
        print_line(text("no transaction is open"))
        return
    for each in found:
        print_pairs(
            (
                (text("Partition"), each.partition),
                (text("Offset"), each.first),
                (text("Producer"), each.producer),
                (text("Since"), each.since.isoformat(timespec="seconds")),
                (text("Transactional id"), each.transactional_id or text("none is known: it never ends by itself")),
                (text("Writes to"), ", ".join(each.topics) or None),
            )
        )


def _as_json(found: OpenTransaction) -> dict[str, Any]:
    return {**found._asdict(), "since": found.since.isoformat(timespec="milliseconds")}


subcommand(
    app,
    "abort",
    panel=OPERATION,
    help=say("Show which producer holds a partition of the stream up since when, or abort its transaction."),
    examples=_EXAMPLES,
)(abort)
