"""A selection of a dossier's facts and what it amounts to, for programs and for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timezone
from typing import Any

from domain.context import VIETNAM
from domain.dossier.aggregate import Dossier, DossierEvent
from domain.dossier.as_of import state_of
from domain.procedure import RECORDED_BY
from infra.cli.queries.audit import document_text
from infra.cli.support.i18n import event_text
from infra.cli.support.labels import counts_text, level_name, state_name
from infra.cli.support.session import Session
from infra.cli.support.tables import print_heading, print_line, print_pairs, print_table
from projections.audit_details import documents_of


@dataclass(frozen=True, slots=True)
class Replay:
    """The facts of a dossier as of a moment, a day or a version; as of now where none of them is given.

    `doubtful` are the versions whose recorded moment cannot be right.
    """

    number: str
    events: Sequence[DossierEvent]
    recorded_by: datetime | None = None
    true_on: date | None = None
    version: int | None = None
    doubtful: frozenset[int] = frozenset()

    def as_json(self) -> dict[str, Any]:
        """What it amounts to. `counts` are those of the results that stand; `sum` is the recorded one."""
        dossier = state_of(self.events)
        as_of = {"recorded_by": self.recorded_by, "true_on": self.true_on, "version": self.version}
        return {
            "number": self.number,
            "dossier": str(self.events[0].originator_id) if self.events else None,
            "as_of": {key: value for key, value in as_of.items() if value is not None},
            "state": dossier.state.value if dossier else None,
            "counts": _counts(dossier),
            "sum": dossier.tally if dossier else None,
            "criteria": _criteria(dossier),
            "decision": dossier.decision[1] if dossier and dossier.decision else None,
            "due_on": dossier.due_on if dossier else None,
            "documents": self.documents(),
            "timeline": [self._entry(event) for event in self.events],
        }

    def documents(self) -> list[dict[str, Any]]:
        """Every document of the facts, each with the number of its `fact` and its `path` in it."""
        return [
            {"fact": event.originator_version, **document} for event in self.events for document in documents_of(event)
        ]

    def show(self, session: Session) -> None:
        """Print it for people."""
        dossier, text = state_of(self.events), session.text
        if dossier is None:
            print_pairs(((text("Dossier"), self.number), (text("As of"), self._as_of(session))))
            print_heading(text("Nothing had been recorded."))
            return
        self._summary(session, dossier)
        if dossier.results:
            print_heading(text("Results"))
            _results(session, dossier)
        print_heading(text("Documents"))
        self._papers(session)
        print_heading(text("Timeline"))
        self._timeline(session)

    def _summary(self, session: Session, dossier: Dossier) -> None:
        text, language, counts = session.text, session.language, _counts(dossier)
        print_pairs(
            (
                (text("Dossier"), self.number),
                (text("Level, year"), f"{level_name(dossier.level, language)}, {dossier.year}"),
                (text("As of"), self._as_of(session)),
                (text("State"), state_name(dossier.state, language)),
                (text("Verified"), f"{len(dossier.results)}/{len(dossier.criteria)}"),
                (text("Counts"), counts_text(counts, session) if counts else None),
                (text("Due on"), dossier.due_on),
                (text("Decision"), dossier.decision[1].get("number") if dossier.decision else None),
            )
        )

    def _papers(self, session: Session) -> None:
        """Each document once, with the facts that name it."""
        named: dict[tuple[str, str], dict[int, None]] = {}
        for document in self.documents():
            named.setdefault((document_text(document), document["issuer"]), {})[document["fact"]] = None
        headings = (
            session.text("Document"),
            session.text("Issuer"),
            session.text("Fact numbers"),
        )
        print_table(headings, ((*key, _runs(list(facts))) for key, facts in named.items()))

    def _timeline(self, session: Session) -> None:
        text = session.text
        headings = (
            text("Fact"),
            text("Day"),
            text("Event"),
            text("Who"),
            text("Recorded at (UTC)"),
        )
        print_table(
            headings,
            (
                (
                    event.originator_version,
                    event.on,
                    event_text(type(event).__name__, session.language),
                    f"{event.actor['person']}, {event.actor['agency']}",
                    event.timestamp.strftime("%Y-%m-%d %H:%M:%S") + (" ?" if self._is_doubtful(event) else ""),
                )
                for event in self.events
            ),
        )
        doubted = sorted({event.originator_version for event in self.events if self._is_doubtful(event)})
        if doubted:
            print_line(
                text(
                    "? the recorded moment cannot be right, a wrong clock said it: facts {facts}", facts=_runs(doubted)
                )
            )

    def _is_doubtful(self, event: DossierEvent) -> bool:
        return event.originator_version in self.doubtful

    def _entry(self, event: DossierEvent) -> dict[str, Any]:
        name = type(event).__name__
        doubted = {"recorded_at_doubtful": True} if self._is_doubtful(event) else {}
        return {
            "fact": event.originator_version,
            "event": name,
            "on": event.on,
            "recorded_at": event.timestamp,
            **doubted,
            "actor": dict(event.actor),
            "clause": RECORDED_BY[name].clause,
        }

    def _as_of(self, session: Session) -> str:
        if self.recorded_by is not None:
            local = self.recorded_by.astimezone(timezone(VIETNAM)).strftime("%Y-%m-%d %H:%M:%S")
            return session.text("recorded by {local}, Vietnam time", local=local)
        if self.true_on is not None:
            return session.text("true on {true_on}", true_on=self.true_on)
        if self.version is not None:
            return session.text("fact {version}", version=self.version)
        return session.text("now")


def _counts(dossier: Dossier | None) -> dict[str, Any] | None:
    """The two counts of the rule over the results so far; None before the first."""
    if dossier is None or not dossier.results:
        return None
    return dict(dossier.count({code: finding["met"] for code, (_, finding, _) in dossier.results.items()}))


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


def _results(session: Session, dossier: Dossier) -> None:
    text = session.text
    headings = (
        text("Criterion"),
        text("Figure"),
        text("Result"),
        text("Fact"),
    )
    print_table(
        headings,
        (
            (code, _figure(session, finding), _met(session, finding["met"]), version)
            for code, (version, finding, _) in dossier.results.items()
        ),
    )


def _figure(session: Session, finding: Mapping[str, Any]) -> str:
    given = {key: value for key, value in finding.items() if value is not None}
    if "b" in given:
        return f"{given['a']}/{given['b']}"
    if "answer" in given:
        return session.text("yes") if given["answer"] else session.text("no")
    if "communes" in given:
        figures = given["communes"]
        return session.text(
            "{recognised}/{communes} recognised, {advanced} advanced",
            recognised=figures["recognised"],
            communes=figures["communes"],
            advanced=figures["advanced"],
        )
    return str(given.get("count", ""))


def _met(session: Session, met: bool | None) -> str:
    if met is None:
        return session.text("not applicable")
    return session.text("met") if met else session.text("not met")


def _runs(numbers: list[int]) -> str:
    """Numbers in order, runs of them as first and last: 2, 8-49."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1] = [runs[-1][0], number]
        else:
            runs.append([number])
    return ", ".join("-".join(str(end) for end in dict.fromkeys(run)) for run in runs)
