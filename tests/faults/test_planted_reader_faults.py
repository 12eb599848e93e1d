"""The checks are proven on the readers too: faults planted into the rule and into the engine, each found."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from domain.errors import InfrastructureError
from infra.log.kafka import partition
from infra.log.kafka.format import read_header
from infra.log.kafka.rule import State, Verdict, judge
from infra.servers.kafka import KafkaCluster
from projections.batch import Fold
from projections.rows import Rows
from tests.faults.checker import check, check_rest
from tests.faults.read_models import check_read_models
from tests.faults.small import Small, run_a_race, small

Plant = Callable[[pytest.MonkeyPatch], None]

_SOME_POSITION = 7


def ignores_an_accepted_record(patch: pytest.MonkeyPatch) -> None:
    """The second record is taken for one that lost a race."""

    def faulty(state: State, offset: int, value: bytes | None) -> tuple[State, Verdict]:
        after, verdict = judge(state, offset, value)
        return (state, Verdict.LATE) if after.number == 2 > state.number else (after, verdict)

    patch.setattr(partition, "judge", faulty)


def accepts_a_stale_record(patch: pytest.MonkeyPatch) -> None:
    """What was built on an older head is accepted behind the present one."""

    def faulty(state: State, offset: int, value: bytes | None) -> tuple[State, Verdict]:
        after, verdict = judge(state, offset, value)
        header = read_header(value)
        if verdict is Verdict.LATE and header is not None:
            position = state.position + header.events
            return state._replace(number=state.number + 1, position=position), Verdict.ACCEPTED
        return after, verdict

    patch.setattr(partition, "judge", faulty)


def accepts_a_strangers_record(patch: pytest.MonkeyPatch) -> None:
    """What has no header of ours is accepted all the same."""

    def faulty(state: State, offset: int, value: bytes | None) -> tuple[State, Verdict]:
        after, verdict = judge(state, offset, value)
        return after, Verdict.ACCEPTED if verdict is Verdict.FOREIGN else verdict

    patch.setattr(partition, "judge", faulty)


def skips_an_event(patch: pytest.MonkeyPatch) -> None:
    """The projector counts an event as applied, and does nothing with it."""
    apply = Fold.apply

    def faulty(self: Fold, event: Any) -> None:
        if event.position == _SOME_POSITION:
            self.applied += 1
        else:
            apply(self, event)

    patch.setattr(Fold, "apply", faulty)


def applies_an_event_twice(patch: pytest.MonkeyPatch) -> None:
    apply = Fold.apply

    def faulty(self: Fold, event: Any) -> None:
        apply(self, event)
        if event.position == _SOME_POSITION:
            apply(self, event)

    patch.setattr(Fold, "apply", faulty)


def moves_the_position_without_rows(patch: pytest.MonkeyPatch) -> None:
    """The transaction that stores a batch leaves its rows out."""
    patch.setattr(Rows, "flush", lambda *_: None)


def moves_the_position_past_an_event(patch: pytest.MonkeyPatch) -> None:
    """The position of the first batch is one higher than its last event."""
    close = Fold.close

    def faulty(self: Fold, *arguments: Any) -> None:
        close(self, *arguments)
        if not self.before.position:
            self.after = replace(self.after, position=self.after.position + 1)

    patch.setattr(Fold, "close", faulty)


@pytest.mark.parametrize(
    ("plant", "finds"),
    [
        (ignores_an_accepted_record, {"14"}),
        (accepts_a_stale_record, {"14"}),
        (accepts_a_strangers_record, {"14"}),
        (skips_an_event, {"11"}),
        (applies_an_event_twice, {"12"}),
        (moves_the_position_without_rows, {"11"}),
        (moves_the_position_past_an_event, {"12"}),
    ],
    ids=lambda value: value.__name__ if callable(value) else "-".join(sorted(value)),
)
def test_a_planted_fault_is_found(broker: KafkaCluster, tmp_path: Path, plant: Plant, finds: set[str]) -> None:
    """By the check whose number is given. A fault of the rule halts the system, before anything wrong is appended."""
    with small(broker, tmp_path) as system:
        with pytest.MonkeyPatch.context() as patch:
            plant(patch)
            _run_as_far_as_it_goes(system)
        evidence = system.evidence()
        wrong = check(evidence).wrong + check_rest(evidence)
        if not wrong:
            wrong = list(check_read_models(system.made))
    assert {finding.split()[0] for finding in wrong} & finds, wrong


def test_what_is_whole_is_found_whole(broker: KafkaCluster, tmp_path: Path) -> None:
    """A race, a stranger and a record that comes twice, without a planted fault."""
    with small(broker, tmp_path) as system:
        _run_as_far_as_it_goes(system)
        evidence = system.evidence()
        assert check(evidence).wrong + check_rest(evidence) + list(check_read_models(system.made)) == []


def _run_as_far_as_it_goes(system: Small) -> None:
    """Commands through two workers, and read models made of half of the log, then of the rest."""
    with suppress(InfrastructureError, AssertionError, RuntimeError):
        run_a_race(system)
    with suppress(InfrastructureError):
        head = system.made.log.head(0)
        system.made.engine.catch_up({0: head // 2})
        system.made.engine.catch_up({0: head})
