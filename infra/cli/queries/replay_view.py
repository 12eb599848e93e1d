"""A selection of a dossier's facts and what it amounts to, for programs and for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timezone
from typing import Any

from domain.context import VIETNAM
from domain.dossier.aggregate import Dossier
from domain.dossier.as_of import state_of
from domain.dossier.event import DossierEvent
from domain.procedure import RECORDED_BY
from infra.cli.queries.audit import document_text
from infra.cli.support.i18n import event_text
from infra.cli.support.labels import counts_text, level_name, state_name
from infra.cli.support.session import Session
from infra.cli.support.tables import print_heading, print_pairs, print_table
from projections.audit_details import documents_of


@dataclass(frozen=True, slots=True)
class Replay:
    """The facts of a dossier as of a moment, a day or a version; as of now where none of them is given."""

    number: str
    events: Sequence[DossierEvent]
    recorded_by: datetime | None = None
    true_on: date | None = None
    version: int | None = None

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
            "timeline": [_entry(event) for event in self.events],
        }

    def documents(self) -> list[dict[str, Any]]:
        """Every document of the facts, each with the number of its `fact` and its `path` in it."""
        return [
            {"fact": event.originator_version, **document} for event in self.events for document in documents_of(event)
        ]

    def show(self, session: Session) -> None:
        """Print it for people."""
        dossier, said = state_of(self.events), session.said
        if dossier is None:
            print_pairs(((said("Dossier", "Hồ sơ"), self.number), (said("As of", "Tính đến"), self._as_of(session))))
            print_heading(said("Nothing had been recorded.", "Chưa có sự kiện nào."))
            return
        self._summary(session, dossier)
        if dossier.results:
            print_heading(said("Results", "Kết quả thẩm định"))
            _results(session, dossier)
        print_heading(said("Documents", "Văn bản"))
        self._papers(session)
        print_heading(said("Timeline", "Diễn biến"))
        self._timeline(session)

    def _summary(self, session: Session, dossier: Dossier) -> None:
        said, language, counts = session.said, session.language, _counts(dossier)
        print_pairs(
            (
                (said("Dossier", "Hồ sơ"), self.number),
                (said("Level, year", "Mức độ, năm"), f"{level_name(dossier.level, language)}, {dossier.year}"),
                (said("As of", "Tính đến"), self._as_of(session)),
                (said("State", "Trạng thái"), state_name(dossier.state, language)),
                (said("Verified", "Đã thẩm định"), f"{len(dossier.results)}/{len(dossier.criteria)}"),
                (said("Counts", "Số tiêu chí đạt"), counts_text(counts, session) if counts else None),
                (said("Due on", "Hạn"), dossier.due_on),
                (said("Decision", "Quyết định"), dossier.decision[1].get("number") if dossier.decision else None),
            )
        )

    def _papers(self, session: Session) -> None:
        """Each document once, with the facts that name it."""
        named: dict[tuple[str, str], dict[int, None]] = {}
        for document in self.documents():
            named.setdefault((document_text(document), document["issuer"]), {})[document["fact"]] = None
        headings = (
            session.said("Document", "Văn bản"),
            session.said("Issuer", "Nơi ban hành"),
            session.said("Facts", "Số"),
        )
        print_table(headings, ((*key, _runs(list(facts))) for key, facts in named.items()))

    def _timeline(self, session: Session) -> None:
        said = session.said
        headings = (
            said("Fact", "Số"),
            said("Day", "Ngày"),
            said("Event", "Sự kiện"),
            said("Who", "Ai"),
            said("Recorded at (UTC)", "Ghi lúc (UTC)"),
        )
        print_table(
            headings,
            (
                (
                    event.originator_version,
                    event.on,
                    event_text(type(event).__name__, session.language),
                    f"{event.actor['person']}, {event.actor['agency']}",
                    event.timestamp.strftime("%Y-%m-%d %H:%M:%S"),
                )
                for event in self.events
            ),
        )

    def _as_of(self, session: Session) -> str:
        if self.recorded_by is not None:
            local = self.recorded_by.astimezone(timezone(VIETNAM)).strftime("%Y-%m-%d %H:%M:%S")
            return session.said(f"recorded by {local}, Vietnam time", f"đã ghi đến {local}, giờ Việt Nam")
        if self.true_on is not None:
            return session.said(f"true on {self.true_on}", f"đúng vào ngày {self.true_on}")
        if self.version is not None:
            return session.said(f"fact {self.version}", f"sự kiện {self.version}")
        return session.said("now", "hiện tại")


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


def _entry(event: DossierEvent) -> dict[str, Any]:
    name = type(event).__name__
    return {
        "fact": event.originator_version,
        "event": name,
        "on": event.on,
        "recorded_at": event.timestamp,
        "actor": dict(event.actor),
        "clause": RECORDED_BY[name].clause,
    }


def _results(session: Session, dossier: Dossier) -> None:
    said = session.said
    headings = (
        said("Criterion", "Tiêu chí"),
        said("Figure", "Số liệu"),
        said("Result", "Kết quả"),
        said("Fact", "Sự kiện số"),
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
        return session.said("yes", "có") if given["answer"] else session.said("no", "không")
    if "communes" in given:
        figures = given["communes"]
        return session.said(
            f"{figures['recognised']}/{figures['communes']} recognised, {figures['advanced']} advanced",
            f"{figures['recognised']}/{figures['communes']} được công nhận, {figures['advanced']} nâng cao",
        )
    return str(given.get("count", ""))


def _met(session: Session, met: bool | None) -> str:
    if met is None:
        return session.said("not applicable", "không áp dụng")
    return session.said("met", "đạt") if met else session.said("not met", "chưa đạt")


def _runs(numbers: list[int]) -> str:
    """Numbers in order, runs of them as first and last: 2, 8-49."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1] = [runs[-1][0], number]
        else:
            runs.append([number])
    return ", ".join("-".join(str(end) for end in dict.fromkeys(run)) for run in runs)
