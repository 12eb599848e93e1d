"""`dossier replay`: a dossier as it was known at a moment, as it was true on a day, or as of a fact."""

# ruff: noqa: PLC0415  # the log and the tables are needed only once it is asked

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timezone
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from infra.cli.arguments import QUESTIONS, DossierArgument
from infra.cli.errors import BadOption
from infra.cli.framework import subcommand
from infra.cli.parts import only_one
from infra.cli.reporting import print_json
from infra.cli.session import Session, session_of
from infra.cli.words import say

if TYPE_CHECKING:
    from domain.dossier import Dossier
    from domain.events import DossierEvent

_DAY_LENGTH: Final = len("2024-07-01")


def register(app: typer.Typer) -> None:
    """Add this subcommand."""
    subcommand(
        app,
        "replay",
        panel=QUESTIONS,
        help=say(
            "Replay a dossier from its facts: as known at a moment, as true on a day, or up to a fact.",
            "Dựng lại hồ sơ từ các sự kiện: như đã biết tại một thời điểm, đúng vào một ngày, hoặc đến một sự kiện.",
        ),
        examples=(
            "dossier replay 04630-CB-2024-1",
            "dossier replay 04630-CB-2024-1 --recorded-by 2024-07-15T17:00",
            "dossier replay 04630-CB-2024-1 --true-on 2024-07-15",
            "dossier replay 04630-CB-2024-1 --version 5 --json",
        ),
    )(replay)


def replay(
    ctx: typer.Context,
    dossier: DossierArgument,
    recorded_by: Annotated[
        str | None,
        typer.Option(
            "--recorded-by",
            metavar="TIME",
            help=say(
                "What was known then: ISO, for example 2024-07-15T17:00; Vietnam time where no zone is given, "
                "the end of the day where no time is given.",
                "Những gì đã biết lúc đó: dạng ISO, ví dụ 2024-07-15T17:00; giờ Việt Nam nếu không ghi múi giờ, "
                "cuối ngày nếu không ghi giờ.",
            ),
        ),
    ] = None,
    true_on: Annotated[
        str | None,
        typer.Option(
            "--true-on",
            metavar="DAY",
            help=say(
                "What was true on that day, by all that is known today, corrections included.",
                "Những gì đúng vào ngày đó, theo hiểu biết hôm nay, kể cả các đính chính.",
            ),
        ),
    ] = None,
    version: Annotated[
        int | None,
        typer.Option("--version", min=1, metavar="N", help=say("Up to fact N.", "Đến sự kiện số N.")),
    ] = None,
) -> None:
    """A selection of a dossier's events, and what it amounts to."""
    from domain.replay import known_by, state_of, up_to
    from domain.replay import true_on as facts_true_on
    from infra.cli.dossiers import events_of

    only_one("--recorded-by, --true-on, --version", recorded_by, true_on, version)
    moment, day = _moment(recorded_by), _day(true_on)
    session = session_of(ctx)
    with session.installation() as installation:
        events = events_of(installation, dossier)
    number = _number(events)
    if moment is not None:
        events = known_by(events, moment)
    elif day is not None:
        events = facts_true_on(events, day)
    elif version is not None:
        events = up_to(events, version)
    as_of = {"recorded_by": moment, "true_on": day, "version": version}
    if session.json:
        print_json(_described(number, as_of, events, state_of(events)))
    else:
        _print(session, number, as_of, events, state_of(events))


def _moment(text: str | None) -> datetime | None:
    """A moment; Vietnam's time where no zone is given, the end of the day where no time is."""
    if text is None:
        return None
    from domain.circumstances import VIETNAM

    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise BadOption(
            reason_en=f"--recorded-by {text}: a moment is expected, for example 2024-07-15T17:00+07:00",
            reason_vi=f"--recorded-by {text}: cần một thời điểm, ví dụ 2024-07-15T17:00+07:00",
        ) from None
    if len(text) <= _DAY_LENGTH:
        found = datetime.combine(found.date(), time.max)
    return found if found.tzinfo else found.replace(tzinfo=timezone(VIETNAM))


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadOption(
            reason_en=f"--true-on {text}: a day is expected, for example 2024-07-15",
            reason_vi=f"--true-on {text}: cần một ngày, ví dụ 2024-07-15",
        ) from None


def _number(events: Sequence[DossierEvent]) -> str:
    from domain.replay import state_of

    dossier = state_of(events)
    return dossier.number if dossier else ""


def _described(
    number: str, as_of: dict[str, Any], events: Sequence[DossierEvent], dossier: Dossier | None
) -> dict[str, Any]:
    return {
        "number": number,
        "dossier": str(events[0].originator_id) if events else None,
        "as_of": {key: value for key, value in as_of.items() if value is not None},
        "state": dossier.state.value if dossier else None,
        "counts": _counts(dossier),
        "criteria": _criteria(dossier),
        "decision": dossier.decision[1] if dossier and dossier.decision else None,
        "due_on": dossier.due_on if dossier else None,
        "documents": _documents(events),
        "timeline": [_entry(event) for event in events],
    }


def _counts(dossier: Dossier | None) -> dict[str, Any] | None:
    """The sum, or before there is one, the counts of the results so far."""
    if dossier is None or not dossier.results:
        return None
    return dict(dossier.sum or dossier.count({code: result[1].get("met") for code, result in dossier.results.items()}))


def _criteria(dossier: Dossier | None) -> dict[str, Any]:
    """Code → what was claimed, found by the district council, and found by the lead agency."""
    if dossier is None or not dossier.claims:
        return {}
    criteria: dict[str, Any] = {}
    for code in dossier.criteria:
        version, finding, day = dossier.results.get(code, (None, None, None))
        criteria[code] = {
            "claimed": dossier.claims.get(code, {}).get("figure"),
            "district": dossier.findings.get(code),
            "result": finding,
            "fact": version,
            "on": day,
        }
    return criteria


def _documents(events: Sequence[DossierEvent]) -> list[dict[str, Any]]:
    from projections.audit_facts import documents_of

    return [
        {"fact": event.originator_version, **document}
        for event in events
        for document in documents_of(type(event).__name__, vars(event))
    ]


def _entry(event: DossierEvent) -> dict[str, Any]:
    from projections.audit_facts import CLAUSES

    name = type(event).__name__
    return {
        "fact": event.originator_version,
        "event": name,
        "on": event.on,
        "recorded_at": event.timestamp,
        "actor": dict(event.actor),
        "clause": CLAUSES[name],
    }


def _print(
    session: Session, number: str, as_of: dict[str, Any], events: Sequence[DossierEvent], dossier: Dossier | None
) -> None:
    from infra.cli.standing import counts_text, level_name, state_name
    from infra.cli.tables import print_heading, print_pairs, print_table

    said, language = session.said, session.language
    if dossier is None:
        print_pairs(((said("Dossier", "Hồ sơ"), number), (said("As of", "Tính đến"), _as_of(session, as_of))))
        print_heading(said("Nothing was recorded yet.", "Chưa có sự kiện nào."))
        return
    counts = _counts(dossier)
    print_pairs(
        (
            (said("Dossier", "Hồ sơ"), number),
            (said("Level, year", "Mức độ, năm"), f"{level_name(dossier.level.value, language)}, {dossier.year}"),
            (said("As of", "Tính đến"), _as_of(session, as_of)),
            (said("State", "Trạng thái"), state_name(dossier.state, language)),
            (said("Verified", "Đã thẩm định"), f"{len(dossier.results)}/{len(dossier.criteria)}"),
            (said("Counts", "Số tiêu chí đạt"), counts_text(counts, session) if counts else None),
            (said("Due on", "Hạn"), dossier.due_on),
            (said("Decision", "Quyết định"), dossier.decision[1].get("number") if dossier.decision else None),
            (said("Documents", "Số văn bản"), len(_documents(events))),
        )
    )
    if dossier.results:
        print_heading(said("Results", "Kết quả thẩm định"))
        headings = (
            said("Criterion", "Tiêu chí"),
            said("Figure", "Số liệu"),
            said("Result", "Kết quả"),
            said("Fact", "Sự kiện số"),
        )
        print_table(
            headings,
            (
                (code, _figure(finding), _met(session, finding.get("met")), version)
                for code, (version, finding, _) in dossier.results.items()
            ),
        )
    print_heading(said("Timeline", "Diễn biến"))
    columns = (
        said("Fact", "Số"),
        said("Day", "Ngày"),
        said("Event", "Sự kiện"),
        said("Who", "Ai"),
        said("Recorded at (UTC)", "Ghi lúc (UTC)"),
    )
    print_table(
        columns,
        (
            (
                event.originator_version,
                event.on,
                type(event).__name__,
                f"{event.actor['person']}, {event.actor['agency']}",
                event.timestamp.strftime("%Y-%m-%d %H:%M:%S"),
            )
            for event in events
        ),
    )


def _as_of(session: Session, as_of: dict[str, Any]) -> str:
    from domain.circumstances import VIETNAM

    if as_of["recorded_by"] is not None:
        local = as_of["recorded_by"].astimezone(timezone(VIETNAM)).strftime("%Y-%m-%d %H:%M:%S")
        return session.said(f"recorded by {local} (Vietnam time)", f"đã ghi đến {local} (giờ Việt Nam)")
    if as_of["true_on"] is not None:
        return session.said(f"true on {as_of['true_on']}", f"đúng vào ngày {as_of['true_on']}")
    if as_of["version"] is not None:
        return session.said(f"fact {as_of['version']}", f"sự kiện {as_of['version']}")
    return session.said("now", "hiện tại")


def _figure(finding: Any) -> str:
    given = {key: value for key, value in finding.items() if value is not None and key != "met"}
    if given.keys() == {"a", "b"}:
        return f"{given['a']}/{given['b']}"
    return ", ".join(f"{key} {value}" for key, value in given.items())


def _met(session: Session, met: bool | None) -> str:
    if met is None:
        return session.said("not applicable", "không áp dụng")
    return session.said("met", "đạt") if met else session.said("not met", "chưa đạt")
