"""The Chairman's decisions, and the provincial council (I.2, II.3, III.1)."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import typer

from infra.cli.procedure.submit import submit_command
from infra.cli.support.arguments import (
    CHAIRMAN,
    CapacityOption,
    DecisionOption,
    DossierArgument,
    ReasonOption,
    ReasonsOption,
    SignerOption,
)
from infra.cli.support.framework import subcommand
from infra.cli.support.i18n import say
from infra.cli.support.parsing import document, json_file, only_one, people, person

_COUNCIL: Final = "council"
_SIGNED: Final = (
    '--decision "1245/QĐ-UBND|2024-08-15|UBND tỉnh Yên Bái|quyet-dinh.pdf" --signer "Nguyễn Văn An" '
    '--capacity chairman --person "Nguyễn Văn An"'
)

CouncilChairOption = Annotated[
    str | None,
    typer.Option(
        "--chair",
        metavar="NAME|POSITION|AGENCY",
        help=say("A leader of the People's Committee (ubnd-tinh)."),
    ),
]
ViceChairOption = Annotated[
    str | None,
    typer.Option(
        "--vice-chair",
        metavar="NAME|POSITION|AGENCY",
        help=say("The standing vice-chair: the director of so-tttt."),
    ),
]
MemberOption = Annotated[
    list[str] | None,
    typer.Option(
        "--member",
        metavar="NAME|POSITION|AGENCY",
        help=say("A member and the agency represented; once for each."),
    ),
]
MembersOption = Annotated[
    str | None,
    typer.Option(
        "--members",
        metavar="FILE",
        help=say("The members as JSON (`dossier template members`)."),
    ),
]


def register(app: typer.Typer) -> None:
    """Add these subcommands."""
    subcommand(
        app,
        "approve",
        panel=CHAIRMAN,
        given=True,
        help=say("Recognise a unit; one command for each unit, also where one decision names several (I.2, II.3)."),
        examples=(f"dossier approve 04630-CB-2024-1 --level basic {_SIGNED}",),
    )(approve)
    subcommand(
        app,
        "reject",
        panel=CHAIRMAN,
        given=True,
        help=say("Do not recognise a unit, with reasons (reading 4)."),
        examples=(f'dossier reject 04630-CB-2024-1 --reasons "Số liệu chưa thống nhất" {_SIGNED}',),
    )(reject)
    subcommand(
        app,
        "revoke",
        panel=CHAIRMAN,
        given=True,
        help=say("Revoke a recognition by a later decision (reading 4)."),
        examples=(f'dossier revoke 04630-CB-2024-1 --reason "Số liệu không đúng" {_SIGNED}',),
    )(revoke)
    council = (
        '--chair "Lê Thị Bình|Phó Chủ tịch UBND tỉnh|ubnd-tinh" --vice-chair "Trần Thị Thu Hà|Giám đốc|so-tttt" '
        f"--members members.json {_SIGNED}"
    )
    subcommand(
        app,
        "establish-council",
        panel=CHAIRMAN,
        given=True,
        help=say("Establish the provincial council: nothing is forwarded before (II.3)."),
        examples=("dossier template members > members.json", f"dossier establish-council {council}"),
    )(establish_council)
    subcommand(
        app,
        "change-council",
        panel=CHAIRMAN,
        given=True,
        help=say("Change the provincial council: its whole composition anew (III.1)."),
        examples=(f'dossier change-council --reason "Thay đổi nhân sự" {council}',),
    )(change_council)


def approve(
    ctx: typer.Context,
    dossier: DossierArgument,
    *,
    level: Annotated[
        Literal["basic", "advanced"],
        typer.Option(
            "--level",
            show_default=False,
            help=say("The level that the decision names."),
        ),
    ],
    decision: DecisionOption = None,
    signer: SignerOption = None,
    capacity: CapacityOption = None,
) -> None:
    """ApproveRecognition."""
    submit_command(ctx, "ApproveRecognition", dossier, {**signed(decision, signer, capacity), "level": level})


def reject(
    ctx: typer.Context,
    dossier: DossierArgument,
    *,
    reasons: ReasonsOption = None,
    decision: DecisionOption = None,
    signer: SignerOption = None,
    capacity: CapacityOption = None,
) -> None:
    """RejectRecognition."""
    submit_command(ctx, "RejectRecognition", dossier, {**signed(decision, signer, capacity), "reasons": reasons})


def revoke(
    ctx: typer.Context,
    dossier: DossierArgument,
    *,
    reason: ReasonOption = None,
    decision: DecisionOption = None,
    signer: SignerOption = None,
    capacity: CapacityOption = None,
) -> None:
    """RevokeDecision."""
    submit_command(ctx, "RevokeDecision", dossier, {**signed(decision, signer, capacity), "reason": reason})


def establish_council(
    ctx: typer.Context,
    *,
    chair: CouncilChairOption = None,
    vice_chair: ViceChairOption = None,
    member: MemberOption = None,
    members: MembersOption = None,
    decision: DecisionOption = None,
    signer: SignerOption = None,
    capacity: CapacityOption = None,
) -> None:
    """EstablishCouncil."""
    composition = _composition(chair, vice_chair, member, members)
    data = {**composition, **signed(decision, signer, capacity)}
    submit_command(ctx, "EstablishCouncil", _COUNCIL, data, begins=True)


def change_council(
    ctx: typer.Context,
    *,
    chair: CouncilChairOption = None,
    vice_chair: ViceChairOption = None,
    member: MemberOption = None,
    members: MembersOption = None,
    reason: ReasonOption = None,
    decision: DecisionOption = None,
    signer: SignerOption = None,
    capacity: CapacityOption = None,
) -> None:
    """ChangeCouncil."""
    composition = _composition(chair, vice_chair, member, members)
    submit_command(
        ctx, "ChangeCouncil", _COUNCIL, {**composition, **signed(decision, signer, capacity), "reason": reason}
    )


def signed(decision: str | None, signer: str | None, capacity: str | None) -> dict[str, Any]:
    """A decision as it was signed."""
    return {"decision": document(decision), "signer": signer, "capacity": capacity}


def _composition(
    chair: str | None, vice_chair: str | None, member: list[str] | None, members: str | None
) -> dict[str, Any]:
    only_one("--member, --members", member or None, members)
    return {
        "chair": person(chair, "--chair", "agency"),
        "standing_vice_chair": person(vice_chair, "--vice-chair", "agency"),
        "members": json_file(members) if members is not None else people(member, "--member", "agency"),
    }
