"""Arguments and options that several subcommands have."""

from __future__ import annotations

from typing import Annotated

import typer

from infra.cli.support.i18n import say
from infra.cli.support.parsing import DOC

PREPARATION = say("The applicant", "Đơn vị đề nghị")
DISTRICT = say("The district", "Cấp huyện")
STANDING = say(
    "The standing agency (Sở Thông tin và Truyền thông)", "Cơ quan thường trực (Sở Thông tin và Truyền thông)"
)
MEMBERS = say("The council's members", "Thành viên Hội đồng thẩm định tỉnh")
CHAIRMAN = say("The Chairman", "Chủ tịch UBND tỉnh")
CORRECTIONS = say("Corrections", "Đính chính")
QUESTIONS = say("Questions", "Tra cứu")
OPERATION = say("Machines and operation", "Máy và vận hành")

DossierArgument = Annotated[
    str,
    typer.Argument(
        metavar="DOSSIER",
        show_default=False,
        help=say(
            "Its number (04630-CB-2024-1), its id, or UNIT:LEVEL:YEAR (04630:basic:2024) for the latest attempt.",
            "Số hiệu (04630-CB-2024-1), mã hồ sơ, hoặc ĐƠN VỊ:MỨC ĐỘ:NĂM (04630:basic:2024) là lần gần nhất.",
        ),
    ),
]
UnitArgument = Annotated[
    str,
    typer.Argument(
        metavar="UNIT",
        show_default=False,
        help=say(
            "The official code of a district (135) or commune (04630), or the id of a department (so-nv).",
            "Mã chính thức của huyện (135) hoặc xã (04630), hoặc mã của sở, ban, ngành (so-nv).",
        ),
    ),
]
MeetingOption = Annotated[
    str | None,
    typer.Option(
        "--meeting",
        metavar="FILE",
        help=say(
            "The minutes in the parts of form 02, as JSON (`dossier template meeting`), - for standard input.",
            "Biên bản theo các phần của Biểu 02, dạng JSON (`dossier template meeting`), - là đầu vào chuẩn.",
        ),
    ),
]
FindingsFileOption = Annotated[
    str | None,
    typer.Option(
        "--findings",
        metavar="FILE",
        help=say(
            "The finding on every criterion, as JSON (`dossier template findings DOSSIER`), - for standard input.",
            "Kết quả thẩm định từng tiêu chí, dạng JSON (`dossier template findings HỒ SƠ`), - là đầu vào chuẩn.",
        ),
    ),
]
LetterOption = Annotated[
    str | None, typer.Option("--letter", metavar=DOC, help=say("The letter (DOC).", "Văn bản, Tờ trình (DOC)."))
]
MinutesOption = Annotated[
    str | None,
    typer.Option("--minutes", metavar=DOC, help=say("The minutes of the meeting (DOC).", "Biên bản cuộc họp (DOC).")),
]
ReportOption = Annotated[
    str | None, typer.Option("--report", metavar=DOC, help=say("The report (DOC).", "Báo cáo (DOC)."))
]
DecisionOption = Annotated[
    str | None, typer.Option("--decision", metavar=DOC, help=say("The decision (DOC).", "Quyết định (DOC)."))
]
SignerOption = Annotated[
    str | None, typer.Option("--signer", metavar="NAME", help=say("Who signed the decision.", "Người ký quyết định."))
]
CapacityOption = Annotated[
    str | None,
    typer.Option(
        "--capacity",
        metavar="chairman|deputy",
        help=say(
            'In which capacity: the Chairman, or a deputy for him ("KT. CHỦ TỊCH").',
            "Tư cách ký: Chủ tịch (chairman), hoặc Phó Chủ tịch ký thay (deputy, “KT. CHỦ TỊCH”).",
        ),
    ),
]
ReasonOption = Annotated[str | None, typer.Option("--reason", metavar="TEXT", help=say("The reason.", "Lý do."))]
ReasonsOption = Annotated[str | None, typer.Option("--reasons", metavar="TEXT", help=say("The reasons.", "Lý do."))]
PlaceOption = Annotated[str | None, typer.Option("--place", metavar="TEXT", help=say("The place.", "Địa điểm."))]
PresentOption = Annotated[
    list[str] | None,
    typer.Option(
        "--present",
        metavar="NAME|POSITION|ORGANISATION",
        help=say("Each of those present; once for each.", "Từng người tham dự; mỗi người một lần."),
    ),
]
