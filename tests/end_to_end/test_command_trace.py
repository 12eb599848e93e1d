"""How many files a newcomer has to know to follow one command on Kafka, and that the README names its way truly."""

from __future__ import annotations

import re

import pytest

from infra.dev.kafka import KafkaCluster
from tests.end_to_end.command_trace import ROOT, Trace, trace_one_command

_WHOLE, _WORKER = 45, 37
"""The most files that `VerifyCriterion` enters from `dossier apply` to its reply, and those that the worker enters."""


@pytest.fixture(scope="module")
def trace(broker: KafkaCluster, tmp_path_factory: pytest.TempPathFactory) -> Trace:
    return trace_one_command(broker.bootstrap, tmp_path_factory.mktemp("trace"))


def _way(program: str) -> list[str]:
    """The files that the README names for a program, in order."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(rf"^ {{4}}{program} .*\n(?: {{8,}}.*\n)*", readme, re.MULTILINE)
    return re.findall(r"\S+/\S+\.py", block)


@pytest.mark.timeout(300)
def test_one_command_enters_few_files(trace: Trace) -> None:
    assert len(trace.worker) <= _WORKER, trace.worker
    assert len(trace.whole) <= _WHOLE, trace.whole


@pytest.mark.timeout(300)
@pytest.mark.parametrize("program", ["dossier apply", "dossier worker"])
def test_the_readme_names_its_way_in_order(program: str, trace: Trace) -> None:
    taken = trace.client_steps if program == "dossier apply" else trace.worker_steps
    first, *further = _way(program)
    # What waits for the command was entered before the count began, and is entered again after it.
    assert first in taken
    assert len(further) > 1
    steps = iter(taken)
    for name in further:
        assert name in steps, f"{name} was not entered, or not after those before it"


def test_the_read_model_of_its_answer_is_there() -> None:
    (read_model,) = _way("dossier projector")
    assert (ROOT / read_model).is_file()
