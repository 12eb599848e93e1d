"""Later facts that correct earlier ones; nothing is ever rewritten (readings 4 and 5)."""

from __future__ import annotations

from typing import Annotated

import typer

from infra.cli.procedure.chairman import signed
from infra.cli.procedure.submit import submit_command
from infra.cli.support.arguments import (
    CORRECTIONS,
    CapacityOption,
    DecisionOption,
    DossierArgument,
    ReasonOption,
    SignerOption,
)
from infra.cli.support.framework import subcommand
from infra.cli.support.i18n import say
from infra.cli.support.parsing import document, documents, json_file


def register(app: typer.Typer) -> None:
    """Add these subcommands."""
    subcommand(
        app,
        "correct-fact",
        panel=CORRECTIONS,
        given=True,
        help=say("Correct a recorded fact: by the agency that recorded it, with the reason (reading 5)."),
        examples=(
            "dossier audit 04630-CB-2024-1",
            (
                'dossier correct-fact 04630-CB-2024-1 4 --reason "Ghi nhầm số Tờ trình" --correction correction.json '
                '--document "150/CV-UBND|2024-07-03|UBND huyện Văn Chấn|cv.pdf" --on 2024-07-03 --person "Hoàng Sơn"'
            ),
            (
                'dossier correct-fact 04630-CB-2024-1 3 --reason "Ghi nhầm ngày" --took-place-on 2024-06-18 '
                '--person "Lò Văn Thắng"'
            ),
        ),
    )(correct_fact)
    subcommand(
        app,
        "correct-decision",
        panel=CORRECTIONS,
        given=True,
        help=say("Correct number, date or issuer of a decision by a later one; what was decided stands (reading 4)."),
        examples=(
            (
                'dossier correct-decision 04630-CB-2024-1 --reason "Ghi nhầm số" '
                '--decision "1310/QĐ-UBND|2024-08-20|UBND tỉnh Yên Bái|qd1310.pdf" --signer "Nguyễn Văn An" '
                '--capacity chairman --corrected "1254/QĐ-UBND|2024-08-15|UBND tỉnh Yên Bái|qd1254.pdf" '
                '--person "Nguyễn Văn An"'
            ),
        ),
    )(correct_decision)


def correct_fact(
    ctx: typer.Context,
    *,
    dossier: DossierArgument,
    fact: Annotated[
        int,
        typer.Argument(
            metavar="FACT",
            show_default=False,
            help=say("The number of the fact that is corrected (`dossier audit DOSSIER`)."),
        ),
    ],
    reason: ReasonOption = None,
    correction: Annotated[
        str | None,
        typer.Option(
            "--correction",
            metavar="FILE",
            help=say("The corrected parts of the fact, a JSON object, - for standard input."),
        ),
    ] = None,
    took_place_on: Annotated[
        str | None,
        typer.Option(
            "--took-place-on",
            metavar="YYYY-MM-DD",
            help=say("The day on which the fact took place after all."),
        ),
    ] = None,
    papers: Annotated[
        list[str] | None,
        typer.Option(
            "--document",
            metavar="DOC",
            help=say("A document on which the correction rests."),
        ),
    ] = None,
) -> None:
    """CorrectFact."""
    data = {
        "corrects": fact,
        "reason": reason,
        "correction": json_file(correction),
        "took_place_on": took_place_on,
        "documents": documents(papers),
    }
    submit_command(ctx, "CorrectFact", dossier, data, fact=fact)


def correct_decision(
    ctx: typer.Context,
    dossier: DossierArgument,
    *,
    reason: ReasonOption = None,
    corrected: Annotated[
        str | None,
        typer.Option(
            "--corrected",
            metavar="DOC",
            help=say("The decision as it should read (DOC)."),
        ),
    ] = None,
    decision: DecisionOption = None,
    signer: SignerOption = None,
    capacity: CapacityOption = None,
) -> None:
    """CorrectDecision."""
    data = {**signed(decision, signer, capacity), "reason": reason, "corrected": document(corrected)}
    submit_command(ctx, "CorrectDecision", dossier, data)
