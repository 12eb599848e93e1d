"""`dossier procedure`: the table of the procedure, for people and for programs; no log is read."""

# ruff: noqa: PLC0415  # the table and the schemas are needed only once they are asked for

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from domain.catalogue import UnitKind
from infra.cli.queries.status import KindOption
from infra.cli.support.arguments import QUESTIONS
from infra.cli.support.framework import subcommand
from infra.cli.support.i18n import clause_text, say
from infra.cli.support.reporting import print_json
from infra.cli.support.session import Session, session_of

if TYPE_CHECKING:
    from domain.step import Step


def register(app: typer.Typer) -> None:
    """Add this subcommand."""
    subcommand(
        app,
        "procedure",
        panel=QUESTIONS,
        help=say(
            "Print the procedure: each step with who takes it, what its record must hold, by which clause, "
            "and what may follow."
        ),
        examples=("dossier procedure --kind commune", "dossier procedure --lang vi", "dossier procedure --json"),
    )(procedure)


def procedure(ctx: typer.Context, kind: KindOption = None) -> None:
    """Print the steps in the order of the guidance, of every kind of unit or of one."""
    from domain.procedure import PROCEDURE

    session = session_of(ctx)
    kinds = list(UnitKind) if kind is None else [kind]
    steps = [_described(step, kinds) for step in PROCEDURE if _kinds_of(step, kinds)]
    if session.json:
        print_json(steps)
        return
    for number, step in enumerate(steps, 1):
        _print(session, number, step)


def _kinds_of(step: Step, kinds: list[UnitKind]) -> list[UnitKind]:
    """Those of the kinds of unit that take the step."""
    from domain.step import DossierStep

    return [kind for kind in kinds if not isinstance(step, DossierStep) or step.states_for(kind)]


def _described(step: Step, kinds: list[UnitKind]) -> dict[str, Any]:
    from domain.dossier.states import State
    from domain.step import DossierStep
    from domain.transitions import may_follow, reachable
    from schemas.command_schemas import command_schemas

    schema = command_schemas()[step.name]
    takers = _kinds_of(step, kinds)
    parts = schema["properties"]["data"]["properties"]
    states = (
        {state for kind in takers for state in step.states_for(kind) & reachable(kind)}
        if isinstance(step, DossierStep) and step.orders is not None
        else None
    )
    return {
        "command": step.name,
        "title": {"en": schema["title"], "vi": schema["x-title-vi"]},
        "description": {"en": schema["description"], "vi": schema["x-description-vi"]},
        "event": step.event.__name__,
        "kinds": [kind.value for kind in takers],
        "roles": list(dict.fromkeys(role.value for kind in takers for role in step.roles_for(kind))),
        "must_hold": {name: _purpose(schema, part) for name, part in parts.items()},
        "clause": step.clause,
        "from": None if states is None else [state.value for state in State if state in states],
        "leads_to": [state.value for state in step.becomes],
        "may_follow": list(dict.fromkeys(each.name for kind in takers for each in may_follow(step, kind))),
    }


def _purpose(schema: dict[str, Any], part: dict[str, Any]) -> dict[str, str]:
    """What a part of a command is, in words of its own or else in those of its shape."""
    said = part if "description" in part else schema["$defs"][part["$ref"].rpartition("/")[2]]
    return {"en": said["description"], "vi": said["x-description-vi"]}


def _print(session: Session, number: int, step: dict[str, Any]) -> None:
    from infra.cli.support.tables import print_heading, print_pairs

    text = session.text
    print_heading(f"{number}. {step['title'][session.language]} ({step['command']})")
    print_pairs(
        (
            (text("what"), step["description"][session.language]),
            (text("who"), _who(session, step["roles"])),
            (text("must hold"), [part[session.language] for part in step["must_hold"].values()]),
            (text("clause"), clause_text(step["clause"], session.language)),
            (text("may follow"), _what_follows(session, step)),
        )
    )


def _who(session: Session, roles: list[str]) -> str:
    from domain.authorization import Role
    from infra.cli.support.labels import role_name

    if set(roles) == set(Role):
        return session.text("the agency that recorded the fact")
    return ", ".join(role_name(role, session.language) for role in roles)


def _what_follows(session: Session, step: dict[str, Any]) -> str:
    from schemas.command_schemas import command_schemas

    if step["may_follow"] and not step["leads_to"]:
        return session.text("what could follow before it")
    title = "x-title-vi" if session.language == "vi" else "title"
    return "; ".join(command_schemas()[name][title] for name in step["may_follow"])
