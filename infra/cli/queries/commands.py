"""`dossier commands`: every command that machines may send, with its JSON Schema and an example."""

# ruff: noqa: PLC0415  # the schemas are needed only once they are asked for

from __future__ import annotations

import json
from difflib import get_close_matches
from typing import Annotated, Any

import typer

from infra.cli.support.arguments import OPERATION
from infra.cli.support.framework import subcommand
from infra.cli.support.i18n import say
from infra.cli.support.reporting import print_json
from infra.cli.support.session import Session, session_of
from infra.terminal.output import write_line


def register(app: typer.Typer) -> None:
    """Add this subcommand."""
    subcommand(
        app,
        "commands",
        panel=OPERATION,
        help=say("Print every command that `dossier apply` takes, with its JSON Schema and a valid example."),
        examples=(
            "dossier commands",
            "dossier commands VerifyCriterion",
            "dossier commands --json",
        ),
    )(commands)


def commands(
    ctx: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            show_default=False,
            help=say("One command, with its whole schema."),
        ),
    ] = None,
) -> None:
    """Print the schemas of the commands."""
    from domain.procedure import STEPS
    from schemas.command_errors import UnknownCommand
    from schemas.command_parser import command_schemas, example

    session = session_of(ctx)
    known = command_schemas()
    if name is not None and name not in known:
        raise UnknownCommand(name=name, close=", ".join(get_close_matches(name, known)) or "-")
    described = [
        {
            "command": each,
            "roles": [role.value for role in STEPS[each].roles],
            "schema": known[each],
            "example": example(each),
        }
        for each in (known if name is None else (name,))
    ]
    if session.json:
        print_json(described if name is None else described[0])
        return
    for each in described:
        _print(session, each)
    if name is not None:
        write_line()
        write_line("JSON Schema:")
        print_json(known[name], indent=2)


def _print(session: Session, described: dict[str, Any]) -> None:
    from infra.cli.support.labels import role_name

    schema, text = described["schema"], session.text
    title, description = ("x-title-vi", "x-description-vi") if session.language == "vi" else ("title", "description")
    write_line()
    write_line(f"{described['command']}  {schema[title]}", style="bold")
    write_line(f"  {schema[description]}")
    roles = ", ".join(f"{role} ({role_name(role, 'vi')})" for role in described["roles"])
    write_line(f"  {text('given by')}: {roles}")
    data = schema["properties"]["data"]
    for key, part in data["properties"].items():
        needed = text(" (required)") if key in data["required"] else ""
        write_line(f"  data.{key}{needed}: {part.get(description, '')}")
    write_line(f"  {text('example')}: {json.dumps(described['example'], ensure_ascii=False)}")
