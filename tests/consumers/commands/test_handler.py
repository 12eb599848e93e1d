"""The handler of commands on a real embedded log: acts once, answers the same again, builds on nothing lost."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consumers.commands.cross_dossier import LoggedFacts
from consumers.commands.errors import ClockWrong, LogIncomplete
from consumers.commands.handler import CommandHandler
from consumers.commands.ports import DeadLetter, QueuedCommand, QueuePosition
from consumers.commands.recording_clock import LogClock
from consumers.commands.repository import AGGREGATES_KEPT
from domain import procedure
from domain.catalogue import Level, UnitKind
from domain.commands import Command
from domain.recorded_event import RecordedEvent
from domain.step import DossierStep
from projections.engine.ports import DossierLog
from schemas.command_errors import MalformedCommand
from schemas.command_parser import MalformedMessage, command_from, read_command
from tests.acceptance.system import EmbeddedSystem
from tests.support.command_builders import Draft, Drafts, council
from tests.support.histories import NOW
from tests.support.units import UNITS

FIRST = "018f2b6e-0000-7000-8000-000000000001"
SECOND = "018f2b6e-0000-7000-8000-000000000002"
COMMUNE = Drafts(UNITS.get("04630"), Level.BASIC)
NEIGHBOUR = Drafts(UNITS.get("04633"), Level.BASIC)


def numbered(draft: Draft, command_id: str = FIRST) -> Draft:
    """A draft under a command id."""
    return {**draft, "command_id": command_id}


def one(world: EmbeddedSystem, draft: Draft) -> dict[str, Any]:
    """The answer to one command."""
    (answer,) = world.submit([draft])
    return answer


def events_in(world: EmbeddedSystem) -> int:
    """How many facts the log holds."""
    return len(world.stored())


def test_the_same_command_again_gets_its_first_answer_and_acts_once(tmp_path: Path) -> None:
    """In one stream and in the next one."""
    with EmbeddedSystem(tmp_path) as world:
        first, again = world.submit([numbered(COMMUNE.open()), numbered(COMMUNE.open())])
        assert first == again == one(world, numbered(COMMUNE.open()))
        assert first["ok"]
        assert first["events"] == ["DossierOpened"]
        assert (first["version"], first["partition"], first["position"]) == (1, 0, 1)
        assert events_in(world) == 1


def test_a_refusal_is_the_answer_to_the_same_command_for_ever(tmp_path: Path) -> None:
    """Also when it would be accepted now; a command of its own is."""
    with EmbeddedSystem(tmp_path) as world:
        world.must([COMMUNE.open()])
        early = one(world, numbered(COMMUNE.submit_to_district()))
        assert early["error"]["code"] == "WRONG_ORDER"
        assert early["position"] == 1
        world.must([COMMUNE.assess()])
        assert one(world, numbered(COMMUNE.submit_to_district())) == early
        assert one(world, numbered(COMMUNE.submit_to_district(), SECOND))["ok"]


def test_the_first_answer_survives_a_restart(tmp_path: Path) -> None:
    """It is in the log, of accepted and of refused commands."""
    with EmbeddedSystem(tmp_path) as world:
        accepted = one(world, numbered(COMMUNE.open()))
        refused = one(world, numbered(COMMUNE.submit(), SECOND))
    with EmbeddedSystem(tmp_path) as again:
        assert one(again, numbered(COMMUNE.open())) == accepted
        assert one(again, numbered(COMMUNE.submit(), SECOND)) == refused
        assert events_in(again) == 1


@pytest.mark.parametrize("ok", [True, False])
def test_an_id_is_bound_to_its_content(tmp_path: Path, ok: bool) -> None:
    """Other content is refused, and the first content keeps its answer."""
    with EmbeddedSystem(tmp_path) as world:
        first = one(world, numbered(COMMUNE.open() if ok else COMMUNE.assess()))
        assert first["ok"] is ok
        other = one(world, numbered(COMMUNE.open("2024-06-18")))
        assert other["error"]["code"] == "COMMAND_ID_REUSED"
        assert one(world, numbered(COMMUNE.open() if ok else COMMUNE.assess())) == first
        assert events_in(world) == int(ok)


def test_an_id_is_scoped_to_its_unit(tmp_path: Path) -> None:
    """Two units that number their commands alike do not disturb each other; two levels of one unit do."""
    advanced = Drafts(COMMUNE.unit, Level.ADVANCED)
    with EmbeddedSystem(tmp_path) as world:
        assert one(world, numbered(COMMUNE.open()))["ok"]
        assert one(world, numbered(NEIGHBOUR.open()))["ok"]
        assert one(world, numbered(council("2020-01-02")))["ok"]
        assert one(world, numbered(advanced.open()))["error"]["code"] == "COMMAND_ID_REUSED"


def test_a_dossier_is_named_by_its_id_its_number_or_its_unit(tmp_path: Path) -> None:
    """In whatever case the number is typed."""
    with EmbeddedSystem(tmp_path) as world:
        opened = world.must([COMMUNE.open()])[0]["dossier"]
        for reference in (opened, "04630-CB-2024-1", "04630-cb-2024-1", COMMUNE.reference):
            assert one(world, {**COMMUNE.assess(), "dossier": reference})["dossier"] == opened
        for reference in ("04630-CB-2024-2", "04630-NC-2024-1", {**COMMUNE.reference, "year": 2023}):
            unknown = one(world, {**COMMUNE.assess(), "dossier": reference})
            assert unknown["error"]["code"] == "UNKNOWN_DOSSIER"


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        ({"on": "2024-02-30"}, None),
        ({"command": "OpenDosier"}, "UNKNOWN_COMMAND"),
        ({"dossier": "nonsense"}, "INVALID_COMMAND"),
        ({"dossier": {"unit": "99999", "level": "basic", "year": 2024}}, "UNKNOWN_UNIT"),
        ({"actor": {"person": "A", "agency": "nobody", "role": "applicant"}}, "UNKNOWN_ACTOR"),
    ],
    ids=["day", "command", "reference", "unit", "actor"],
)
def test_malformed_input_binds_nothing(tmp_path: Path, broken: Draft, code: str | None) -> None:
    """Its id stays free for the command that was meant."""
    with EmbeddedSystem(tmp_path) as world:
        answer = one(world, numbered(COMMUNE.open() | broken))
        assert not answer["ok"]
        assert answer["command_id"] == FIRST
        assert code in (None, answer["error"]["code"])
        assert events_in(world) == 0
        assert one(world, numbered(COMMUNE.open()))["ok"]


def test_a_line_that_is_no_command_is_answered_in_its_place(tmp_path: Path) -> None:
    """The lines around it are handled as ever."""
    with EmbeddedSystem(tmp_path) as world:
        handler = world.application.handler
        answers = [json.loads(each.line) for each in handler.handle([ready(COMMUNE.open()), garbage(), ready(
            COMMUNE.assess(), SECOND)])]  # fmt: skip
        assert [answer["ok"] for answer in answers] == [True, False, True]
        assert [answer["position"] for answer in answers] == [1, 1, 2]
        assert answers[1]["command_id"] is None


def test_commands_of_one_stream_build_on_each_other(tmp_path: Path) -> None:
    """A second open dossier is refused although the first one is not yet in the log."""
    with EmbeddedSystem(tmp_path) as world:
        answers = world.submit(
            [COMMUNE.open(), COMMUNE.open("2024-06-18"), COMMUNE.withdraw("2024-06-18"), COMMUNE.open("2024-06-19")]
        )
        assert [answer["ok"] for answer in answers] == [True, False, True, True]
        assert answers[1]["error"]["code"] == "DOSSIER_ALREADY_OPEN"
        assert answers[3]["dossier"] != answers[0]["dossier"]


def test_two_handlers_on_one_log_lose_and_double_nothing(tmp_path: Path) -> None:
    """Whoever comes second decides anew on what the first one appended."""
    with EmbeddedSystem(tmp_path) as one_process, EmbeddedSystem(tmp_path) as another:
        turns = [one_process, another]
        drafts = [council("2020-01-02"), COMMUNE.open(), COMMUNE.assess(), COMMUNE.submit_to_district()]
        drafts += [COMMUNE.appraise(), COMMUNE.send_on(), COMMUNE.receive(), COMMUNE.forward()]
        for place, draft in enumerate(drafts):
            assert one(turns[place % 2], numbered(draft, id_of(place)))["ok"]
            assert one(turns[(place + 1) % 2], numbered(draft, id_of(place)))["position"] == place + 1
        assert [stored[3] for stored in one_process.stored()].count("DossierOpened") == 1
        assert events_in(another) == len(drafts)


def test_a_batch_that_met_a_conflict_is_decided_anew_as_a_whole(tmp_path: Path) -> None:
    """The other process opened the dossier between reading the head and appending."""
    with EmbeddedSystem(tmp_path) as world, EmbeddedSystem(tmp_path) as intruder:
        handler = between(world, lambda: intruder.must([numbered(COMMUNE.open(), SECOND)]))
        lines = handler.handle([ready(COMMUNE.open("2024-06-16")), ready(NEIGHBOUR.open(), id_of(3))])
        answers = [json.loads(each.line) for each in lines]
        assert answers[0]["error"]["code"] == "DOSSIER_ALREADY_OPEN"
        assert answers[1]["position"] == 2
        assert [stored[3] for stored in world.stored()] == ["DossierOpened", "DossierOpened"]


def test_what_could_not_be_appended_is_not_built_upon(tmp_path: Path) -> None:
    """After a failure of the log the same commands are decided on what the log holds."""
    with EmbeddedSystem(tmp_path) as world:
        handler = between(world, fails_once())
        with pytest.raises(OSError, match="disk"):
            handler.handle([ready(COMMUNE.open())])
        assert events_in(world) == 0
        (answer,) = handler.handle([ready(COMMUNE.open())])
        assert answer.outcome == "accepted"
        assert events_in(world) == 1


@given(st.lists(st.integers(0, 300), min_size=5, max_size=12))
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_recorded_moments_never_go_back_while_clocks_differ_a_little(
    tmp_path_factory: pytest.TempPathFactory, seconds: list[int]
) -> None:
    """Not in one process, and not after a restart."""
    folder = tmp_path_factory.mktemp("clock")
    communes = iter(UNITS.of_kind(UnitKind.COMMUNE))
    for half in (seconds[:3], seconds[3:]):
        with EmbeddedSystem(folder) as world:
            for offset in half:
                handler = clocked(world, NOW + timedelta(seconds=offset))
                assert handler.handle([ready(Drafts(next(communes), Level.BASIC).open())])[0].outcome == "accepted"
    with EmbeddedSystem(folder) as world:
        moments = recorded(world)
    assert moments == sorted(moments)
    assert len(moments) == len(seconds)


def test_a_clock_that_was_wrong_once_stamps_nothing_that_follows(tmp_path: Path) -> None:
    """Whoever sets it right is asked once; then the log goes on with the time as it is."""
    communes = iter(UNITS.of_kind(UnitKind.COMMUNE))
    wrong = datetime(2099, 1, 1, tzinfo=UTC)
    with EmbeddedSystem(tmp_path) as world:

        def give(moment: datetime, *, confirmed: bool = False) -> None:
            handler = clocked(world, moment, confirmed=confirmed)
            assert handler.handle([ready(Drafts(next(communes), Level.BASIC).open())])[0].outcome == "accepted"

        give(wrong)
        with pytest.raises(ClockWrong):
            give(NOW)
        assert recorded(world) == [wrong]
        give(NOW, confirmed=True)
        give(NOW + timedelta(minutes=1))
        assert recorded(world) == [wrong, NOW, NOW + timedelta(minutes=1)]


def recorded(world: EmbeddedSystem) -> list[datetime]:
    """The recorded moment of each event of the log."""
    mapper = world.application.mapper
    stored = [mapper.to_domain_event(each) for each in world.application.log.read(0, 0, 1000)]
    return [cast(RecordedEvent, event).timestamp for event in stored]


def test_many_dossiers_leave_memory_flat(tmp_path: Path) -> None:
    """The aggregates that are kept are bounded, and what was let go is loaded again when it is needed."""
    with EmbeddedSystem(tmp_path) as world:
        communes = UNITS.of_kind(UnitKind.COMMUNE)
        drafts = [Drafts(commune, level, year) for commune in communes for level in Level for year in (2023, 2024)]
        world.must([each.open("2024-06-17") for each in drafts])
        known = world.application.handler._repositories[0]
        assert len(drafts) > AGGREGATES_KEPT
        assert len(known._aggregates) == AGGREGATES_KEPT
        world.must([each.assess("2024-06-18") for each in drafts[:40]])
        assert len(known._aggregates) == AGGREGATES_KEPT


def test_a_fault_on_one_command_loses_nothing_of_what_the_batch_decided_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command becomes a dead letter; what follows it is decided on what came before, and the log is whole."""
    step = procedure.ON_DOSSIER["WithdrawDossier"]
    failing = dataclasses.replace(step, handler=fails_after(step.handler))
    monkeypatch.setitem(cast(dict[str, DossierStep[Command]], procedure.ON_DOSSIER), "WithdrawDossier", failing)
    with EmbeddedSystem(tmp_path) as world:
        dead = Kept()
        handler = world.application.handler
        handler.process_queued(queued([COMMUNE.open()]), 0, dead)
        drafts = [COMMUNE.assess(), COMMUNE.withdraw("2024-06-18"), COMMUNE.submit_to_district()]
        handler.process_queued(queued(drafts, start=1), 0, dead)
        assert [letter.source.offset for letter in dead.letters] == [2]
        assert [(stored[2], stored[3]) for stored in world.stored()] == [
            (1, "DossierOpened"),
            (2, "SelfAssessmentRecorded"),
            (3, "DossierSubmittedToDistrictCouncil"),
        ]


class Kept:
    """Dead letters in memory."""

    def __init__(self) -> None:
        self.letters: list[DeadLetter] = []

    def store(self, letters: Sequence[DeadLetter]) -> None:
        """See `DeadLetters`."""
        self.letters += letters


def queued(drafts: Sequence[Draft], start: int = 0) -> list[QueuedCommand]:
    """Drafts as they stand in a queue from an offset on."""
    numbers = range(start, start + len(drafts))
    return [
        QueuedCommand(QueuePosition(UUID(int=1), number), json.dumps(numbered(draft, id_of(number))).encode())
        for number, draft in zip(numbers, drafts, strict=True)
    ]


def fails_after(step: Callable[..., Any]) -> Callable[..., Any]:
    """A step that changes the dossier, and then fails by a fault of the program."""

    def failing(*arguments: Any) -> None:
        step(*arguments)
        raise RuntimeError("a fault")

    return failing


def ready(draft: Draft, command_id: str = FIRST) -> Command:
    """A draft as it reaches the handler."""
    return command_from(numbered(draft, command_id))


def garbage() -> MalformedMessage:
    """A line that is no command."""
    with pytest.raises(MalformedCommand) as caught:
        read_command("nonsense")
    return MalformedMessage(caught.value.command_id, caught.value)


def id_of(place: int) -> str:
    """A command id."""
    return f"018f2b6e-0000-7000-8000-{place:012x}"


class Between:
    """A log on which something happens once, just before the first append."""

    def __init__(self, world: EmbeddedSystem, happens: Callable[[], object]) -> None:
        self._log = world.application.sqlite_log
        self._happens: Callable[[], object] | None = happens
        self.log_id = self._log.log_id
        self.partitions = self._log.partitions
        self.partition_of = self._log.partition_of
        self.head = self._log.head
        self.read = self._log.read
        self.empty_positions = self._log.empty_positions
        self.history = self._log.history
        self.read_types = self._log.read_types
        self.last_given = self._log.last_given
        self.refresh = self._log.refresh
        self.check_end = self._log.check_end
        self.commands_offset = self._log.commands_offset
        self.last_handled = self._log.last_handled
        self.events_of = self._log.events_of
        self.answers = self._log.answers

    def append(self, partition: int, head: int, outcomes: Sequence[Any], *, given: int | None = None) -> None:
        """As the log does it, after what happens."""
        happens, self._happens = self._happens, None
        if happens is not None:
            happens()
        self._log.append(partition, head, outcomes, given=given)


class UnreadableLog:
    """A log that cannot be read."""

    @property
    def partitions(self) -> range:
        raise LogIncomplete(partition=0, head=1, reached=0)


def test_other_dossiers_are_read_only_for_a_command_that_asks(tmp_path: Path) -> None:
    """An opening asks nothing; a recognition of before needs the unit's other ones."""
    with EmbeddedSystem(tmp_path) as world:
        installed = world.application
        facts = LoggedFacts(cast("DossierLog", UnreadableLog()), installed.mapper)
        handler = CommandHandler(installed.sqlite_log, facts, installed.mapper, UNITS, clock=LogClock(lambda: NOW))
        (answer,) = handler.handle([command_from(numbered(COMMUNE.open()))])
        assert json.loads(answer.line)["ok"]
        with pytest.raises(LogIncomplete):
            handler.handle([command_from(numbered(NEIGHBOUR.recognised_earlier("2023-12-01"), SECOND))])


def between(world: EmbeddedSystem, happens: Callable[[], object]) -> CommandHandler:
    """A handler on such a log."""
    installed = world.application
    facts = LoggedFacts(installed.log, installed.mapper)
    return CommandHandler(Between(world, happens), facts, installed.mapper, UNITS, clock=LogClock(lambda: NOW))


def clocked(world: EmbeddedSystem, moment: datetime, *, confirmed: bool = False) -> CommandHandler:
    """A handler that reads this moment from its clock."""
    installed = world.application
    return CommandHandler(
        installed.sqlite_log,
        LoggedFacts(installed.log, installed.mapper),
        installed.mapper,
        UNITS,
        clock=LogClock(lambda: moment.astimezone(UTC), lambda: confirmed),
    )


def fails_once() -> Callable[[], object]:
    """The disk is full."""

    def failing() -> object:
        raise OSError("the disk is full")

    return failing
