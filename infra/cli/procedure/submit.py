"""From what a person typed to the answer: the same envelope, reading and handler as for commands from machines."""

# ruff: noqa: PLC0415  # reading and handling are needed only once a command is given

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid4

import typer

from domain.errors import InfrastructureError
from infra.cli.support.reporting import MALFORMED, REFUSED, note, report, report_answer
from infra.cli.support.session import Session, session_of, today
from infra.terminal.output import write_line

if TYPE_CHECKING:
    from infra.bootstrap import Application

_EXIT_CODES: Final = {"accepted": 0, "refused": REFUSED, "malformed": MALFORMED}
_COUNCIL: Final = "council"


def submit_command(
    ctx: typer.Context,
    command: str,
    dossier: str,
    data: dict[str, Any],
    *,
    begins: bool = False,
    criterion: str | None = None,
    fact: int | None = None,
) -> None:
    """Give a command and show its answer; ends the run with the exit code that the answer asks for.

    1. Make the envelope, with the defaults for what was not given.
    2. Read it as a line of `dossier apply` is read, and handle it.
    3. Show the answer: a line of JSON, or where the dossier stands now.

    `begins`: the first command of a dossier or of the council, which may also begin a log.
    """
    session = session_of(ctx)
    command_id = session.given.command_id or str(uuid4())
    try:
        with session.application(create=begins) as application:
            envelope = _envelope(  # 1
                session, application, command, dossier, data, criterion=criterion, fact=fact
            )
            line, outcome = _handled(application, {**envelope, "command_id": command_id})  # 2
            answer = json.loads(line)
            if session.json:  # 3
                write_line(line)
            if not answer["ok"]:
                report_answer(answer["error"], session)
            elif not session.json:
                _show(session, application, answer)
    except InfrastructureError:
        note(session.text("give it again safely with") + f" --command-id {command_id}")
        raise
    raise typer.Exit(_EXIT_CODES[outcome])


def _envelope(
    session: Session,
    application: Application,
    command: str,
    dossier: str,
    data: dict[str, Any],
    *,
    criterion: str | None,
    fact: int | None,
) -> dict[str, Any]:
    from infra.cli.procedure.actor import actor_of
    from infra.cli.support.dossiers import reference

    decision = data.get("decision") or {}
    return {
        "command": command,
        "dossier": reference(dossier),
        # The day of a decision is the date of its document.
        "on": session.given.on or decision.get("date") or today(),
        "actor": actor_of(application, session.given, command, dossier, criterion=criterion, fact=fact),
        "data": {key: value for key, value in data.items() if value is not None},
    }


def _handled(application: Application, envelope: dict[str, Any]) -> tuple[str, str]:
    from schemas.command_parser import line_of

    return application.gateway.submit([line_of(envelope).encode("utf-8", "surrogatepass")])()[0]


def _show(session: Session, application: Application, answer: dict[str, Any]) -> None:
    """Where the dossier stands after an accepted command."""
    from domain.identity import COUNCIL_ID

    text = session.text
    lines = [(text("Recorded"), ", ".join(answer["events"]))]
    if UUID(answer["dossier"]) == COUNCIL_ID:
        lines.append((text("Of"), text("the provincial council")))
    else:
        try:
            lines += _standing(session, application, answer["dossier"])
        except InfrastructureError as error:
            # The fact is in the log, and whoever stated it has to hear so.
            report(error, session)
            note(session.text("the fact was recorded all the same; where its dossier stands now cannot be shown"))
    lines += [
        (text("Fact"), str(answer["version"])),
        (text("Position"), f"{answer['partition']}/{answer['position']}"),
        (text("Command id"), answer["command_id"]),
    ]
    width = max(len(name) for name, _ in lines)
    for name, value in lines:
        write_line(f"{name:<{width}}  {value}")


def _standing(session: Session, application: Application, dossier_id: str) -> list[tuple[str, str]]:
    from infra.cli.support.labels import next_step, state_name
    from projections import status

    text = session.text
    with application.read_models() as views:
        row = status.get(views, dossier_id)
    if row is None:
        return []
    name = application.settings.units.get(row["unit_id"]).name
    return [
        (text("Dossier"), f"{row['number']}  {name}"),
        (text("State"), state_name(row["state"], session.language)),
        (text("Next"), next_step(row, session)),
    ]
