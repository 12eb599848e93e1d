"""What the applicant unit does, and its own meeting (II.1.1, II.1.2, II.4)."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from infra.cli.procedure.submit import submit_command
from infra.cli.procedure.templates import filled_claims
from infra.cli.support.arguments import (
    PREPARATION,
    DossierArgument,
    LetterOption,
    MeetingOption,
    MinutesOption,
    PlaceOption,
    ReasonOption,
    ReportOption,
    UnitArgument,
)
from infra.cli.support.framework import subcommand
from infra.cli.support.i18n import say
from infra.cli.support.parsing import document, json_file

LevelOption = Annotated[
    Literal["basic", "advanced"],
    typer.Option(
        "--level",
        show_default=False,
        help=say("basic (đạt chuyển đổi số) or advanced (chuyển đổi số nâng cao)."),
    ),
]
YearOption = Annotated[int, typer.Option("--year", show_default=False, help=say("The year of forms 01-03."))]


def register(app: typer.Typer) -> None:
    """Add these subcommands."""
    subcommand(
        app,
        "open",
        panel=PREPARATION,
        given=True,
        help=say("Open a dossier of a unit for a level and a year (II.1.1)."),
        examples=(
            'dossier open 04630 --level basic --year 2024 --on 2024-06-17 --person "Lò Văn Thắng"',
            'dossier open so-nv --level advanced --year 2024 --person "Nguyễn Thị Hằng" --lang vi',
            'dossier open 04630 --level basic --year 2024 --as applicant:04630 --person "Lò Văn Thắng" --json',
        ),
    )(open_dossier)
    subcommand(
        app,
        "self-assess",
        panel=PREPARATION,
        given=True,
        help=say("Record what the unit says of its criteria: figures and evidence, all at once or in parts (form 03)."),
        examples=(
            "dossier template self-assessment 04630-CB-2024-1 > claims.json",
            'dossier self-assess 04630-CB-2024-1 --claims claims.json --on 2024-06-18 --person "Lò Văn Thắng"',
            'dossier self-assess 04630:basic:2024 --claims - --person "Lò Văn Thắng" < claims.json',
        ),
    )(self_assess)
    subcommand(
        app,
        "own-meeting",
        panel=PREPARATION,
        given=True,
        help=say(
            "Record the own meeting of a department's steering committee, or of a district's council (II.1.1.a, b)."
        ),
        examples=(
            "dossier template meeting > meeting.json",
            'dossier own-meeting SO-NV-CB-2024-1 --meeting meeting.json --on 2024-06-20 --person "Lê Thị Hoa"',
        ),
    )(own_meeting)
    subcommand(
        app,
        "submit",
        panel=PREPARATION,
        given=True,
        help=say("Submit the dossier of a department or district to the province, with forms 01, 02 and 03 (II.1.2)."),
        examples=(
            (
                'dossier submit SO-NV-CB-2024-1 --letter "64/TTr-SNV|2024-06-25|Sở Nội vụ|to-trinh.pdf" '
                '--minutes "|2024-06-20|Sở Nội vụ|bien-ban.pdf" --report "118/BC-SNV|2024-06-24|Sở Nội vụ|bao-cao.pdf" '
                '--on 2024-06-25 --person "Lê Thị Hoa"'
            ),
        ),
    )(submit)
    subcommand(
        app,
        "submit-to-district",
        panel=PREPARATION,
        given=True,
        help=say("Submit a commune's dossier to the district council, with its report of form 03 (II.1.1.c)."),
        examples=(
            (
                'dossier submit-to-district 04630-CB-2024-1 --report "25/BC-UBND|2024-06-18|UBND xã Tú Lệ|bao-cao.pdf" '
                '--on 2024-06-19 --person "Lò Văn Thắng"'
            ),
        ),
    )(submit_to_district)
    subcommand(
        app,
        "announce",
        panel=PREPARATION,
        given=True,
        help=say("Announce the recognition; scale and manner are the unit's own (II.4)."),
        examples=(
            (
                'dossier announce 04630-CB-2024-1 --place "Nhà văn hóa xã" --form "Hội nghị của xã" --on 2024-08-22 '
                '--person "Lò Văn Thắng"'
            ),
        ),
    )(announce)
    subcommand(
        app,
        "withdraw",
        panel=PREPARATION,
        given=True,
        help=say("Withdraw a dossier before the decision; a commune's that was sent on, by the district (reading 4)."),
        examples=('dossier withdraw 04630-CB-2024-1 --reason "Bổ sung số liệu" --person "Lò Văn Thắng"',),
    )(withdraw)


def open_dossier(
    ctx: typer.Context,
    unit: UnitArgument,
    level: LevelOption,
    year: YearOption,
    catalogue_version: Annotated[
        int | None,
        typer.Option(
            "--catalogue-version",
            help=say("The version of the catalogue of criteria; else the newest."),
        ),
    ] = None,
) -> None:
    """OpenDossier."""
    submit_command(ctx, "OpenDossier", f"{unit}:{level}:{year}", {"catalogue_version": catalogue_version}, begins=True)


def self_assess(
    ctx: typer.Context,
    dossier: DossierArgument,
    claims: Annotated[
        str,
        typer.Option(
            "--claims",
            metavar="FILE",
            show_default=False,
            help=say("The claims as JSON (`dossier template self-assessment DOSSIER`), - for standard input."),
        ),
    ],
) -> None:
    """RecordSelfAssessment."""
    submit_command(ctx, "RecordSelfAssessment", dossier, {"claims": filled_claims(ctx, json_file(claims))})


def own_meeting(ctx: typer.Context, dossier: DossierArgument, meeting: MeetingOption = None) -> None:
    """RecordOwnMeeting."""
    submit_command(ctx, "RecordOwnMeeting", dossier, {"meeting": json_file(meeting)})


def submit(
    ctx: typer.Context,
    dossier: DossierArgument,
    letter: LetterOption = None,
    minutes: MinutesOption = None,
    report: ReportOption = None,
) -> None:
    """SubmitDossier."""
    data = {"letter": document(letter), "minutes": document(minutes), "report": document(report)}
    submit_command(ctx, "SubmitDossier", dossier, data)


def submit_to_district(ctx: typer.Context, dossier: DossierArgument, report: ReportOption = None) -> None:
    """SubmitToDistrictCouncil."""
    submit_command(ctx, "SubmitToDistrictCouncil", dossier, {"report": document(report)})


def announce(
    ctx: typer.Context,
    dossier: DossierArgument,
    place: PlaceOption = None,
    form: Annotated[
        str | None,
        typer.Option("--form", metavar="TEXT", help=say("The form of the announcement.")),
    ] = None,
) -> None:
    """AnnounceRecognition."""
    submit_command(ctx, "AnnounceRecognition", dossier, {"place": place, "form": form})


def withdraw(ctx: typer.Context, dossier: DossierArgument, reason: ReasonOption = None) -> None:
    """WithdrawDossier."""
    submit_command(ctx, "WithdrawDossier", dossier, {"reason": reason})
