"""What the standing agency does: receipt, return, letters to the members, the sum, the proposal (II.2, II.3, III.1)."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from domain.i18n import pair
from infra.cli.procedure.applicant import LevelOption, YearOption
from infra.cli.procedure.submit import submit_command
from infra.cli.procedure.templates import letters_to_all
from infra.cli.support.arguments import (
    STANDING,
    CapacityOption,
    DecisionOption,
    DossierArgument,
    LetterOption,
    MinutesOption,
    PresentOption,
    ReasonsOption,
    ReportOption,
    SignerOption,
    UnitArgument,
)
from infra.cli.support.errors import BadOption
from infra.cli.support.framework import subcommand
from infra.cli.support.i18n import say
from infra.cli.support.parsing import document, named_documents, only_one, people, person, votes


def register(app: typer.Typer) -> None:
    """Add these subcommands."""
    subcommand(
        app,
        "receive",
        panel=STANDING,
        given=True,
        help=say("Receive the complete dossier: the 15 days start (II.2)."),
        examples=('dossier receive 04630-CB-2024-1 --on 2024-07-01 --person "Trần Thị Thu Hà"',),
    )(receive)
    subcommand(
        app,
        "return",
        panel=STANDING,
        given=True,
        help=say("Return a dossier for completion; the clock stops. Also for a district council (II.2, reading 4)."),
        examples=(
            (
                'dossier return 04630-CB-2024-1 --missing "Biên bản chưa có chữ ký của thư ký" '
                '--missing "Tài liệu kiểm chứng tiêu chí I.7" --person "Trần Thị Thu Hà"'
            ),
        ),
    )(return_dossier)
    subcommand(
        app,
        "forward",
        panel=STANDING,
        given=True,
        help=say("Write to every member agency with the criteria that it leads, within 15 days (II.2, II.3)."),
        examples=(
            (
                'dossier forward 04630-CB-2024-1 --letter-to-all "701/STTTT-CĐS|2024-07-10|Sở TTTT|cong-van.pdf" '
                '--on 2024-07-10 --person "Trần Thị Thu Hà"'
            ),
            (
                'dossier forward 04630-CB-2024-1 --letter "so-yt=702/STTTT-CĐS|2024-07-10|Sở TTTT|cv702.pdf" '
                '--letter "so-nv=703/STTTT-CĐS|2024-07-10|Sở TTTT|cv703.pdf" --person "Trần Thị Thu Hà"'
            ),
        ),
    )(forward)
    subcommand(
        app,
        "sum-up",
        panel=STANDING,
        given=True,
        help=say("Sum up the members' results, once every criterion has one (II.3)."),
        examples=(
            (
                'dossier sum-up 04630-CB-2024-1 --report "210/BC-STTTT|2024-07-24|Sở TTTT|bao-cao.pdf" --on 2024-07-24 '
                '--person "Trần Thị Thu Hà"'
            ),
            'dossier sum-up 04630:basic:2024 --person "Trần Thị Thu Hà"',
        ),
    )(sum_up)
    subcommand(
        app,
        "close",
        panel=STANDING,
        given=True,
        help=say("Close a dossier whose sum does not hold, or that the council did not recommend (reading 3)."),
        examples=('dossier close 04630-CB-2024-1 --reasons "Đạt 5/18 tiêu chí mở rộng" --person "Trần Thị Thu Hà"',),
    )(close)
    subcommand(
        app,
        "council-meeting",
        panel=STANDING,
        given=True,
        help=say("Record the meeting of the provincial council, after a favourable sum (II.3)."),
        examples=(
            (
                'dossier council-meeting 04630-CB-2024-1 --chair "Lê Thị Bình|Phó Chủ tịch|UBND tỉnh" '
                '--present "Lê Thị Bình|Phó Chủ tịch|UBND tỉnh" --present "Trần Thị Thu Hà|Giám đốc|Sở TTTT" '
                '--minutes "|2024-07-30|Hội đồng thẩm định tỉnh|bien-ban.pdf" --recommends --votes 9/11=81.82 '
                '--on 2024-07-30 --person "Lê Thị Bình"'
            ),
        ),
    )(council_meeting)
    subcommand(
        app,
        "propose",
        panel=STANDING,
        given=True,
        help=say("Propose the recognition to the provincial People's Committee, in the council's name (II.3, III.1)."),
        examples=(
            (
                'dossier propose 04630-CB-2024-1 --letter "77/TTr-STTTT|2024-08-01|Sở TTTT|tt77.pdf" --on 2024-08-01 '
                '--person "Trần Thị Thu Hà"'
            ),
        ),
    )(propose)
    subcommand(
        app,
        "record-earlier",
        panel=STANDING,
        given=True,
        help=say("Record a recognition from before the system, with its decision."),
        examples=(
            (
                "dossier record-earlier 04630 --level basic --year 2023 "
                '--decision "2103/QĐ-UBND|2023-11-20|UBND tỉnh Yên Bái|quyet-dinh.pdf" --person "Trần Thị Thu Hà"'
            ),
        ),
    )(record_earlier)


def receive(ctx: typer.Context, dossier: DossierArgument) -> None:
    """ReceiveDossier."""
    submit_command(ctx, "ReceiveDossier", dossier, {})


def return_dossier(
    ctx: typer.Context,
    dossier: DossierArgument,
    missing: Annotated[
        list[str] | None,
        typer.Option(
            "--missing",
            metavar="TEXT",
            help=say("What is missing; once for each."),
        ),
    ] = None,
) -> None:
    """ReturnDossier."""
    submit_command(ctx, "ReturnDossier", dossier, {"missing": missing})


def forward(
    ctx: typer.Context,
    dossier: DossierArgument,
    *,
    letter: Annotated[
        list[str] | None,
        typer.Option(
            "--letter",
            metavar="AGENCY=DOC",
            help=say("The letter to one agency; once for each."),
        ),
    ] = None,
    letter_to_all: Annotated[
        str | None,
        typer.Option(
            "--letter-to-all",
            metavar="DOC",
            help=say("One letter that is addressed to every agency that leads a criterion."),
        ),
    ] = None,
) -> None:
    """ForwardToCouncil."""
    only_one("--letter, --letter-to-all", letter or None, letter_to_all)
    letters: dict[str, Any] | None = named_documents(letter, "--letter") or None
    if letter_to_all is not None:
        letters = letters_to_all(ctx, dossier, document(letter_to_all))
    submit_command(ctx, "ForwardToCouncil", dossier, {"letters": letters})


def sum_up(ctx: typer.Context, dossier: DossierArgument, report: ReportOption = None) -> None:
    """SumUpResults."""
    submit_command(ctx, "SumUpResults", dossier, {"report": document(report)})


def close(ctx: typer.Context, dossier: DossierArgument, reasons: ReasonsOption = None) -> None:
    """CloseAsUnfavourable."""
    submit_command(ctx, "CloseAsUnfavourable", dossier, {"reasons": reasons})


def council_meeting(
    ctx: typer.Context,
    dossier: DossierArgument,
    *,
    chair: Annotated[
        str | None,
        typer.Option("--chair", metavar="NAME|POSITION|ORGANISATION", help=say("Who chaired.")),
    ] = None,
    present: PresentOption = None,
    minutes: MinutesOption = None,
    recommends: Annotated[
        bool | None,
        typer.Option(
            "--recommends/--does-not-recommend",
            help=say("Whether the council recommends recognition."),
        ),
    ] = None,
    voted: Annotated[
        str | None,
        typer.Option(
            "--votes",
            metavar="N/N=PERCENT",
            help=say("Votes in favour of those attending, where it voted: 9/11=81.82."),
        ),
    ] = None,
) -> None:
    """RecordCouncilMeeting."""
    if recommends is None:
        raise BadOption(
            reason=pair("say --recommends or --does-not-recommend"),
        )
    data = {
        "chair": person(chair, "--chair", "organisation"),
        "present": people(present, "--present", "organisation"),
        "minutes": document(minutes),
        "recommends": recommends,
        "votes": votes(voted),
    }
    submit_command(ctx, "RecordCouncilMeeting", dossier, data)


def propose(ctx: typer.Context, dossier: DossierArgument, letter: LetterOption = None) -> None:
    """ProposeRecognition."""
    submit_command(ctx, "ProposeRecognition", dossier, {"letter": document(letter)})


def record_earlier(
    ctx: typer.Context,
    unit: UnitArgument,
    level: LevelOption,
    year: YearOption,
    *,
    decision: DecisionOption = None,
    signer: SignerOption = None,
    capacity: CapacityOption = None,
) -> None:
    """RecordEarlierRecognition."""
    data = {"decision": document(decision), "signer": signer, "capacity": capacity}
    submit_command(ctx, "RecordEarlierRecognition", f"{unit}:{level}:{year}", data, begins=True)
