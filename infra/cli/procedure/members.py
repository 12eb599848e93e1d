"""What the council's member agencies do: inspect, verify, correct their results (II.3, III.2)."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import Signature, signature
from typing import Annotated, Any, Literal

import typer

from infra.cli.procedure.submit import submit_command
from infra.cli.support.arguments import (
    MEMBERS,
    DossierArgument,
    LetterOption,
    MinutesOption,
    PlaceOption,
    PresentOption,
    ReasonOption,
)
from infra.cli.support.errors import BadEntry
from infra.cli.support.framework import subcommand
from infra.cli.support.i18n import say
from infra.cli.support.parsing import document, json_file, named_documents, only_one, people

CriterionArgument = Annotated[
    str,
    typer.Argument(
        metavar="CRITERION",
        show_default=False,
        help=say("The code of the criterion, as I.7."),
    ),
]
NumeratorOption = Annotated[int | None, typer.Option("--a", help=say("A ratio's numerator."))]
DenominatorOption = Annotated[int | None, typer.Option("--b", help=say("A ratio's denominator."))]
AnswerOption = Annotated[bool | None, typer.Option("--yes/--no", help=say("The answer."))]
CountOption = Annotated[int | None, typer.Option("--count", help=say("A number of things."))]
NotApplicableOption = Annotated[
    Literal["confirm", "refuse"] | None,
    typer.Option(
        "--not-applicable",
        help=say("On a criterion that the unit declared not applicable (reading 6)."),
    ),
]
StatedOption = Annotated[
    bool | None,
    typer.Option(
        "--met/--not-met",
        help=say("What the letter states; it must follow from the figure."),
    ),
]
SystemOption = Annotated[
    str | None,
    typer.Option(
        "--system",
        metavar="NAME",
        help=say("The software system on whose data the result rests; without it, on the recorded field inspection."),
    ),
]
ContributionOption = Annotated[
    list[str] | None,
    typer.Option(
        "--contribution",
        metavar="AGENCY=DOC",
        help=say("What a coordinating agency contributed."),
    ),
]


def register(app: typer.Typer) -> None:
    """Add these subcommands."""
    subcommand(
        app,
        "inspect",
        panel=MEMBERS,
        given=True,
        help=say("Record a field inspection of a lead agency; one may serve several criteria (II.3)."),
        examples=(
            (
                'dossier inspect 04630-CB-2024-1 --minutes "|2024-07-15|Sở Y tế|bien-ban.pdf" --place "Trạm Y tế xã" '
                '--present "Phạm Quốc Huy|Phó Giám đốc|Sở Y tế" --finding "III.12=Có đủ trang thiết bị" '
                '--on 2024-07-15 --person "Phạm Quốc Huy"'
            ),
        ),
    )(inspect)
    subcommand(
        app,
        "verify",
        panel=MEMBERS,
        given=True,
        help=say("Give the lead agency's result on one criterion (II.3, III.2)."),
        examples=(
            (
                'dossier verify 04630-CB-2024-1 III.7 --a 6120 --b 6500 --system "Hồ sơ sức khỏe điện tử" '
                '--letter "915/SYT-NVY|2024-07-18|Sở Y tế|ket-qua.pdf" --on 2024-07-18 --person "Phạm Quốc Huy"'
            ),
            'dossier verify 04630-CB-2024-1 I.7 --yes --letter "20/STTTT|2024-07-18|Sở TTTT|kq.pdf" --person "Hà Lan"',
            (
                "dossier verify 04630-CB-2024-1 I.1 --not-applicable confirm --system SIPAS "
                '--letter "21/STTTT|2024-07-18|Sở TTTT|kq.pdf" --person "Hà Lan"'
            ),
        ),
    )(_with_result(verify))
    subcommand(
        app,
        "correct-verification",
        panel=MEMBERS,
        given=True,
        help=say("Correct the lead agency's result on one criterion, by a later fact that names it (reading 5)."),
        examples=(
            (
                "dossier correct-verification 04630-CB-2024-1 III.7 --corrects 14 --reason "
                '"Nhầm số liệu dân số" --a 6120 --b 6480 --system "Hồ sơ sức khỏe điện tử" '
                '--letter "930/SYT-NVY|2024-07-22|Sở Y tế|dinh-chinh.pdf" --person "Phạm Quốc Huy"'
            ),
        ),
    )(_with_result(correct_verification))


def inspect(
    ctx: typer.Context,
    dossier: DossierArgument,
    *,
    minutes: MinutesOption = None,
    place: PlaceOption = None,
    present: PresentOption = None,
    finding: Annotated[
        list[str] | None,
        typer.Option(
            "--finding",
            metavar="CRITERION=TEXT",
            help=say("What was found of a criterion; once for each."),
        ),
    ] = None,
    findings: Annotated[
        str | None,
        typer.Option(
            "--findings",
            metavar="FILE",
            help=say("The same as JSON, code to text."),
        ),
    ] = None,
) -> None:
    """RecordFieldInspection."""
    only_one("--finding, --findings", finding or None, findings)
    found = json_file(findings) if findings is not None else _texts(finding)
    data = {
        "minutes": document(minutes),
        "place": place,
        "present": people(present, "--present", "organisation"),
        "findings": found,
    }
    first = next(iter(found), None) if isinstance(found, dict) else None
    submit_command(ctx, "RecordFieldInspection", dossier, data, criterion=first)


def verify(ctx: typer.Context, dossier: DossierArgument, criterion: CriterionArgument, result: dict[str, Any]) -> None:
    """VerifyCriterion."""
    submit_command(ctx, "VerifyCriterion", dossier, {"criterion": criterion, **result}, criterion=criterion)


def correct_verification(
    ctx: typer.Context,
    dossier: DossierArgument,
    criterion: CriterionArgument,
    result: dict[str, Any],
    *,
    corrects: Annotated[
        int,
        typer.Option(
            "--corrects",
            show_default=False,
            help=say("The number of the fact that is corrected (`dossier audit DOSSIER`)."),
        ),
    ],
    reason: ReasonOption = None,
) -> None:
    """CorrectVerification."""
    data = {"criterion": criterion, **result, "corrects": corrects, "reason": reason}
    submit_command(ctx, "CorrectVerification", dossier, data, criterion=criterion)


def _with_result(handler: Callable[..., None]) -> Callable[..., None]:
    """The function as Typer reads it: with the options of `_result`, whose answer it gets as `result`."""
    own, of_result = (signature(each, eval_str=True).parameters for each in (handler, _result))
    declared = [*(parameter for name, parameter in own.items() if name != "result"), *of_result.values()]

    @wraps(handler)
    def with_options(**given: Any) -> None:
        stated = {name: given.pop(name) for name in of_result}
        handler(**given, result=_result(**stated))

    with_options.__signature__ = Signature(declared)  # type: ignore[attr-defined]  # what `inspect.signature` gives
    with_options.__annotations__ = {parameter.name: parameter.annotation for parameter in declared}
    return with_options


def _result(
    *,
    a: NumeratorOption = None,
    b: DenominatorOption = None,
    answer: AnswerOption = None,
    count: CountOption = None,
    not_applicable: NotApplicableOption = None,
    met: StatedOption = None,
    system: SystemOption = None,
    letter: LetterOption = None,
    contribution: ContributionOption = None,
) -> dict[str, Any]:
    """A result in the one form that was given; the domain says when it is not the form that is asked for."""
    confirmed = None if not_applicable is None else not_applicable == "confirm"
    given = {"a": a, "b": b, "answer": answer, "count": count, "not_applicable_confirmed": confirmed, "met": met}
    contributed = named_documents(contribution, "--contribution")
    return {
        "finding": {key: value for key, value in given.items() if value is not None},
        "system": system,
        "letter": document(letter),
        "contributions": [{"agency": agency, "document": found} for agency, found in contributed.items()] or None,
    }


def _texts(findings: list[str] | None) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in findings or ():
        code, separator, said = text.partition("=")
        if not separator or code in found:
            raise BadEntry(option="--finding", text=text, form="CRITERION=TEXT")
        found[code] = said
    return found
