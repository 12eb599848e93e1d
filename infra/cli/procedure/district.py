"""The district's leg of a commune's dossier (II.1.1.b)."""

from __future__ import annotations

import typer

from infra.cli.procedure.submit import submit_command
from infra.cli.support.arguments import (
    DISTRICT,
    DossierArgument,
    FindingsFileOption,
    LetterOption,
    MeetingOption,
    MinutesOption,
    ReasonsOption,
)
from infra.cli.support.framework import subcommand
from infra.cli.support.i18n import say
from infra.cli.support.parsing import document, json_file


def register(app: typer.Typer) -> None:
    """Add these subcommands."""
    subcommand(
        app,
        "appraise",
        panel=DISTRICT,
        given=True,
        help=say("Record the district council's finding on every criterion of a commune, and its meeting (II.1.1.b)."),
        examples=(
            "dossier template findings 04630-CB-2024-1 > findings.json",
            "dossier template meeting > meeting.json",
            (
                "dossier appraise 04630-CB-2024-1 --findings findings.json --meeting meeting.json --on 2024-06-25 "
                '--person "Hoàng Văn Sơn"'
            ),
        ),
    )(appraise)
    subcommand(
        app,
        "send-on",
        panel=DISTRICT,
        given=True,
        help=say("Send a commune's dossier on to the province, with the district's letter and minutes (II.1.1.b)."),
        examples=(
            (
                'dossier send-on 04630-CB-2024-1 --letter "142/TTr-UBND|2024-06-26|UBND huyện Văn Chấn|to-trinh.pdf" '
                '--minutes "|2024-06-25|UBND huyện Văn Chấn|bien-ban.pdf" --on 2024-06-26 --person "Hoàng Văn Sơn"'
            ),
        ),
    )(send_on)
    subcommand(
        app,
        "refuse-by-district",
        panel=DISTRICT,
        given=True,
        help=say("Refuse a commune's dossier by the district council, with reasons: the attempt ends (reading 3)."),
        examples=(
            'dossier refuse-by-district 04630-CB-2024-1 --reasons "Tiêu chí I.1 chưa đạt" --person "Hoàng Văn Sơn"',
        ),
    )(refuse_by_district)


def appraise(
    ctx: typer.Context, dossier: DossierArgument, findings: FindingsFileOption = None, meeting: MeetingOption = None
) -> None:
    """AppraiseDossier."""
    submit_command(ctx, "AppraiseDossier", dossier, {"findings": json_file(findings), "meeting": json_file(meeting)})


def send_on(
    ctx: typer.Context, dossier: DossierArgument, letter: LetterOption = None, minutes: MinutesOption = None
) -> None:
    """SendToProvince."""
    submit_command(ctx, "SendToProvince", dossier, {"letter": document(letter), "minutes": document(minutes)})


def refuse_by_district(ctx: typer.Context, dossier: DossierArgument, reasons: ReasonsOption = None) -> None:
    """RefuseByDistrictCouncil."""
    submit_command(ctx, "RefuseByDistrictCouncil", dossier, {"reasons": reasons})
