"""Arguments and options that several subcommands have."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from infra.cli.support.i18n import say
from infra.cli.support.parsing import DOC

PREPARATION = say("The applicant")
DISTRICT = say("The district")
STANDING = say("The standing agency (Sở Thông tin và Truyền thông)")
MEMBERS = say("The council's members")
CHAIRMAN = say("The Chairman")
CORRECTIONS = say("Corrections")
QUESTIONS = say("Questions")
OPERATION = say("Machines and operation")

DossierArgument = Annotated[
    str,
    typer.Argument(
        metavar="DOSSIER",
        show_default=False,
        help=say("Its number (04630-CB-2024-1), its id, or UNIT:LEVEL:YEAR (04630:basic:2024) for the latest attempt."),
    ),
]
UnitArgument = Annotated[
    str,
    typer.Argument(
        metavar="UNIT",
        show_default=False,
        help=say("The official code of a district (135) or commune (04630), or the id of a department (so-nv)."),
    ),
]
MeetingOption = Annotated[
    str | None,
    typer.Option(
        "--meeting",
        metavar="FILE",
        help=say("The minutes in the parts of form 02, as JSON (`dossier template meeting`), - for standard input."),
    ),
]
FindingsFileOption = Annotated[
    str | None,
    typer.Option(
        "--findings",
        metavar="FILE",
        help=say(
            "The finding on every criterion, as JSON (`dossier template findings DOSSIER`), - for standard input."
        ),
    ),
]
LetterOption = Annotated[str | None, typer.Option("--letter", metavar=DOC, help=say("The letter (DOC)."))]
MinutesOption = Annotated[
    str | None,
    typer.Option("--minutes", metavar=DOC, help=say("The minutes of the meeting (DOC).")),
]
ReportOption = Annotated[str | None, typer.Option("--report", metavar=DOC, help=say("The report (DOC)."))]
DecisionOption = Annotated[str | None, typer.Option("--decision", metavar=DOC, help=say("The decision (DOC)."))]
SignerOption = Annotated[str | None, typer.Option("--signer", metavar="NAME", help=say("Who signed the decision."))]
CapacityOption = Annotated[
    str | None,
    typer.Option(
        "--capacity",
        metavar="chairman|deputy",
        help=say('In which capacity: the Chairman, or a deputy for him ("KT. CHỦ TỊCH").'),
    ),
]
ReasonOption = Annotated[str | None, typer.Option("--reason", metavar="TEXT", help=say("The reason."))]
ReasonsOption = Annotated[str | None, typer.Option("--reasons", metavar="TEXT", help=say("The reasons."))]
PlaceOption = Annotated[str | None, typer.Option("--place", metavar="TEXT", help=say("The place."))]
PresentOption = Annotated[
    list[str] | None,
    typer.Option(
        "--present",
        metavar="NAME|POSITION|ORGANISATION",
        help=say("Each of those present; once for each."),
    ),
]
LogLevelOption = Annotated[
    Literal["debug", "info", "warning"],
    typer.Option("--log-level", help=say("How much is logged, as JSON on stderr.")),
]
