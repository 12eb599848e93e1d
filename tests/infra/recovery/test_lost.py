"""Which lost commands are given again, and why others are not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from consumers.commands.ports import CommandKey
from domain.i18n import text
from infra.bootstrap import Application
from infra.recovery.comparison import Beyond, HeldAnswer
from infra.recovery.holders import Holders
from infra.recovery.looking import looking
from infra.recovery.lost import QueuedLine, WhyNot, furthest, settle
from infra.settings import load
from tests.infra.cli.conftest import stages
from tests.support.terminal import Terminal

__all__ = ["stages"]

OTHER = bytes(range(32))
"""A digest of no command."""
AT = 5
"""Which of the lost commands is changed."""


@pytest.fixture
def terminal(stages: dict[str, Path], tmp_path: Path) -> Terminal:
    """A log that stands where the dossier was received; `old.sqlite` is that of the announced one."""
    shutil.copytree(stages["received"], tmp_path, dirs_exist_ok=True)
    shutil.copyfile(stages["announced"] / "log.sqlite", tmp_path / "old.sqlite")
    return Terminal(tmp_path)


@pytest.fixture
def beyond(terminal: Terminal) -> Iterator[Beyond]:
    """What the old file holds more."""
    with Application(load(terminal.environment)) as application, looking(application) as look:
        holders = Holders(terminal.folder)
        (holder,) = holders.index(terminal.folder / "old.sqlite")
        yield look.compare(holder)


def keys(beyond: Beyond) -> list[CommandKey]:
    """Of the lost commands, in their order."""
    return [*dict.fromkeys(fact.key for fact in beyond.facts)]


def without_answer(beyond: Beyond, key: CommandKey) -> None:
    """Its answer is gone."""
    del beyond.answers[key]


def of_another_digest(beyond: Beyond, key: CommandKey) -> None:
    """The command said something that its fact does not show."""
    beyond.answers[key] = beyond.answers[key]._replace(digest=OTHER)


def taken(beyond: Beyond, key: CommandKey) -> None:
    """Somebody gave another command with its id."""
    beyond.bound[key] = HeldAnswer(OTHER, beyond.answers[key].line)


def refused_since(beyond: Beyond, key: CommandKey) -> None:
    """It was given again, and refused."""
    beyond.bound[key] = HeldAnswer(beyond.answers[key].digest, json.dumps({"ok": False}))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (without_answer, WhyNot.WITHOUT_ANSWER),
        (of_another_digest, WhyNot.NOT_REBUILT),
        (taken, WhyNot.ID_TAKEN),
        (refused_since, WhyNot.ANSWERED_OTHERWISE),
    ],
)
def test_what_comes_behind_one_that_is_not_given_again_is_not_either(
    beyond: Beyond, change: Callable[[Beyond, CommandKey], None], reason: WhyNot
) -> None:
    change(beyond, keys(beyond)[AT])
    found = settle(beyond, {}).commands
    assert [each.reason for each in found[: AT + 1]] == [None] * AT + [reason]
    assert {each.reason for each in found[AT + 1 :]} == {WhyNot.RESTS_ON_LOST}
    assert all((each.line is None) is (each.reason is not None) for each in found)
    assert all(text(each.text, "vi") != each.text for each in WhyNot)


def test_a_line_of_the_queue_comes_before_what_is_rebuilt(beyond: Beyond) -> None:
    """Also where the fact alone would not do; one behind the last handled command waits there."""
    key = keys(beyond)[AT]
    of_another_digest(beyond, key)
    queued = {str(key.command_id): QueuedLine(7, '{"as": "it stands"}')}
    found = settle(beyond, queued, same_queue=True).commands
    assert {each.reason for each in found} == {None}
    assert found[AT].line == '{"as": "it stands"}'
    assert (found[AT].origin, found[AT].waits) == ("queue", True)
    assert not settle(beyond, queued).commands[AT].waits


def test_a_refusal_is_listed_and_not_given_again(terminal: Terminal) -> None:
    """It recorded nothing; given again it might be accepted."""
    old = Terminal(terminal.folder)
    old.environment = {**terminal.environment, "DOSSIER_LOG": f"sqlite:///{terminal.folder / 'old.sqlite'}"}
    old.environment["DOSSIER_VIEWS"] = f"sqlite:///{terminal.folder / 'old-views.sqlite'}"
    shutil.copytree(terminal.folder / "log.sqlite.keys", terminal.folder / "old.sqlite.keys")
    old.run("receive", "04630-CB-2024-1", "--on=2024-08-23", code=3)
    (found,) = terminal.json("log", "lost", f"--index={terminal.folder / 'old.sqlite'}")["partitions"]
    refused = found["commands"][-1]
    assert (refused["reason"], refused["given_again"], refused["answer"]["ok"]) == ("refused", False, False)
    assert all(each["given_again"] for each in found["commands"][:-1])


def test_of_several_holders_the_one_counts_that_goes_furthest(beyond: Beyond) -> None:
    whole = settle(beyond, {})
    shorter = settle(beyond, {})
    shorter.beyond = Beyond(beyond.holder, "cut", 1, 1, 0, 0, beyond.facts[:3])
    assert furthest([shorter, whole, shorter]) == [whole]
