"""The wheel: one package, that works wherever it is installed and whatever is installed beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from zipfile import ZipFile

import pytest
from eventsourcing.persistence import InfrastructureFactory
from eventsourcing.utils import Environment

from infra.log.kafka import KafkaLogFactory
from infra.log.sqlite import SQLiteLogFactory
from tests.end_to_end.wheels import hostile_wheel, lending_wheel, our_wheel

_IMPORT_ALL = """
import dossier, pathlib, pkgutil, importlib
found = 0
for package in ("domain", "projections", "consumers", "schemas", "infra"):
    for module in pkgutil.walk_packages([str(pathlib.Path(dossier.__file__).parent / package)], package + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
            found += 1
print(found)
"""
_APPEND = """
from uuid import UUID
from eventsourcing.persistence import InfrastructureFactory, StoredEvent
from eventsourcing.utils import Environment
settings = {"PERSISTENCE_MODULE": "dossier.persistence.sqlite", "SQLITE_DBNAME": "library.sqlite"}
recorder = InfrastructureFactory.construct(Environment("example", settings)).application_recorder()
print(recorder.insert_events([StoredEvent(UUID(int=1), 1, "Happened", b"state")]))
"""
_KAFKA = """
from eventsourcing.persistence import InfrastructureFactory
from eventsourcing.utils import Environment
settings = {"PERSISTENCE_MODULE": "dossier.persistence.kafka", "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
print(type(InfrastructureFactory.construct(Environment("example", settings))).__module__)
"""


_TOO_LATE = """
import sys, types
sys.modules["domain"] = types.ModuleType("domain")
try:
    import dossier
except ImportError as error:
    print(error)
"""


@dataclass(frozen=True)
class Wheels:
    """Paths of the wheels."""

    ours: Path
    hostile: Path
    lending: Path


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Wheels:
    folder = tmp_path_factory.mktemp("wheels")
    return Wheels(our_wheel(folder), hostile_wheel(folder), lending_wheel(folder))


@dataclass
class Installation:
    """What pipx installed below a folder, used from another one that is no checkout. `shared`: pipx's own pip."""

    folder: Path
    shared: Path
    environment: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DOSSIER", "PYTHON", "PIPX"))}
        self.environment = kept | {
            "HOME": str(self.folder),
            "PIPX_HOME": str(self.folder / "pipx"),
            "PIPX_SHARED_LIBS": str(self.shared),
            "PIPX_BIN_DIR": str(self.folder / "bin"),
            "PIPX_MAN_DIR": str(self.folder / "man"),
        }
        (self.folder / "elsewhere").mkdir()

    def pipx(self, *arguments: str) -> None:
        """Run pipx, which downloads nothing."""
        command = [sys.executable, "-m", "pipx", *arguments]
        done = self._done(command, self.folder, self.environment)
        assert done.returncode == 0, done.stdout + done.stderr

    def install(self, wheels: Wheels, *before: Path) -> None:
        """Install our wheel, others before it."""
        first = [option for path in (wheels.lending, *before) for option in ("--preinstall", str(path))]
        self.pipx("install", "--skip-maintenance", "--pip-args=--no-deps --no-index", *first, str(wheels.ours))

    def run(self, *arguments: str, code: int = 0, given: str = "") -> str:
        """Run the installed `dossier`, and return its standard output."""
        return self._run([str(self.folder / "bin/dossier"), *arguments], code, given)

    def python(self, *arguments: str) -> str:
        """Run the interpreter of the environment that pipx made."""
        return self._run([str(self.folder / "pipx/venvs/dossier/bin/python"), *arguments], 0, "")

    def _run(self, command: list[str], code: int, given: str) -> str:
        elsewhere = self.folder / "elsewhere"
        environment = self.environment | {"DOSSIER_LOG": "sqlite:///build/demo/demo.sqlite"}
        done = self._done(command, elsewhere, environment, given)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    @staticmethod
    def _done(
        command: list[str], folder: Path, environment: dict[str, str], given: str = ""
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, env=environment, cwd=folder, input=given, capture_output=True, text=True, check=False
        )

    def check(self) -> None:
        """The main job, and what is done with its log."""
        assert json.loads(self.run("demo", "--json"))["simulated"]
        self.check_commands()

    def check_commands(self) -> None:
        """Some commands, processes of the program's own, the library's door."""
        (row,) = json.loads(self.run("status", "--limit", "1", "--json"))["rows"]
        assert row["state"] in self.run("replay", row["number"], "--json")
        assert "NOT_JSON" in self.run("apply", "-", code=2, given="not JSON\n")
        self.run("rebuild", "--all", "--check", "--jobs", "2")
        assert "dossier" in self.python("-m", "dossier", "--help")
        (self.folder / "elsewhere/library.sqlite").unlink(missing_ok=True)
        assert self.python("-c", _APPEND) == "[1]\n"
        assert self.python("-c", _KAFKA) == "infra.log.kafka.factory\n"


def test_the_wheel_holds_one_package_and_no_servers(wheels: Wheels) -> None:
    with ZipFile(wheels.ours) as wheel:
        names = wheel.namelist()
    version = wheels.ours.name.split("-")[1]
    assert {name.split("/")[0] for name in names} == {"dossier", f"dossier-{version}.dist-info"}
    assert not [name for name in names if name.startswith(("dossier/infra/dev/", "dossier/infra/package/"))]
    assert {"dossier/domain/procedure.py", "dossier/infra/cli/main.py"} <= {*names}


@pytest.mark.timeout(600)
def test_a_stranger_with_our_names_that_comes_later(wheels: Wheels, tmp_path: Path) -> None:
    installed = Installation(tmp_path, wheels.ours.parent / "shared")
    installed.install(wheels)
    assert int(installed.python("-c", _IMPORT_ALL)) > 200
    assert installed.python("-c", _TOO_LATE).startswith("another `domain` was imported already")
    installed.pipx("inject", "dossier", "--skip-maintenance", "--pip-args=--no-deps --no-index", str(wheels.hostile))
    installed.check()
    installed.pipx("runpip", "dossier", "uninstall", "--yes", "hostile")
    installed.check_commands()


@pytest.mark.timeout(600)
def test_a_stranger_with_our_names_that_was_there(wheels: Wheels, tmp_path: Path) -> None:
    installed = Installation(tmp_path, wheels.ours.parent / "shared")
    installed.install(wheels, wheels.hostile)
    installed.check()
    installed.pipx("runpip", "dossier", "uninstall", "--yes", "hostile")
    installed.check_commands()


@pytest.mark.parametrize(
    ("module", "factory"),
    [
        ("dossier.persistence.sqlite", SQLiteLogFactory),
        ("dossier.persistence.kafka", KafkaLogFactory),
        ("infra.log.sqlite", SQLiteLogFactory),
        ("infra.log.kafka", KafkaLogFactory),
    ],
)
def test_the_library_finds_our_logs_by_name_in_a_checkout(module: str, factory: type[object], tmp_path: Path) -> None:
    settings = {
        "PERSISTENCE_MODULE": module,
        "SQLITE_DBNAME": str(tmp_path / "log.sqlite"),
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
    }
    made = InfrastructureFactory.construct(Environment("example", settings))
    assert type(made) is factory
    made.close()
