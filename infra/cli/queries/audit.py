"""`dossier audit`: every recorded fact with who, when, its basis and documents; and what is flagged."""

# ruff: noqa: PLC0415  # the read models and the tables are needed only once it is asked

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

import typer

from infra.cli.support.arguments import QUESTIONS
from infra.cli.support.framework import subcommand
from infra.cli.support.freshness import WaitOption, positions, print_freshness, rows_with
from infra.cli.support.i18n import clause_text, event_text, say
from infra.cli.support.reporting import print_json
from infra.cli.support.session import Session, session_of

if TYPE_CHECKING:
    from infra.bootstrap import Application

_COUNCIL = "council"
_DOCUMENTS_SHOWN = 3

FlagOption = Annotated[
    Literal[
        "SELF_VERIFICATION",
        "LATE_FORWARDING",
        "CORRECTED_AFTER_VERIFICATION",
        "CORRECTED_AFTER_DECISION",
        "MANDATORY_NOT_APPLICABLE",
    ]
    | None,
    typer.Option(
        "--flag",
        metavar="FLAG",
        help=say(
            "Only facts with this flag: SELF_VERIFICATION, LATE_FORWARDING, CORRECTED_AFTER_VERIFICATION, "
            "CORRECTED_AFTER_DECISION or MANDATORY_NOT_APPLICABLE."
        ),
    ),
]


def register(app: typer.Typer) -> None:
    """Add this subcommand."""
    subcommand(
        app,
        "audit",
        panel=QUESTIONS,
        help=say("Show every fact of a dossier or of the council; without one, the flagged facts of all dossiers."),
        examples=(
            "dossier audit 04630-CB-2024-1",
            "dossier audit council --lang vi",
            "dossier audit --flag LATE_FORWARDING --json",
        ),
    )(audit)


def audit(
    ctx: typer.Context,
    dossier: Annotated[
        str | None,
        typer.Argument(
            metavar="DOSSIER|council",
            show_default=False,
            help=say("A dossier, or council."),
        ),
    ] = None,
    flag: FlagOption = None,
    wait: WaitOption = None,
) -> None:
    """Answer from the read model "audit"."""
    from domain.identity import COUNCIL_ID
    from domain.refusals import UnknownDossier
    from infra.cli.support.dossiers import id_of
    from projections import audit as model

    session = session_of(ctx)
    with session.application() as application, application.read_models(positions(wait)) as views:
        if dossier is None:
            rows = model.flagged(views, flag)
            freshness = application.freshness(views, model.AUDIT.name)
        else:
            found = str(COUNCIL_ID) if dossier == _COUNCIL else id_of(views, dossier)
            facts = model.trail(views, found)
            if not facts and dossier != _COUNCIL:
                views.refuse_parked(model.AUDIT.name, found)
                raise UnknownDossier(reference=dossier)
            _compare(application, found, facts)
            _flag_moments(facts, application.clock())
            rows = [fact for fact in facts if flag is None or flag in fact["flags"]]
            freshness = application.freshness(views, model.AUDIT.name, lambda id_: id_ == found)
    if session.json:
        print_json(rows_with(rows, freshness))
        return
    if dossier is None:
        _flagged(session, rows)
    else:
        _trail(session, rows)
    print_freshness(session, freshness)


def _compare(application: Application, dossier: str, facts: Sequence[Mapping[str, Any]]) -> None:
    """Whether the facts that are shown are those of the log, as far as they go. Raises FactMissing, FactDiffers."""
    from projections.engine.errors import FactDiffers, FactMissing
    from projections.engine.table import moment
    from projections.engine.versions import check_versions
    from schemas.avro.codec import decode_event

    stored = application.log.events_of(UUID(dossier))
    check_versions(dossier, (each.originator_version for each in stored))
    check_versions(dossier, (fact["version"] for fact in facts))
    if len(facts) > len(stored):
        raise FactMissing(dossier=dossier, version=len(stored) + 1, found=None)
    for fact, each in zip(facts, stored, strict=False):
        event = decode_event(each)
        shown = (fact["event"], fact["took_place_on"], fact["recorded_at"], fact["person"])
        if shown != (type(event).__name__, event.on.isoformat(), moment(event.timestamp), event.actor["person"]):
            raise FactDiffers(projection="audit", dossier=dossier, version=fact["version"])


def _flag_moments(facts: Sequence[dict[str, Any]], now: datetime) -> None:
    """Mark the facts whose recorded moment cannot be right."""
    from infra.diagnosis.moments import doubtful

    for place in doubtful([datetime.fromisoformat(fact["recorded_at"]) for fact in facts], now):
        facts[place]["recorded_at_doubtful"] = True


def _flagged(session: Session, rows: list[dict[str, Any]]) -> None:
    from infra.cli.support.tables import print_line, print_table

    text = session.text
    headings = (
        text("Dossier"),
        text("Fact"),
        text("Event"),
        text("Criterion"),
        text("Day"),
        text("Agency"),
        text("Flag"),
    )
    keys = ("number", "version", "event", "criterion", "took_place_on", "agency", "flag")
    named = ({**row, "event": event_text(row["event"], session.language)} for row in rows)
    print_table(headings, ([row[key] for key in keys] for row in named))
    print_line(text("flagged facts: {count}", count=len(rows)))
    _legend(session, {row["flag"] for row in rows})


def _trail(session: Session, facts: list[dict[str, Any]]) -> None:
    """One block for each fact: a table of so many columns fits no terminal."""
    from infra.cli.support.labels import role_name
    from infra.cli.support.tables import print_heading, print_line

    text = session.text
    for fact in facts:
        clause = clause_text(fact["clause"], session.language)
        title = event_text(fact["event"], session.language)
        print_heading(f"{fact['version']}  {fact['took_place_on']}  {title}  [{clause}]")
        print_line(f"   {fact['person']}, {fact['agency']} ({role_name(fact['role'], session.language)})")
        print_line(f"   {text('recorded at')} {fact['recorded_at']}")
        if fact.get("recorded_at_doubtful"):
            print_line(f"   {text('the recorded moment cannot be right: a wrong clock said it')}")
        if fact["documents"]:
            print_line(f"   {text('documents')}: {_documents(fact['documents'])}")
        if fact["details"]:
            print_line(f"   {_short(fact['details'])}")
        if fact["corrected_by"]:
            print_line(f"   {text('corrected by fact')} {fact['corrected_by']}")
        if fact["flags"]:
            print_line(f"   {text('flags')}: {', '.join(fact['flags'])}")
    _legend(session, {flag for fact in facts for flag in fact["flags"]})


def _documents(documents: list[dict[str, Any]]) -> str:
    # One letter may be addressed to many, and one paper may prove many criteria.
    named = list(dict.fromkeys(document_text(document) for document in documents))
    more = len(named) - _DOCUMENTS_SHOWN
    return "; ".join(named[:_DOCUMENTS_SHOWN]) + (f"; +{more}" if more > 0 else "")


def document_text(document: dict[str, Any]) -> str:
    """A document by number and date, or by its title where it has no number."""
    return f"{document.get('number') or document.get('title') or document['path']}, {document['date']}"


def _short(details: dict[str, Any], most: int = 120) -> str:
    text = json.dumps(details, ensure_ascii=False)
    return text if len(text) <= most else f"{text[:most]}…"


def _legend(session: Session, flags: set[str]) -> None:
    from infra.cli.support.tables import print_line
    from projections.audit import FLAGS

    for flag, meaning in FLAGS.items():
        if flag in flags:
            print_line(f"{flag}: {session.text(meaning)}")
