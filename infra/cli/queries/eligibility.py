"""`dossier eligibility`: per unit the tier of support, its decision and period, or the reason why there is none."""

# ruff: noqa: PLC0415  # the read models and the tables are needed only once it is asked

from __future__ import annotations

from typing import Annotated, Any

import typer

from infra.cli.queries.catalogue import chosen_units
from infra.cli.queries.status import DistrictOption, KindOption
from infra.cli.support.arguments import QUESTIONS
from infra.cli.support.framework import subcommand
from infra.cli.support.freshness import WaitOption, positions, print_freshness, rows_with
from infra.cli.support.i18n import say
from infra.cli.support.reporting import print_json
from infra.cli.support.session import Session, session_of

_UNIT_DIGITS = len("01907f3a-0000")
"""How much of a dossier's id, as text, is its unit's."""


def register(app: typer.Typer) -> None:
    """Add this subcommand."""
    subcommand(
        app,
        "eligibility",
        panel=QUESTIONS,
        help=say("Show which units are entitled to the support of Resolution 60/2022, at which tier, or why not."),
        examples=(
            "dossier eligibility 04630",
            "dossier eligibility --kind commune --district 140 --lang vi",
            "dossier eligibility --json",
        ),
    )(eligibility)


def eligibility(
    ctx: typer.Context,
    unit: Annotated[
        str | None,
        typer.Argument(metavar="UNIT", show_default=False, help=say("One unit; else all.")),
    ] = None,
    kind: KindOption = None,
    district: DistrictOption = None,
    wait: WaitOption = None,
) -> None:
    """Answer from the read model "eligibility"."""
    from domain.identity import unit_uuid
    from projections import eligibility as model

    session = session_of(ctx)
    with session.application() as application:
        settings = application.settings
        chosen = chosen_units(settings.units, kind, district) if unit is None else [settings.units.get(unit)]
        with application.read_models(positions(wait)) as views:
            found = model.all_units(views, chosen, settings.amounts)
            # All dossiers of a unit begin with the same 48 bits.
            asked = None if unit is None else str(unit_uuid(chosen[0].id, ""))[:_UNIT_DIGITS]
            freshness = application.freshness(
                views, model.ELIGIBILITY.name, lambda id_: asked is None or id_.startswith(asked)
            )
    if session.json:
        print_json(rows_with(found, freshness) if unit is None else {**found[0], "freshness": freshness.as_json()})
        return
    if unit is None:
        _table(session, found)
    else:
        _detail(session, found[0])
    print_freshness(session, freshness)


def _table(session: Session, answers: list[dict[str, Any]]) -> None:
    from infra.cli.support.labels import level_name
    from infra.cli.support.tables import print_line, print_table

    text = session.text
    headings = (
        text("Code"),
        text("Name"),
        text("Tier"),
        text("Since"),
        text("Decision"),
        text("Amount (VND)"),
        text("Why not"),
    )
    print_table(
        headings,
        (
            (
                answer["unit"],
                answer["name"],
                level_name(answer["tier"], session.language) if answer["tier"] else None,
                answer["since"],
                answer["decision"]["number"] if answer["decision"] else None,
                answer["amount"],
                answer["reason"][session.language] if answer["reason"] else None,
            )
            for answer in answers
        ),
    )
    entitled = sum(1 for answer in answers if answer["eligible"])
    print_line(text("{entitled} of {count} units are eligible", entitled=entitled, count=len(answers)))


def _detail(session: Session, answer: dict[str, Any]) -> None:
    from infra.cli.support.labels import level_name
    from infra.cli.support.tables import print_line, print_pairs

    text, decision = session.text, answer["decision"]
    others = (*answer["earlier"], *answer["later"])
    print_pairs(
        (
            (text("Unit"), f"{answer['name']} ({answer['unit']})"),
            (text("Eligible"), text("yes") if answer["eligible"] else text("no")),
            (text("Tier"), level_name(answer["tier"], session.language) if answer["tier"] else None),
            (text("Since"), answer["since"]),
            (text("Decision"), f"{decision['number']}, {decision['dossier']}" if decision else None),
            (text("Other tiers"), ", ".join(f"{tier['tier']} ({tier['since']})" for tier in others)),
            (text("Amount (VND)"), answer["amount"]),
            (text("Period"), f"{answer['period'][0]}-{answer['period'][1]}"),
            (text("Resolution"), answer["resolution"]),
        )
    )
    for sentence in answer["says"][session.language]:
        print_line(f"• {sentence}")
