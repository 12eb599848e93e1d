"""The page of outages against the code: figures, names, error codes, commands."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.errors import DossierError
from infra.cli.main import app
from infra.timeouts import Timeout, as_markdown

PAGE = Path(__file__).parents[3] / "infra" / "kafka" / "outages.md"
PROSE, _, TABLE = PAGE.read_text(encoding="utf-8").partition("## The time-outs\n\n")
# "10 s (`REQUEST`)" and "120 s = SEND + ANSWER".
ONE = re.compile(r"(\d+) s \(`([A-Z_]+)`\)")
SUM = re.compile(r"(\d+) s = ([A-Z_]+(?: \+ [A-Z_]+)*)")


def test_the_table_is_the_code_s() -> None:
    """Made by `infra.timeouts.as_markdown`: what differs is to be pasted from there."""
    assert as_markdown() == TABLE


def test_every_figure_is_the_one_that_the_code_waits() -> None:
    """No seconds stand in the page without the names of what they are made of."""
    figures = [(int(seconds), names.split(" + ")) for seconds, names in ONE.findall(PROSE) + SUM.findall(PROSE)]
    for seconds, names in figures:
        assert seconds == sum(Timeout[name].seconds for name in names), names
    bare = re.findall(r"\b\d+ s\b", PROSE)
    # How a pause is doubled, twice: "10 s (…), 20 s, 40 s …" and "1 s (…), then 2 s, 4 s …".
    assert len(bare) == len(figures) + 4


def test_every_time_out_of_the_brokers_is_told() -> None:
    """A new one is put where an operator looks for it."""
    told = set(re.findall(r"\b[A-Z_]{4,}\b", PROSE))
    assert {each.name for each in Timeout} - told == set()


def test_every_code_is_one_that_the_program_gives() -> None:
    for module in (
        "infra.kafka.errors",
        "infra.log.errors",
        "infra.queue.errors",
        "infra.delivery.kafka.errors",
        "projections.engine.errors",
    ):
        importlib.import_module(module)
    known = {kind.code for kind in _kinds(DossierError)} | {each.name for each in Timeout}
    assert set(re.findall(r"`([A-Z_]{4,})`", PROSE)) - known == set()


def _kinds(kind: type[DossierError]) -> Iterator[type[DossierError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from _kinds(each)


def _commands() -> Iterator[str]:
    for command in app.registered_commands:
        module = getattr(command.callback, "__module__", "")
        # The steps stand in one row: they are all alike.
        if "procedure" not in module or command.name == "template":
            yield str(command.name)
    yield from (str(group.name) for group in app.registered_groups)


@pytest.mark.parametrize("name", sorted(_commands()))
def test_every_command_has_its_row(name: str) -> None:
    """Whatever an operator starts, the page says what an outage does to it."""
    rows = "\n".join(line.split("|")[1] for line in PROSE.splitlines() if line.startswith("| "))
    without = next(line for line in PROSE.splitlines() if line.endswith("ask no broker."))
    assert f"`{name}`" in rows + without
