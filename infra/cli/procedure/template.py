"""`dossier template`: the forms that the bulky commands read, to be filled in."""

# ruff: noqa: PLC0415  # the log is needed only for the forms of a dossier

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from domain.i18n import pair
from infra.cli.procedure.templates import findings_form, meeting_form, members_form, self_assessment_form
from infra.cli.support.arguments import QUESTIONS
from infra.cli.support.errors import BadOption
from infra.cli.support.framework import subcommand
from infra.cli.support.i18n import say
from infra.cli.support.reporting import print_json
from infra.cli.support.session import session_of

_OF_A_DOSSIER = {"self-assessment": self_assessment_form, "findings": findings_form}


def register(app: typer.Typer) -> None:
    """Add this subcommand."""
    subcommand(
        app,
        "template",
        panel=QUESTIONS,
        help=say("Print a form to fill in, as JSON: with every criterion of the dossier, its target and lead agency."),
        examples=(
            "dossier template self-assessment 04630-CB-2024-1 > claims.json",
            "dossier template findings 04630-CB-2024-1 > findings.json",
            "dossier template meeting > meeting.json",
            "dossier template members > members.json",
        ),
    )(template)


def template(
    ctx: typer.Context,
    form: Annotated[
        Literal["self-assessment", "findings", "meeting", "members"],
        typer.Argument(
            metavar="FORM",
            show_default=False,
            help=say("self-assessment, findings, meeting or members."),
        ),
    ],
    dossier: Annotated[
        str | None,
        typer.Argument(
            metavar="DOSSIER",
            show_default=False,
            help=say("The dossier, for its criteria."),
        ),
    ] = None,
) -> None:
    """Print a form to be filled in."""
    print_json(_form(ctx, form, dossier), indent=2)


def _form(ctx: typer.Context, form: str, dossier: str | None) -> Any:
    if form == "meeting":
        return meeting_form()
    if form == "members":
        return members_form()
    if dossier is None:
        raise BadOption(
            reason=pair("name the dossier: dossier template {form} DOSSIER", form=form),
        )
    from infra.cli.support.dossiers import dossier_of

    session = session_of(ctx)
    with session.application() as application:
        return _OF_A_DOSSIER[form](dossier_of(application, dossier), session.language)
