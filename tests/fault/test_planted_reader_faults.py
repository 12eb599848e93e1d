"""The checks are proven on the readers too: faults planted into the rule and into the engine, each found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from domain.errors import InfrastructureError
from infra.bootstrap import Application
from infra.dev.kafka import KafkaCluster
from infra.log import partition, partition_reading
from infra.log.acceptance import ChainState, History, Verdict, accept
from infra.log.format import read_header
from infra.settings import load
from projections.engine.batch import BatchApplier
from projections.engine.rows import RowCache
from tests.fault.checker import check, check_rest
from tests.fault.read_models import check_read_models
from tests.fault.two_workers import Small, run_a_race, small

Plant = Callable[[pytest.MonkeyPatch], None]

_SOME_POSITION = 7


def ignores_an_accepted_record(patch: pytest.MonkeyPatch) -> None:
    """The second record of appends is taken for one that lost a race."""

    def faulty(
        state: ChainState, offset: int, value: bytes | None, history: History, *, own: bool = False
    ) -> tuple[ChainState, Verdict]:
        after, verdict = accept(state, offset, value, history, own=own)
        return (state, Verdict.LATE) if after.number == 3 > state.number else (after, verdict)

    for module in (partition, partition_reading):
        patch.setattr(module, "accept", faulty)


def accepts_a_stale_record(patch: pytest.MonkeyPatch) -> None:
    """What was built on an older head is accepted behind the present one."""

    def faulty(state: ChainState, offset: int, value: bytes | None, history: History) -> tuple[ChainState, Verdict]:
        after, verdict = accept(state, offset, value, history)
        header = read_header(value)
        if verdict is Verdict.LATE and header is not None:
            position = state.position + header.events
            return state._replace(number=state.number + 1, position=position), Verdict.ACCEPTED
        return after, verdict

    patch.setattr(partition_reading, "accept", faulty)


def accepts_a_strangers_record(patch: pytest.MonkeyPatch) -> None:
    """What nobody registered has signed is accepted all the same."""

    def faulty(state: ChainState, offset: int, value: bytes | None, history: History) -> tuple[ChainState, Verdict]:
        after, verdict = accept(state, offset, value, history)
        if (
            verdict is Verdict.FOREIGN
            and state.keys is not None
            and value is not None
            and read_header(value) is not None
        ):
            return state._replace(head=sha256(value).digest(), number=state.number + 1), Verdict.ACCEPTED
        return after, verdict

    patch.setattr(partition_reading, "accept", faulty)


def skips_an_event(patch: pytest.MonkeyPatch) -> None:
    """The projector counts an event as applied, and does nothing with it."""
    apply = BatchApplier.apply

    def faulty(self: BatchApplier, event: Any) -> None:
        if event.position == _SOME_POSITION:
            self.applied += 1
        else:
            apply(self, event)

    patch.setattr(BatchApplier, "apply", faulty)


def applies_an_event_twice(patch: pytest.MonkeyPatch) -> None:
    apply = BatchApplier.apply

    def faulty(self: BatchApplier, event: Any) -> None:
        apply(self, event)
        if event.position == _SOME_POSITION:
            apply(self, event)

    patch.setattr(BatchApplier, "apply", faulty)


def moves_the_position_without_rows(patch: pytest.MonkeyPatch) -> None:
    """The transaction that stores a batch leaves its rows out."""
    patch.setattr(RowCache, "flush", lambda *_: None)


def moves_the_position_past_an_event(patch: pytest.MonkeyPatch) -> None:
    """The position of the first batch is one higher than its last event."""
    close = BatchApplier.close

    def faulty(self: BatchApplier, *arguments: Any) -> None:
        close(self, *arguments)
        if not self.before.position:
            self.after = replace(self.after, position=self.after.position + 1)

    patch.setattr(BatchApplier, "close", faulty)


@pytest.mark.parametrize(
    ("plant", "finds"),
    [
        # It halts the system before anything wrong is appended: commands wait for ever.
        (ignores_an_accepted_record, {"14"}),
        (accepts_a_stale_record, {"14"}),
        # It forks from everybody else: what it appends is built on a record that is in no log.
        (accepts_a_strangers_record, {"7", "9", "14"}),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_planted_fault_of_the_rule_is_found(
    broker: KafkaCluster, tmp_path: Path, plant: Plant, finds: set[str]
) -> None:
    """By what waits, by orphans, by answers that are in no log."""
    with small(broker, tmp_path) as system:
        with pytest.MonkeyPatch.context() as patch:
            plant(patch)
            with suppress(InfrastructureError, AssertionError, RuntimeError):
                run_a_race(system)
        evidence = system.evidence()
    wrong = check(evidence).wrong + check_rest(evidence)
    assert {finding.split()[0] for finding in wrong} == finds, wrong


@pytest.fixture(scope="module")
def system(broker: KafkaCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    """A log that is whole, after a race, a stranger and a record that came twice."""
    with small(broker, tmp_path_factory.mktemp("whole")) as made:
        run_a_race(made)
        evidence = made.evidence()
        assert check(evidence).wrong + check_rest(evidence) == []
        yield made


@pytest.mark.parametrize(
    ("plant", "finds"),
    [
        (skips_an_event, {"11"}),
        (applies_an_event_twice, {"12"}),
        (moves_the_position_without_rows, {"11"}),
        (moves_the_position_past_an_event, {"11", "12"}),
        (lambda _: None, set()),
    ],
    ids=["skips an event", "applies one twice", "moves without rows", "moves past one", "none planted"],
)
def test_a_planted_fault_of_the_engine_is_found(system: Small, tmp_path: Path, plant: Plant, finds: set[str]) -> None:
    """By the comparison with a rebuild, or by the counts and the hash; read models are made in two steps."""
    views = f"sqlite:///{tmp_path / 'views.sqlite'}"
    with Application(replace(system.made.settings, views=load({}, views=views).views)) as made:
        with pytest.MonkeyPatch.context() as patch:
            plant(patch)
            head = made.log.head(0)
            made.engine.catch_up({0: head // 2})
            made.engine.catch_up({0: head})
        wrong = list(check_read_models(made))
    assert {finding.split()[0] for finding in wrong} == finds, wrong
