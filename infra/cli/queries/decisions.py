"""`dossier decisions`: the public decisions for those who subscribe; `dossier publisher`: their way to Kafka."""

# ruff: noqa: PLC0415  # Kafka, webhooks and the read models are needed only once they are asked for

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer

from domain.i18n import pair
from infra.cli.operations import stream as public_stream
from infra.cli.operations import webhooks
from infra.cli.support.arguments import OPERATION, LogLevelOption
from infra.cli.support.errors import BadOption
from infra.cli.support.framework import DossierGroup, examples_text, subcommand
from infra.cli.support.i18n import say
from infra.cli.support.reporting import note, print_json
from infra.cli.support.session import Session, session_of
from infra.terminal.output import write_line

if TYPE_CHECKING:
    from consumers.feed import DecisionFeed, FeedDiverged, FeedEntry

_FOLLOW_EVERY = 0.2
_FEED_EVERY = 5.0
_BEGINNING = say("Where to begin: beginning, now, a day (2024-08-15), a position of the log, or a decision's id.")

app = typer.Typer(
    cls=DossierGroup,
    no_args_is_help=True,
    epilog=examples_text(("dossier decisions tail --help", "dossier decisions webhooks list")),
    context_settings={"help_option_names": ["--help", "-h"]},
    help=say("Public decisions: approved, rejected, announced, corrected, revoked, eligibility changed."),
)


def register(program: typer.Typer) -> None:
    """Add `decisions` with its subcommands, and `publisher`."""
    program.add_typer(app, name="decisions", rich_help_panel=OPERATION)
    subcommand(
        program,
        "publisher",
        panel=OPERATION,
        help=say("Publish the decisions to Kafka, each once, until stopped."),
        examples=(
            "dossier publisher --stream 'kafka://broker:9092?replication=3'",
            "dossier publisher --once",
        ),
    )(publisher)


def tail(
    ctx: typer.Context,
    beginning: Annotated[str, typer.Option("--from", metavar="PLACE", help=_BEGINNING)] = "now",
    follow: Annotated[
        bool,
        typer.Option("--follow/--no-follow", help=say("Wait for what comes, or end.")),
    ] = True,
) -> None:
    """Run the reference subscriber: it proves to itself that it misses nothing, and stops where it cannot."""
    from infra.processes import until_stopped
    from projections.public_decisions.sequence import SequenceChecker

    session, proof = session_of(ctx), SequenceChecker()
    with session.application() as application, until_stopped() as stop:
        decisions = application.decisions
        at = dict(decisions.cursor_at(beginning))
        shown: dict[int, FeedEntry] = {}
        while not stop.is_set():
            found = decisions.after(at)
            _check_shown(decisions, shown)
            for each in found:
                if proof.check(each.record) is not None:
                    raise _does_not_follow(each)
                _show(session, each, decisions.serializer.json(each.record))
                at[each.partition] = each.feed_position
                shown[each.partition] = each
            if not found and (not follow or stop.wait(_FOLLOW_EVERY)):
                break


def _check_shown(decisions: DecisionFeed, shown: Mapping[int, FeedEntry]) -> None:
    """Whether the last decision that was shown of each partition still is what it was. Raises FeedDiverged."""
    from consumers.feed import FeedDiverged

    for partition, last in shown.items():
        if decisions.entry_at(partition, last.feed_position) != last:
            reason = pair("the decision {id} reads otherwise", id=last.record["id"])
            raise FeedDiverged(place=f"{partition}/{last.feed_position.position}", reason=reason)


def _does_not_follow(each: FeedEntry) -> FeedDiverged:
    """The error for a decision that does not follow the one of its unit that was shown before."""
    from consumers.feed import FeedDiverged

    unit, sequence = each.record["unit"]["id"], each.record["sequence"]
    reason = pair("decision {sequence} of unit {unit} does not follow the one before", sequence=sequence, unit=unit)
    return FeedDiverged(place=f"{each.partition}/{each.feed_position.position}", reason=reason)


def replay(
    ctx: typer.Context,
    *,
    unit: Annotated[str, typer.Option("--unit", metavar="UNIT", help=say("The unit."))],
    beginning: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="PLACE",
            help=say("A number of the unit's own count (1, 2, …), a day, or a decision's id: what follows it."),
        ),
    ],
    last: Annotated[
        int | None,
        typer.Option(
            "--to",
            metavar="NUMBER",
            help=say("The last number; else the last there is."),
        ),
    ] = None,
    topic: Annotated[
        str | None,
        typer.Option("--topic", help=say("Into a Kafka topic of your own.")),
    ] = None,
    webhook: Annotated[
        str | None,
        typer.Option("--webhook", metavar="NAME", help=say("To this webhook.")),
    ] = None,
    stream: Annotated[
        str | None,
        typer.Option(
            "--stream",
            metavar="URL",
            help=say("The Kafka cluster (else DOSSIER_DECISIONS)."),
        ),
    ] = None,
) -> None:
    """Make a bounded replay for one subscriber, marked as one; others see nothing of it."""
    session = session_of(ctx)
    if topic is not None and webhook is not None:
        raise BadOption(reason=pair("either --topic or --webhook"))
    name = f"replay-{uuid4()}"
    with session.application() as application:
        decisions = application.decisions
        found = decisions.of_unit(application.settings.units.get(unit).id, beginning, last)
        if topic is not None:
            from infra.delivery.kafka.stream import encoding_of
            from infra.delivery.kafka.stream import replay as to_topic
            from infra.delivery.settings import stream_settings

            settings = stream_settings(stream, log=session.log)
            values = encoding_of(settings.kafka, settings.registry)
            to_topic(settings.kafka, decisions.serializer, topic, found, name=name, encoding=values)
        elif webhook is not None:
            webhooks.enqueue_replay(application, webhook, found, name)
        else:
            for each in found:
                _show(session, each, decisions.serializer.json(each.record, replay=name))
    note(session.text("{name}: {count} decisions", name=name, count=len(found)))


def files(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help=say("Where they are kept."))],
    follow: Annotated[
        bool,
        typer.Option("--follow/--no-follow", help=say("Go on until stopped.")),
    ] = False,
) -> None:
    """Write the feed into files."""
    from infra.delivery.files import FileFeed
    from infra.processes import until_stopped

    session = session_of(ctx)
    with session.application() as application, until_stopped() as stop:
        feed = FileFeed(folder, application.decisions)
        written = feed.write()
        while follow and not stop.wait(_FEED_EVERY):
            written += feed.write()
    if session.json:
        print_json({"folder": str(folder), "written": written})
    else:
        write_line(session.text("{written} decisions written", written=written))


def publisher(
    ctx: typer.Context,
    stream: Annotated[
        str | None,
        typer.Option(
            "--stream",
            metavar="URL",
            help=say("The Kafka cluster (else DOSSIER_DECISIONS)."),
        ),
    ] = None,
    once: Annotated[
        bool,
        typer.Option("--once", help=say("Publish what there is, of all partitions, and end.")),
    ] = False,
    log_level: LogLevelOption = "info",
) -> None:
    """Publish the public decisions to the stream on Kafka, each exactly once."""
    from infra.delivery.kafka.publisher_process import PROCESS, run_publisher
    from infra.delivery.kafka.stream import publish_once
    from infra.delivery.settings import stream_settings
    from infra.diagnosis.halts import HaltFile
    from infra.logging import log_as_json
    from infra.processes import until_stopped

    session = session_of(ctx)
    log_as_json(log_level)
    # As a worker and a projector do, it waits for the first record of a log on Kafka; an embedded log it waits for.
    follows = not once and not isinstance(session.settings().log, Path)
    with session.application(create=follows, long_running=follows) as application:
        settings = stream_settings(stream, log=session.log)
        halt = HaltFile(application.settings.state_dir, PROCESS)
        with halt.keeping():
            if not once:
                with until_stopped() as stop:
                    run_publisher(application, application.stream(settings), stop)
                return
            partitions = application.log.partitions
            target = application.stream(settings)
            published = publish_once([application.publisher(target, partition) for partition in partitions], target)
            # Whatever a publisher that follows halted at before: all partitions are published by now.
            for each in (halt, *(HaltFile(application.settings.state_dir, PROCESS, at) for at in partitions)):
                each.went_on()
    print_json({"published": published})


def _show(session: Session, each: FeedEntry, event: str) -> None:
    if session.json:
        write_line(event)
        return
    record: dict[str, Any] = each.record
    words = (
        record["took_place_on"],
        record["unit"]["id"],
        f"{record['sequence']:>3}",
        f"{record['kind']:<19}",
        record["decision"]["number"] or "-",
        f"{record['unit']['name']}, {record['level_name']} {record['year']}",
        record["id"],
    )
    write_line("  ".join(words))


def _add(name: str, handler: Any, help_text: str, examples: tuple[str, ...]) -> None:
    subcommand(app, name, panel=OPERATION, help=help_text, examples=examples)(handler)


_add(
    "tail",
    tail,
    say("Show the decisions as they are made; with --json one CloudEvent a line."),
    ("dossier decisions tail --from beginning --no-follow", "dossier decisions tail --from 2024-08-15 --json"),
)
_add(
    "replay",
    replay,
    say("Replay a unit's decisions for one subscriber, marked as a replay."),
    (
        "dossier decisions replay --unit 04630 --from 1 --json",
        "dossier decisions replay --unit 04630 --from 2024-08-15 --webhook portal",
    ),
)
_add(
    "files",
    files,
    say("Write the decisions into files, one a day (JSON Lines)."),
    ("dossier decisions files feed", "dossier decisions files feed --follow"),
)
app.add_typer(webhooks.app, name="webhooks", rich_help_panel=OPERATION)
app.add_typer(public_stream.app, name="stream", rich_help_panel=OPERATION)
