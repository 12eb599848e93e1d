"""What our processes write is their owner's alone, whatever the umask was that they were started with."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from consumers.webhook_dispatcher import Subscription
from infra.delivery.webhooks.signing import new_secret
from infra.delivery.webhooks.store import WebhookStore, WebhooksUnusable
from infra.private_files import is_open_to_others, make_private
from tests.support.waiting import GUARD
from tests.support.workload import lines

PROGRAM = Path(sys.executable).with_name("dossier")


@pytest.fixture
def wide_open() -> Iterator[None]:
    """A umask that takes nothing from anybody."""
    before = os.umask(0)
    yield
    os.umask(before)


def open_to_others(folder: Path) -> list[str]:
    """What stands below a folder that others may use."""
    return [str(each.relative_to(folder)) for each in folder.rglob("*") if each.stat().st_mode & 0o077]


def test_everything_that_the_program_writes_is_its_owners_alone(tmp_path: Path) -> None:
    """Log, read models, webhooks, feeds, locks, the demonstration's commands, and the folders for them."""
    given = tmp_path / "commands.jsonl"
    given.write_text("\n".join(lines(2)) + "\n", encoding="utf-8")
    made = tmp_path / "made"
    log = f"sqlite:///{made / 'folder' / 'log.sqlite'}"
    environment = {**os.environ, "DOSSIER_LOG": log, "DOSSIER_VIEWS": "", "DOSSIER_PERSON": "Lê"}
    made.mkdir(mode=0o700)
    for arguments in (
        ("apply", str(given)),
        ("status",),
        ("rebuild", "--all"),
        ("decisions", "files", str(made / "feed")),
        ("decisions", "webhooks", "add", "portal", "https://portal.invalid/", "--from", "beginning"),
        ("demo", "--commands", str(made / "demo.jsonl")),
        ("demo", "--log", f"sqlite:///{made / 'demo' / 'demo.sqlite'}"),
    ):
        done = subprocess.run(
            [PROGRAM, *arguments], env=environment, capture_output=True, umask=0, timeout=GUARD, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
    # What a process that runs on keeps beside its files as well.
    with subprocess.Popen(
        [PROGRAM, "decisions", "webhooks", "run"], env=environment, stderr=subprocess.PIPE, umask=0
    ) as running:
        assert running.stderr is not None
        assert running.stderr.readline()
        assert {path.name for path in (made / "folder").glob("*webhooks*")} >= {
            "log-webhooks.sqlite",
            "log-webhooks.sqlite-wal",
            "log-webhooks.sqlite.lock",
        }
        found = open_to_others(made)
        running.terminate()
    assert found == []
    assert len(list(made.rglob("*"))) > 10


def test_the_processes_of_a_rebuild_write_for_their_owner_alone() -> None:
    """They are made anew, and are told nothing of their parent but its settings."""
    program = (
        "import os, sys\n"
        "from multiprocessing import get_context\n"
        "from infra.parallel_rebuild import _start_process\n"
        "if __name__ == '__main__':\n"
        "    os.umask(0)\n"
        "    queue = get_context('spawn').SimpleQueue()\n"
        "    _start_process({}, queue, os.getppid())\n"
        "    sys.exit(os.umask(0) != 0o077)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == 0


@pytest.mark.usefixtures("wide_open")
def test_a_file_with_secrets_is_never_open_to_others(tmp_path: Path) -> None:
    """Nor what SQLite keeps beside it, while it is used and from its first moment on."""
    path = tmp_path / "webhooks.sqlite"
    with WebhookStore(path) as store:
        store.add(Subscription("one", "https://portal.invalid/", (new_secret(),)), {})
        assert {each.name for each in tmp_path.iterdir()} == {
            path.name,
            f"{path.name}-wal",
            f"{path.name}-shm",
        }
        assert open_to_others(tmp_path) == []


@pytest.mark.usefixtures("wide_open")
def test_a_file_with_secrets_that_was_open_to_others_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "webhooks.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE secrets (secret TEXT)")
    connection.commit()
    assert sorted(open_to_others(tmp_path)) == [path.name, f"{path.name}-shm", f"{path.name}-wal"]
    with WebhookStore(path) as store:
        assert store.subscriptions() == []
        assert open_to_others(tmp_path) == []
    connection.close()


def test_closing_a_file_to_others_ends_no_lock_on_it(tmp_path: Path) -> None:
    """Each thread has a connection: what the second one does to the file leaves SQLite's locks for the first one.

    Without them another process takes itself for the last, and removes the WAL that this one goes on with.
    """
    path = tmp_path / "webhooks.sqlite"
    with WebhookStore(path) as store:
        assert store.subscriptions() == []
        second = Thread(target=store.subscriptions)
        second.start()
        second.join()
        program = (
            "import sqlite3, sys\n"
            "with sqlite3.connect(sys.argv[1]) as other:\n"
            "    other.execute(\"INSERT INTO subscriptions VALUES ('a', 'b', '[]', '[]', '[]', 'active', '')\")\n"
            "other.close()\n"
        )
        subprocess.run([sys.executable, "-c", program, path], check=True)
        assert path.with_name(f"{path.name}-wal").exists()
        assert [each.name for each in store.subscriptions()] == ["a"]


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(OSError, match="No such file"):
        make_private(folder / "missing" / "file")
    folder.chmod(0o755)
    with WebhookStore(folder) as store, pytest.raises(WebhooksUnusable):
        store.subscriptions()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755


def test_rights_are_told(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.touch(0o600)
    assert not is_open_to_others(path)
    for mode in (0o640, 0o604, 0o620):
        path.chmod(mode)
        assert is_open_to_others(path)
    make_private(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
