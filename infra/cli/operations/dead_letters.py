"""`dossier dead-letters`: commands that could not be decoded or handled."""

# ruff: noqa: PLC0415  # the clients of Kafka are needed only once it is asked

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from domain.i18n import pair
from infra.cli.support.arguments import OPERATION
from infra.cli.support.errors import BadOption
from infra.cli.support.framework import subcommand
from infra.cli.support.i18n import say
from infra.cli.support.reporting import MALFORMED, REFUSED, note, print_json, report_answer
from infra.cli.support.session import Session, session_of
from infra.terminal.output import write_line

if TYPE_CHECKING:
    from infra.bootstrap import Application
    from infra.queue.dead_letters import KafkaDeadLetters, Letter


def register(app: typer.Typer) -> None:
    """Add this subcommand."""
    subcommand(
        app,
        "dead-letters",
        panel=OPERATION,
        help=say(
            "Commands that could not be decoded or handled: list them, show one, give it again, or drop "
            "it.\n\nA command that a rule refused is none of them: it got its answer."
        ),
        examples=(
            "dossier dead-letters list",
            "dossier dead-letters show 2/1204",
            "dossier dead-letters retry 2/1204",
            "dossier dead-letters drop 2/1204",
        ),
    )(dead_letters)


def dead_letters(
    ctx: typer.Context,
    what: Annotated[
        Literal["list", "show", "retry", "drop"],
        typer.Argument(metavar="list|show|retry|drop", show_default=False, help=say("What to do.")),
    ],
    letter: Annotated[
        str | None,
        typer.Argument(
            metavar="PARTITION/OFFSET",
            show_default=False,
            help=say("The letter, as the list names it."),
        ),
    ] = None,
) -> None:
    """Show every dead letter that waits, or one of them."""
    session = session_of(ctx)
    if (what == "list") is not (letter is None):
        raise BadOption(reason=pair("list names no letter; show, retry and drop name one: PARTITION/OFFSET"))
    with session.application() as application, _letters(application) as topics:
        waiting = [(found, each) for found in topics for each in found.waiting()]
        passed_over = sum(found.passed_over for found in topics)
        if passed_over:
            note(session.text("records in the topic of dead letters that are none: {count}", count=passed_over))
        if letter is None:
            _list(session, [each for _, each in waiting])
            return
        topic, found = _one(waiting, letter)
        if what == "show":
            _show(session, found)
        elif what == "drop":
            topic.settle(found, "dropped")
            write_line(session.text("{name} was dropped", name=found.name))
        else:
            _retry(session, application, topic, found)


@contextmanager
def _letters(application: Application) -> Iterator[list[KafkaDeadLetters]]:
    from infra.queue.dead_letters import KafkaDeadLetters

    topic = application.topics.dead_letters
    opened = [KafkaDeadLetters(application.kafka, topic, number) for number in range(application.kafka.partitions)]
    try:
        yield opened
    finally:
        for each in opened:
            each.close()


def _one(waiting: list[tuple[KafkaDeadLetters, Letter]], name: str) -> tuple[KafkaDeadLetters, Letter]:
    """Raises NoSuchLetter."""
    from infra.queue.errors import NoSuchLetter

    for topic, letter in waiting:
        if letter.name == name:
            return topic, letter
    raise NoSuchLetter(letter=name)


def _list(session: Session, letters: list[Letter]) -> None:
    from infra.cli.support.tables import print_line, print_table

    if session.json:
        print_json([_as_json(letter) for letter in letters])
        return
    headings = (session.text("Letter"), session.text("Code"), session.text("Reason"))
    print_table(headings, ((each.name, each.error["code"], each.error["message"]) for each in letters))
    print_line(session.text("dead letters: {count}", count=len(letters)))


def _show(session: Session, letter: Letter) -> None:
    from infra.cli.support.tables import print_pairs

    if session.json:
        print_json(_as_json(letter))
        return
    text = session.text
    print_pairs(
        (
            (text("Letter"), letter.name),
            (text("Command id"), letter.command_id),
            (text("Error code"), letter.error["code"]),
            (text("Reason"), letter.error["message"]),
            (text("Bytes"), letter.size),
            (text("SHA-256"), letter.sha256),
            (text("Command") if letter.is_whole else text("Command begins"), _text_of(letter)),
        )
    )


def _retry(session: Session, application: Application, topic: KafkaDeadLetters, letter: Letter) -> None:
    """Hand the command in again, and settle the letter once it is handled."""
    from infra.queue.dead_letters import whole_command

    command = whole_command(application.kafka, application.topics.commands, letter)
    (answer,) = application.gateway.submit([command])()
    if session.json:
        write_line(answer.line)
    if answer.outcome != "malformed":
        topic.settle(letter, "retried")
    if answer.outcome == "accepted":
        write_line(session.text("{name} was accepted", name=letter.name), err=session.json)
        return
    report_answer(json.loads(answer.line)["error"], session)
    raise typer.Exit(REFUSED if answer.outcome == "refused" else MALFORMED)


def _as_json(letter: Letter) -> dict[str, Any]:
    return {
        "letter": letter.name,
        "command_id": letter.command_id,
        "error": letter.error,
        "size": letter.size,
        "sha256": letter.sha256,
        "command": _text_of(letter),
    }


def _text_of(letter: Letter) -> str:
    """The beginning of the command."""
    return letter.beginning.decode("utf-8", "backslashreplace")
