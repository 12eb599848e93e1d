"""The README is executed: the two commands exist, and every command of the tour runs on the demo's log."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from domain.errors import InvalidInput
from infra.settings import load

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```console\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
_MARK = "#### done so far, with exit code"
COMMANDS = [line.removeprefix("$ ") for block in BLOCKS for line in block.splitlines()]


def test_the_readme_begins_with_the_two_commands_and_the_makefile_has_them() -> None:
    """A newcomer types what stands first."""
    first = [line.split("#")[0].strip() for line in README.splitlines() if line.startswith("    ")][:2]
    assert first == ["make demo", "make test"]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"^demo:.*\n\t.*dossier demo", makefile, re.MULTILINE)
    assert re.search(r"^test:", makefile, re.MULTILINE)


def test_every_command_of_the_tour_runs(tmp_path: Path) -> None:
    """In one shell, one after another, in a folder where `make demo` has run."""
    bin_folder = Path(sys.executable).parent
    environment = {key: value for key, value in os.environ.items() if not key.startswith("DOSSIER_")}
    environment["PATH"] = f"{bin_folder}:{environment['PATH']}"
    assert len(COMMANDS) > 20
    # `set -e` stops at the first command that fails; the marks tell which one that was.
    script = "set -eu\ndossier demo\n" + "\n".join(f'echo "{_MARK} $?"\n{command}' for command in COMMANDS)
    shell = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    done = shell.stdout.count(_MARK)
    assert shell.returncode == 0, f"{COMMANDS[done - 1]}\n{shell.stdout[-2000:]}\n{shell.stderr[-2000:]}"


SETTINGS = set(re.findall(r"^\| `(DOSSIER_\w+)`", README, re.MULTILINE))
PATHS = {"DOSSIER_LOG", "DOSSIER_VIEWS"}
ANY_TEXT = {"DOSSIER_PERSON"}


@pytest.mark.parametrize("setting", sorted(SETTINGS - PATHS - ANY_TEXT))
def test_every_setting_of_the_readme_is_read(setting: str) -> None:
    """A value that cannot be right is refused, so the setting is looked at."""
    with pytest.raises(InvalidInput):
        load({setting: "{neither nor}"})


def test_the_log_and_the_read_models_are_where_the_settings_say() -> None:
    """The paths of the README's table."""
    settings = load({"DOSSIER_LOG": "sqlite:////var/a.sqlite", "DOSSIER_VIEWS": "sqlite:///b.sqlite"})
    assert (settings.log, settings.views) == (Path("/var/a.sqlite"), Path("b.sqlite"))
