"""Help teaches by examples that work, in both languages, and does not wait for what it does not need."""

from __future__ import annotations

import logging
import os
import re
import shlex
import subprocess
import sys
from functools import cache
from importlib.metadata import version
from typing import Any

import pytest
import structlog
import typer
from typer.main import get_command
from typer.testing import CliRunner

from domain.i18n import LANGUAGES, Language
from infra.cli.main import app
from infra.cli.support.i18n import chosen_language, translated
from infra.dev.catalogues import all_errors

PROGRAM: Any = get_command(app)
SUBCOMMANDS = list(PROGRAM.commands)


def examples(name: str) -> list[str]:
    """The examples of a subcommand, each on one line."""
    _, _, text = PROGRAM.commands[name].epilog.partition("\n")
    return [line.strip() for line in text.replace("\\\n", " ").splitlines()]


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_help_has_examples_whose_options_exist(name: str) -> None:
    """Each is parsed as the shell and the program would, up to running it."""
    found = examples(name)
    assert found
    assert any(f"dossier {name}" in example for example in found)
    for example in found:
        words = shlex.split(example, comments=True)
        words = words[words.index("dossier") + 1 :]
        for sign in ("|", ">", "<"):
            words = words[: words.index(sign)] if sign in words else words
        ctx = typer.Context(PROGRAM)
        PROGRAM.commands[words[0]].make_context(words[0], words[1:], parent=ctx)


@pytest.mark.parametrize("name", [*SUBCOMMANDS, "dossier"])
def test_help_is_whole_in_vietnamese(name: str) -> None:
    command = PROGRAM.commands.get(name, PROGRAM)
    texts = [*command.help.split("\n\n"), command.rich_help_panel, command.epilog.partition("\n")[0]]
    for param in command.params:
        texts += [param.help, param.rich_help_panel]
    for text in texts:
        assert text is None or translated(text, "vi") != text, f"no Vietnamese for {text!r}"


@pytest.mark.parametrize("arguments", [["--lang=vi", "open", "--help"], ["open", "--help", "--lang", "vi"]])
def test_the_language_of_help_may_be_named_anywhere(arguments: list[str]) -> None:
    said = CliRunner().invoke(app, arguments).stdout
    for part in ("Mở hồ sơ", "Ví dụ:", "Tùy chọn chung", "Hiện trợ giúp"):
        assert part in said
    assert "Open a dossier" in CliRunner().invoke(app, ["open", "--help"]).stdout, "the next run is in English again"


def test_the_list_of_subcommands_is_grouped_by_who_gives_them() -> None:
    said = CliRunner().invoke(app, ["--help"], env={"DOSSIER_LANG": ""}).stdout
    for part in (
        "The applicant",
        "The district",
        "The standing agency",
        "The council's members",
        "The Chairman",
        "demo",
    ):
        assert part in said
    said = CliRunner().invoke(app, ["--help"], env={"DOSSIER_LANG": "vi"}).stdout
    assert "Đơn vị đề nghị" in said


def test_the_demonstration_has_its_own_options() -> None:
    said = CliRunner().invoke(app, ["demo", "--help", "--lang=vi"])
    assert said.exit_code == 0, said.exception
    for part in ("Mô phỏng một năm", "--seed", "dossier demo --log", "--json"):
        assert part in said.stdout


def test_help_loads_neither_log_nor_schemas() -> None:
    """What takes time to import waits until a command runs."""
    program = (
        "import sys; sys.argv = ['dossier', '--help']\n"
        "from infra.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'eventsourcing', 'fastavro', 'jsonschema_rs', 'sqlite3', 'infra.bootstrap'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_the_shell_completes_subcommands_and_choices() -> None:
    def completed(words: str) -> str:
        environment = {
            **os.environ,
            "_DOSSIER_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split(" ")) - 1),
        }
        run = subprocess.run(
            [sys.executable, "-m", "infra.cli.main"], capture_output=True, text=True, check=False, env=environment
        )
        return run.stdout

    assert completed("dossier sub").split() == ["submit", "submit-to-district"]
    assert completed("dossier status --kind com").split() == ["commune"]


def test_a_language_is_chosen_by_the_last_word_on_it() -> None:
    assert chosen_language(["status", "--lang", "vi"], {}) == "vi"
    assert chosen_language(["--lang=vi", "status", "--lang=en"], {"DOSSIER_LANG": "vi"}) == "en"
    assert chosen_language(["status"], {"DOSSIER_LANG": "vi"}) == "vi"
    assert chosen_language(["status", "--lang"], {"DOSSIER_LANG": "fr"}) is None


def test_the_program_says_its_version() -> None:
    """The one that is installed."""
    found = CliRunner().invoke(app, ["--version"])
    assert (found.exit_code, found.stdout) == (0, f"dossier {version('dossier')}\n")


@pytest.mark.parametrize(
    "process",
    [("worker",), ("projector",), ("publisher",), ("decisions", "webhooks", "run")],
    ids=" ".join,
)
@pytest.mark.parametrize(
    ("level", "debug", "info"), [("debug", True, True), ("info", False, True), ("warning", False, False)]
)
def test_every_process_logs_as_much_as_it_is_told(
    process: tuple[str, ...], level: str, debug: bool, info: bool
) -> None:
    """The level is in force before anything is opened; here, an address that cannot be."""
    environment = {"DOSSIER_LOG": "nonsense", "DOSSIER_DECISIONS": "", "DOSSIER_LANG": ""}
    try:
        found = CliRunner().invoke(app, [*process, "--log-level", level], env=environment)
        assert (found.exit_code, "BAD_SETTING" in found.stderr) == (2, True)
        logger = structlog.get_logger()
        assert (logger.is_enabled_for(logging.DEBUG), logger.is_enabled_for(logging.INFO)) == (debug, info)
    finally:
        structlog.reset_defaults()


@cache
def options_of(*command: str) -> set[str]:
    """The long options that the help of a command shows."""
    return set(re.findall(r"--[a-z-]+", CliRunner().invoke(app, [*command, "--help"]).stdout))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_command_of_a_hint_exists_with_its_options(language: Language) -> None:
    """Who is told what to do types it."""
    told = {
        command: kind.code
        for kind in all_errors()
        for command in re.findall(r"`dossier ([^`]+)`", kind.hint_template(language))
    }
    assert len(told) > 30
    for command, code in told.items():
        words, found = command.split(), PROGRAM
        while words and words[0] in getattr(found, "commands", {}):
            found = found.commands[words.pop(0)]
        assert found is not PROGRAM or words[0].isupper(), f"{code}: dossier {command}"
        options = options_of(*command.split()[: len(command.split()) - len(words)])
        assert {word for word in words if word.startswith("--")} <= options, f"{code}: dossier {command}"
