"""The pages are executed: their commands run as they stand, and their links lead somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from domain.errors import InvalidInput
from infra.delivery.settings import webhook_settings
from infra.dev.kafka import ENVIRONMENT, KafkaCluster, environment
from infra.settings import load

ROOT = Path(__file__).parents[2]
README = "README.md"
ON_KAFKA = "infra/queue/README.md"
ON_A_SMALL_LOG = {"infra/backup/README.md": 6, "infra/moving/README.md": 3}
"""Pages, and how many commands each has at least."""
AFTER_A_LOSS = "infra/recovery/README.md"
ON_THE_DEMO = (README, "projections/README.md", "infra/delivery/README.md")
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ("domain", "projections", "consumers", "schemas", "infra", "tests")
    for path in (ROOT / folder).rglob("*.md")
)
_MARK = "#### done so far, with exit code"
_LONGEST = 250


def _text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def _commands(page: str) -> list[str]:
    blocks = re.findall(r"^```console\n(.*?)^```", _text(page), re.MULTILINE | re.DOTALL)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]


def _run(folder: Path, prepare: str, commands: list[str]) -> None:
    """Run commands in one shell, one after another; name the first that fails."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("DOSSIER_")}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    # `set -e` stops at the first command that fails; the marks tell which one that was.
    script = f"set -eu\n{prepare}\n" + "\n".join(f'echo "{_MARK} $?"\n{command}' for command in commands)
    shell = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    done = shell.stdout.count(_MARK)
    assert shell.returncode == 0, f"{commands[done - 1]}\n{shell.stdout[-2000:]}\n{shell.stderr[-2000:]}"


def test_the_readme_begins_with_the_two_commands_and_the_makefile_has_them() -> None:
    """A newcomer types what stands first."""
    first = [line.split("#")[0].strip() for line in _text(README).splitlines() if line.startswith("    ")][:2]
    assert first == ["make demo", "make test"]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"^demo:.*\n\t.*dossier demo", makefile, re.MULTILINE)
    assert re.search(r"^test:", makefile, re.MULTILINE)


def test_the_readme_is_short_and_installs_by_pipx_first() -> None:
    assert len(_text(README).splitlines()) < _LONGEST
    installation = _text(README).split("## Installation\n")[1]
    assert installation.lstrip().startswith("```sh\npipx install ")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", ON_THE_DEMO)
def test_every_command_of_a_page_runs(page: str, tmp_path: Path) -> None:
    """In a folder where `make demo` has run."""
    commands = _commands(page)
    assert len(commands) > (20 if page == README else 5)
    _run(tmp_path, "dossier demo", commands)


@pytest.mark.parametrize("page", ON_A_SMALL_LOG)
def test_every_command_of_a_page_about_one_log_runs(page: str, tmp_path: Path) -> None:
    commands = _commands(page)
    assert len(commands) >= ON_A_SMALL_LOG[page]
    opening = "dossier open 04630 --level=basic --year=2024 --person=Chi && dossier status"
    _run(tmp_path, f"export DOSSIER_LOG=sqlite:///dossier.sqlite && {opening}", commands)


def test_every_command_of_the_page_on_what_was_lost_runs(tmp_path: Path) -> None:
    """On a log that is an older copy."""
    opening = "dossier open {} --level=basic --year=2024 --person=Chi && dossier status"
    steps = ["export DOSSIER_LOG=sqlite:///dossier.sqlite", opening.format("04630"), "dossier log copy older.sqlite"]
    steps += [opening.format("04633"), "dossier log copy old.sqlite", "dossier backup backup"]
    commands = _commands(AFTER_A_LOSS)
    assert len(commands) == 5
    _run(tmp_path, " && ".join([*steps, "cp older.sqlite dossier.sqlite"]), commands)


@pytest.mark.timeout(300)
def test_every_command_of_the_page_on_kafka_runs(broker: KafkaCluster, tmp_path: Path) -> None:
    index = tmp_path / "index"
    own = environment(broker).replace("prefix=dossier", f"prefix=p{uuid4().hex[:12]}&index={index}")
    settings = tmp_path / "build" / "kafka" / ENVIRONMENT
    settings.parent.mkdir(parents=True)
    settings.write_text(own, encoding="utf-8")
    _run(tmp_path, "trap 'kill $(jobs -p); wait' EXIT", _commands(ON_KAFKA))


def test_every_link_leads_somewhere_and_every_page_is_linked() -> None:
    linked = set()
    for page in (README, "CHANGELOG.md", *PAGES):
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", _text(page)):
            if "://" not in target:
                found = ((ROOT / page).parent / target).resolve()
                assert found.exists(), f"{page}: {target}"
                linked.add(found)
    lonely = [page for page in PAGES if (ROOT / page).resolve() not in linked and not page.startswith("tests/data/")]
    assert not lonely


_SETTINGS = sorted(set(re.findall(r"^\| `(DOSSIER_\w+)`", _text("infra/settings.md"), re.MULTILINE)))
_ANY_TEXT = {"DOSSIER_LOG", "DOSSIER_VIEWS", "DOSSIER_PERSON", "DOSSIER_KEYS"}


@pytest.mark.parametrize("setting", [setting for setting in _SETTINGS if setting not in _ANY_TEXT])
def test_every_setting_of_the_page_is_read(setting: str) -> None:
    """A value that cannot be right is refused, so the setting is looked at."""
    environment = {setting: "{neither nor}"}
    with pytest.raises(InvalidInput):
        webhook_settings(load(environment).log, environment)


def test_the_log_and_the_read_models_are_where_the_settings_say() -> None:
    """The paths of the table."""
    settings = load({"DOSSIER_LOG": "sqlite:////var/a.sqlite", "DOSSIER_VIEWS": "sqlite:///b.sqlite"})
    assert (settings.log, settings.views) == (Path("/var/a.sqlite"), Path("b.sqlite"))
