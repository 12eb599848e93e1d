"""`dossier status`: where dossiers stand, who must act, how many days are left."""

# ruff: noqa: PLC0415  # the read models and the tables are needed only once it is asked

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from domain.catalogue import UnitKind
from domain.dossier.states import State
from infra.cli.support.arguments import QUESTIONS
from infra.cli.support.framework import subcommand
from infra.cli.support.freshness import WaitOption, positions, print_freshness, rows_with
from infra.cli.support.i18n import say
from infra.cli.support.reporting import print_json
from infra.cli.support.session import Session, session_of, today

if TYPE_CHECKING:
    from domain.units import Units

KindOption = Annotated[
    UnitKind | None, typer.Option("--kind", help=say("Only this kind of unit.", "Chỉ loại đơn vị này."))
]
DistrictOption = Annotated[
    str | None,
    typer.Option(
        "--district", metavar="ID", help=say("Only this district and its communes.", "Chỉ huyện này và các xã.")
    ),
]


def register(app: typer.Typer) -> None:
    """Add this subcommand."""
    subcommand(
        app,
        "status",
        panel=QUESTIONS,
        help=say(
            "Show where dossiers stand: state, who must act next, days left of the 15, counts.",
            "Tra cứu tình trạng hồ sơ: trạng thái, bước tiếp theo, số ngày còn lại, số tiêu chí đạt.",
        ),
        examples=(
            "dossier status",
            "dossier status 04630-CB-2024-1 --lang vi",
            "dossier status --state received --overdue",
            "dossier status --kind commune --district 140 --json",
        ),
    )(status)


def status(
    ctx: typer.Context,
    *,
    dossier: Annotated[
        str | None,
        typer.Argument(
            metavar="DOSSIER", show_default=False, help=say("One dossier in detail.", "Chi tiết một hồ sơ.")
        ),
    ] = None,
    state: Annotated[
        State | None,
        typer.Option(
            "--state", metavar="STATE", help=say("Only dossiers in this state.", "Chỉ hồ sơ ở trạng thái này.")
        ),
    ] = None,
    kind: KindOption = None,
    district: DistrictOption = None,
    unit: Annotated[
        str | None,
        typer.Option("--unit", metavar="ID", help=say("Only this unit's dossiers.", "Chỉ hồ sơ của đơn vị này.")),
    ] = None,
    overdue: Annotated[
        bool,
        typer.Option(
            "--overdue",
            help=say("Only those not forwarded within the 15 days.", "Chỉ hồ sơ quá hạn 15 ngày chưa gửi thẩm định."),
        ),
    ] = False,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help=say("At most so many.", "Tối đa bao nhiêu hồ sơ."))
    ] = None,
    wait: WaitOption = None,
) -> None:
    """The read model "status"."""
    from infra.cli.support.dossiers import row_of
    from projections import status as model

    session = session_of(ctx)
    with session.application() as application:
        units = application.settings.units
        for named in (district, unit):
            if named is not None:
                units.get(named)
        with application.read_models(positions(wait)) as views:
            if dossier is not None:
                rows = [row_of(views, dossier)]
                freshness = application.freshness(views, model.STATUS.name, lambda id_: id_ == rows[0]["dossier_id"])
            else:
                freshness = application.freshness(views, model.STATUS.name)
                rows = model.find(
                    views,
                    state=state,
                    kind=kind,
                    district=district,
                    unit=unit,
                    overdue_on=today() if overdue else None,
                    limit=limit,
                )
    found = [
        {**row, "unit_name": units.get(row["unit_id"]).name, "days_left": model.days_left(row, today())} for row in rows
    ]
    if session.json:
        print_json(rows_with(found, freshness) if dossier is None else {**found[0], "freshness": freshness.as_json()})
        return
    if dossier is None:
        _table(session, found)
    else:
        _detail(session, found[0], units)
    print_freshness(session, freshness)


def _table(session: Session, rows: list[dict[str, Any]]) -> None:
    from infra.cli.support.labels import next_step, state_name
    from infra.cli.support.tables import print_line, print_table

    said = session.said
    headings = (
        said("Dossier", "Hồ sơ"),
        said("Unit", "Đơn vị"),
        said("State", "Trạng thái"),
        said("Next", "Bước tiếp theo"),
        said("Days left", "Còn (ngày)"),
        said("Mandatory", "Bắt buộc"),
        said("Extended", "Mở rộng"),
    )
    print_table(
        headings,
        (
            (
                row["number"],
                row["unit_name"],
                state_name(row["state"], session.language),
                next_step(row, session),
                row["days_left"],
                None if row["mandatory_of"] is None else f"{row['mandatory_met']}/{row['mandatory_of']}",
                None if row["extended_of"] is None else f"{row['extended_met']}/{row['extended_of']}",
            )
            for row in rows
        ),
    )
    print_line(said(f"dossiers: {len(rows)}", f"số hồ sơ: {len(rows)}"))


def _detail(session: Session, row: dict[str, Any], units: Units) -> None:
    from infra.cli.support.labels import counts_text, kind_name, level_name, next_step, state_name
    from infra.cli.support.tables import print_pairs

    said, language = session.said, session.language
    district = row["district"]
    verified = None if row["criteria_total"] is None else f"{row['criteria_verified']}/{row['criteria_total']}"
    print_pairs(
        (
            (said("Dossier", "Hồ sơ"), row["number"]),
            (said("Id", "Mã"), row["dossier_id"]),
            (said("Unit", "Đơn vị"), f"{row['unit_name']} ({row['unit_id']}, {kind_name(row['kind'], language)})"),
            (said("District", "Huyện"), f"{units.get(district).name} ({district})" if district else None),
            (said("Level, year", "Mức độ, năm"), f"{level_name(row['level'], language)}, {row['year']}"),
            (said("Attempt", "Lần"), row["attempt"]),
            (said("State", "Trạng thái"), f"{state_name(row['state'], language)} ({row['step_on']})"),
            (said("Next", "Bước tiếp theo"), next_step(row, session)),
            (said("Due on", "Hạn"), row["due_on"]),
            (said("Days left", "Còn (ngày)"), row["days_left"]),
            (said("Days late", "Trễ (ngày)"), row["days_late"]),
            (said("Verified", "Đã thẩm định"), verified),
            (said("Counts", "Số tiêu chí đạt"), counts_text(row, session)),
            (said("By", "Theo"), _whose(session, row["counts_by"])),
            (said("Rule I.1", "Điều kiện I.1"), _holds(session, row["holds"])),
            (said("Decision", "Quyết định"), _decision(row)),
            (said("Facts", "Số sự kiện"), row["version"]),
            (said("Recorded at", "Ghi lúc"), row["recorded_at"]),
        )
    )


def _whose(session: Session, counts_by: str | None) -> str | None:
    names = {
        "claimed": session.said("the claimed figures", "số liệu tự đánh giá"),
        "district": session.said("the district council's findings", "kết quả của Hội đồng cấp huyện"),
        "members": session.said("the members' results", "kết quả của các thành viên Hội đồng"),
    }
    return names[counts_by] if counts_by else None


def _holds(session: Session, holds: bool | None) -> str | None:
    if holds is None:
        return None
    return session.said("holds", "đủ điều kiện") if holds else session.said("does not hold", "chưa đủ điều kiện")


def _decision(row: dict[str, Any]) -> str | None:
    return f"{row['decision_number']}, {row['decided_on']}" if row["decided_on"] else None
