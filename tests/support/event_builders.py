"""A log in memory, and dossiers that walk the procedure in it, encoded by the real codec."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import Any, Self
from uuid import UUID

from eventsourcing.persistence import Notification

from domain.catalogue import Level, UnitKind, catalogue
from domain.identity import COUNCIL_ID, DossierKey
from domain.recorded_event import RecordedEvent
from domain.units import Unit
from projections.engine.empty_positions import EmptyPositions
from schemas.avro.codec import encode
from tests.support import command_builders
from tests.support.command_builders import Drafts
from tests.support.histories import history
from tests.support.units import COMMUNE, DEPARTMENT, DISTRICT, UNITS

PERSON = {**command_builders.participant(), "organisation": "Sở Thông tin và Truyền thông"}
_OPENED = date(2024, 6, 14)


def _day(step: str) -> date:
    """The usual day of a step; the opening before all others."""
    return _OPENED if step == "opened" else date.fromisoformat(command_builders.DAYS[step])


class FakeLog:
    """A LogReader over lists; one moment passes with each event."""

    def __init__(self, log_id: str = "log-1", partitions: int = 1) -> None:
        self.log_id = log_id
        self.partitions = range(partitions)
        self.events: list[list[Notification]] = [[] for _ in self.partitions]
        self.records: list[list[bytes]] = [[] for _ in self.partitions]
        """The events as they were recorded: what is done to `events` is done to an index of them."""
        self._versions: dict[UUID, int] = {}
        self._commands = 0
        self.begins_at = datetime(2024, 6, 14, 1, 0, tzinfo=UTC)

    def head(self, partition: int) -> int:
        return len(self.events[partition])

    def empty_positions(self, partition: int) -> EmptyPositions:
        del partition
        return ()

    def read(self, partition: int, after: int, limit: int) -> Sequence[Notification]:
        return self.events[partition][after : after + limit]

    def history(self, partition: int, position: int) -> bytes | None:
        if position > self.head(partition):
            return None
        return sha256(b"".join(self.records[partition][:position])).digest()

    def partition_of(self, dossier_id: UUID) -> int:
        return (dossier_id.int >> 80) % len(self.partitions)

    def add(self, dossier_id: UUID, event: str, on: date, actor: tuple[str, str], **fields: Any) -> int:
        """Append an event by an (agency, role); returns its version."""
        self._commands += 1
        record = {
            "recorded_at": self.begins_at + timedelta(seconds=self._commands),
            "on": on,
            "actor": {"person": "Trần Thị Bình", "agency": actor[0], "role": actor[1]},
            "command_id": str(UUID(int=self._commands)),
            **fields,
        }
        return self.add_raw(dossier_id, event, encode(event, record))

    def add_raw(self, dossier_id: UUID, topic: str, state: bytes) -> int:
        """Append bytes as they are; returns the version."""
        version = self._versions[dossier_id] = self._versions.get(dossier_id, 0) + 1
        partition = self.events[self.partition_of(dossier_id)]
        partition.append(Notification(dossier_id, version, topic, state, id=len(partition) + 1))
        self.records[self.partition_of(dossier_id)].append(sha256(state).digest())
        return version


def document(number: str | None, day: date, issuer: str = "so-tttt") -> dict[str, Any]:
    """A document as events hold it."""
    return {**command_builders.document("", number, issuer), "date": day, "sha256": "ab" * 32, "title": None}


def establish_council(log: FakeLog, on: date = date(2024, 6, 12), *, number: str = "1100/QĐ-UBND") -> int:
    """The provincial council as decided on a day: established, or changed when it exists."""
    first = not any(n.originator_id == COUNCIL_ID for partition in log.events for n in partition)
    chair = {"name": "Lê Văn Cường", "position": "Phó Chủ tịch", "agency": "ubnd-tinh"}
    vice = {"name": "Phạm Thị Dung", "position": "Giám đốc", "agency": "so-tttt"}
    return log.add(
        COUNCIL_ID,
        "CouncilEstablished" if first else "CouncilChanged",
        on,
        ("ubnd-tinh", "chairman"),
        decision=document(number, on, "ubnd-tinh"),
        signer="Trần Huy",
        capacity="CHỦ TỊCH",
        chair=chair,
        standing_vice_chair=vice,
        members=[vice, {"name": "Hoàng Em", "position": "Phó Giám đốc", "agency": "so-nv"}],
        reason=None,
    )


_COMMON = frozenset(
    {*RecordedEvent.__annotations__, "originator_id", "originator_version", "originator_topic", "timestamp"}
)
"""What every event holds: not the usual one's, but this dossier's own."""
_LIKE = {UnitKind.COMMUNE: COMMUNE, UnitKind.DISTRICT: DISTRICT, UnitKind.DEPARTMENT: DEPARTMENT}


@cache
def _usual(kind: UnitKind, level: Level) -> dict[tuple[str, str | None], dict[str, Any]]:
    """Event and its criterion, if it has one → its own fields, after the commands of the usual way."""
    found: dict[tuple[str, str | None], dict[str, Any]] = {}
    for event in history(Drafts(_LIKE[kind], level), "announced"):
        fields = {name: value for name, value in vars(event).items() if name not in _COMMON}
        found[type(event).__name__, fields.get("criterion")] = fields
    return found


class DossierHistory:
    """One dossier. Each method appends the events of a step; `until` walks the usual way up to a step.

    The events of the usual way are those of its commands (`histories.history`), on the days and for the unit of this
    dossier. The others are written here, since they stand also where no command may be given.
    """

    steps = (
        "open", "assess", "meet", "submit", "receive", "forward", "verify", "sum_up", "council", "propose",
        "approve", "announce",
    )  # fmt: skip

    def __init__(
        self, log: FakeLog, unit: Unit = COMMUNE, level: str = "basic", year: int = 2024, attempt: int = 1
    ) -> None:
        self.log, self.unit = log, unit
        self.name = DossierKey(unit.id, Level(level), year, attempt)
        self.criteria = catalogue(1).criteria_for(unit.kind, Level(level))
        self.shift = timedelta(days=365 * (year - 2024))
        self.versions: dict[str, int] = {}
        self.results: dict[str, int] = {}

    @property
    def id(self) -> UUID:
        return self.name.id

    def day(self, step: str) -> date:
        return _day(step) + self.shift

    def add(self, event: str, on: date, actor: tuple[str, str], **fields: Any) -> int:
        version = self.versions[event] = self.log.add(self.id, event, on, actor, **fields)
        return version

    def until(self, step: str, *, after: str | None = None) -> Self:
        begin = 0 if after is None else self.steps.index(after) + 1
        for each in self.steps[begin : self.steps.index(step) + 1]:
            getattr(self, each)()
        return self

    def identity(self) -> dict[str, Any]:
        return {
            "unit_id": self.unit.id, "unit_kind": self.unit.kind.value, "parent_id": self.unit.parent_id,
            "level": self.name.level.value, "year": self.name.year, "attempt": self.name.attempt,
            "number": self.name.number,
        }  # fmt: skip

    def usual(self, event: str, criterion: str | None = None) -> dict[str, Any]:
        """The fields of an event as the commands of the usual way lead to it."""
        return dict(_usual(self.unit.kind, self.name.level)[event, criterion])

    def open(self) -> None:
        fields = {**self.usual("DossierOpened"), **self.identity()}
        self.add("DossierOpened", self.day("opened"), (self.unit.id, "applicant"), **fields)

    def assess(self) -> None:
        fields = self.usual("SelfAssessmentRecorded")
        self.add("SelfAssessmentRecorded", self.day("self_assessed"), (self.unit.id, "applicant"), **fields)

    def meet(self) -> None:
        if self.unit.kind is UnitKind.COMMUNE:
            return
        role = "steering_committee" if self.unit.kind is UnitKind.DEPARTMENT else "district_council"
        fields = self.usual("OwnMeetingRecorded")
        self.add("OwnMeetingRecorded", self.day("own_meeting"), (self.unit.id, role), **fields)

    def submit(self) -> None:
        applicant, district, early = (self.unit.id, "applicant"), self.unit.parent_id or "", self.day("own_meeting")
        if self.unit.kind is not UnitKind.COMMUNE:
            self.add("DossierSubmitted", self.day("submitted"), applicant, **self.usual("DossierSubmitted"))
            return
        for event, day, actor in (
            ("DossierSubmittedToDistrictCouncil", early, applicant),
            ("DossierAppraised", early, (district, "district_council")),
            ("DossierSentToProvince", self.day("submitted"), (district, "district_committee")),
        ):
            self.add(event, day, actor, **self.usual(event))

    def receive(self, on: date | None = None) -> None:
        day = on or self.day("received")
        due = day + timedelta(days=15)
        standing = ("so-tttt", "standing_agency")
        self.add("DossierReceived", day, standing, due_on=due, deadline_rolls_over_weekend=False)

    def forward(self, on: date | None = None, days_late: int = 0) -> None:
        day = on or self.day("forwarded_to_members")
        fields = {
            **self.usual("DossierForwardedToCouncil"),
            "due_on": self.day("received") + timedelta(days=15),
            "days_late": days_late,
        }
        self.add("DossierForwardedToCouncil", day, ("so-tttt", "standing_agency"), **fields)

    def result(self, code: str, finding: dict[str, Any] | None = None) -> dict[str, Any]:
        """The usual result, or another finding, to which the first coordinating agency contributed."""
        fields = self.usual("CriterionVerified", code)
        paper = document("77/CV", self.day("verified"))
        partner = self.criteria[code].coordinating_agencies[:1]
        fields["contributions"] = [{"agency": agency, "document": paper} for agency in partner]
        return fields if finding is None else {**fields, "finding": finding}

    def verify_one(self, code: str, finding: dict[str, Any] | None = None, *, complete: bool = False) -> int:
        member = (self.criteria[code].lead_agency, "council_member")
        version = self.add(
            "CriterionVerified", self.day("verified"), member, **{**self.result(code, finding), "complete": complete}
        )
        self.results[code] = version
        return version

    def verify(self) -> None:
        left = [code for code in self.criteria if code not in self.results]
        for code in left:
            self.verify_one(code, complete=code == left[-1])

    def correct_verification(self, code: str, *, after_decision: bool = False) -> int:
        member = (self.criteria[code].lead_agency, "council_member")
        corrects = self.results[code]
        self.results[code] = self.add(
            "VerificationCorrected", self.day("verified"), member, corrects=corrects, reason="nhầm số liệu",
            after_decision=after_decision, **{**self.result(code), "complete": True},
        )  # fmt: skip
        return self.results[code]

    def correct_fact(self, fact: str, *, after_decision: bool = False) -> int:
        return self.add(
            "FactCorrected", self.day("approved"), ("so-tttt", "standing_agency"), corrects=self.versions[fact],
            fact=fact, reason="nhầm", took_place_on=None, correction='{"missing": ["x"]}', findings=None,
            documents=[document("9/ĐC", self.day("approved"))], inspected=None, recommends=None,
            after_decision=after_decision,
        )  # fmt: skip

    def inspect(self, code: str) -> int:
        member, day = (self.criteria[code].lead_agency, "council_member"), self.day("forwarded_to_members")
        paper = document(None, day)
        return self.add(
            "FieldInspectionRecorded", day, member, minutes=paper, place="Trụ sở", present=[PERSON],
            findings={code: "đạt"},
        )  # fmt: skip

    def sum_up(self, *, holds: bool = True) -> None:
        fields = self.usual("ResultsSummedUp")
        fields["counts"] = {**fields["counts"], "holds": holds}
        self.add("ResultsSummedUp", self.day("summed_up"), ("so-tttt", "standing_agency"), **fields)

    def council(self) -> None:
        fields = self.usual("CouncilMeetingRecorded")
        self.add("CouncilMeetingRecorded", self.day("council_met"), ("council", "provincial_council"), **fields)

    def propose(self) -> None:
        fields = self.usual("RecognitionProposed")
        self.add("RecognitionProposed", self.day("proposed"), ("so-tttt", "standing_agency"), **fields)

    def decision(self, number: str, on: date) -> dict[str, Any]:
        return {
            "unit_id": self.unit.id, "level": self.name.level.value, "decision": document(number, on, "ubnd-tinh"),
            "signer": "Trần Huy", "capacity": "CHỦ TỊCH",
        }  # fmt: skip

    def approve(self, on: date | None = None, number: str = "1500/QĐ-UBND") -> None:
        day = on or self.day("approved")
        fields = {**self.usual("RecognitionApproved"), **self.decision(number, day)}
        self.add("RecognitionApproved", day, ("ubnd-tinh", "chairman"), **fields)

    def reject(self) -> None:
        day = self.day("approved")
        decision = self.decision("1501/QĐ-UBND", day)
        self.add("RecognitionRejected", day, ("ubnd-tinh", "chairman"), **decision, reasons="chưa đủ điều kiện")

    def announce(self) -> None:
        fields = self.usual("RecognitionAnnounced")
        self.add("RecognitionAnnounced", self.day("announced"), (self.unit.id, "applicant"), **fields)

    def give_back(self, on: date, role: str = "standing_agency") -> None:
        agency = "so-tttt" if role == "standing_agency" else self.unit.parent_id or ""
        self.add("DossierReturned", on, (agency, role), missing=["biên bản họp"])

    def withdraw(self) -> None:
        self.add("DossierWithdrawn", self.day("received"), (self.unit.id, "applicant"), reason=None)

    def refuse(self) -> None:
        district = (self.unit.parent_id or "", "district_council")
        self.add("DossierRefusedByDistrictCouncil", self.day("own_meeting"), district, reasons="chưa đạt")

    def close(self) -> None:
        standing = ("so-tttt", "standing_agency")
        self.add("DossierClosedAsUnfavourable", self.day("summed_up"), standing, reasons="không đủ điều kiện")

    def correct_decision(self, number: str, to: date) -> None:
        day = max(to, self.day("approved")) + timedelta(days=5)
        decided = self.versions.get("RecognitionApproved") or self.versions.get("RecognitionRejected") or 1
        self.add(
            "DecisionCorrected", day, ("ubnd-tinh", "chairman"), **self.decision("1600/QĐ-UBND", day),
            corrects=decided, reason="nhầm ngày", corrected=document(number, to, "ubnd-tinh"),
        )  # fmt: skip

    def revoke(self, on: date) -> None:
        revokes = self.versions.get("RecognitionApproved", 1)
        decision = self.decision("1700/QĐ-UBND", on)
        self.add("DecisionRevoked", on, ("ubnd-tinh", "chairman"), **decision, revokes=revokes, reason="sai sót")

    def earlier(self, on: date) -> None:
        decision = document("99/QĐ-UBND", on, "ubnd-tinh")
        self.add(
            "EarlierRecognitionRecorded", on, ("so-tttt", "standing_agency"), **self.identity(), decision=decision,
            signer=None, capacity=None,
        )  # fmt: skip


def province(log: FakeLog) -> None:
    """A little of everything: every type of event happens at least once."""
    establish_council(log)
    DossierHistory(log).until("announce")
    DossierHistory(log, COMMUNE, "advanced", 2025).until("verify").withdraw()
    district = DossierHistory(log, DISTRICT).until("receive")
    district.give_back(date(2024, 7, 3))
    district.meet()
    district.until("forward", after="meet")
    district.inspect("I.1")
    district.until("sum_up", after="forward")
    district.correct_verification("I.1")
    district.correct_fact("DossierReturned")
    district.sum_up(holds=False)
    district.close()
    department = DossierHistory(log, DEPARTMENT, "advanced").until("approve")
    department.correct_decision("1502/QĐ-UBND", date(2024, 8, 16))
    department.revoke(date(2024, 9, 1))
    rejected = DossierHistory(log, UNITS.get("so-nv")).until("propose")
    rejected.reject()
    rejected.correct_verification("II.6", after_decision=True)
    refused = DossierHistory(log, UNITS.communes_of("135")[0]).until("assess")
    refused.submit()
    refused.refuse()
    DossierHistory(log, UNITS.communes_of("135")[1]).earlier(date(2023, 12, 20))
    establish_council(log, date(2025, 1, 10), number="12/QĐ-UBND")
