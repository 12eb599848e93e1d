"""The file of an index: what it costs a process to have many of them open."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_FILL: str = """
import ctypes, os, sys
from contextlib import ExitStack, closing
from pathlib import Path
from uuid import UUID

import _sqlite3
from infra.kafka.topics import Identity
from infra.log.index_file import open_index

sqlite = next((line.split()[-1] for line in open("/proc/self/maps") if "libsqlite3" in line), _sqlite3.__file__)
used = ctypes.CDLL(sqlite).sqlite3_memory_used
used.restype = ctypes.c_int64
with ExitStack() as stack:
    for number in range(4):
        path = Path(sys.argv[1], f"index-{number}.sqlite")
        index = stack.enter_context(closing(open_index(path, "app", Identity("cluster", UUID(int=1), 4), number)))
        connection = index._connection
        with connection:
            connection.execute("BEGIN")
            rows = ((os.urandom(8).hex(), 1, "topic", os.urandom(1000)) for _ in range(12_000))
            connection.executemany("INSERT INTO stored_events VALUES (?,?,?,?)", rows)
            connection.execute("COMMIT")
        connection.execute("SELECT SUM(LENGTH(state)) FROM stored_events").fetchone()
    print(used() >> 20)
"""


def test_the_pages_of_all_indexes_of_a_process_together_are_bounded(tmp_path: Path) -> None:
    """Four files of 13 MB each, every page of them looked at: a bound for each file alone would let them all stay."""
    done = subprocess.run(
        [sys.executable, "-c", _FILL, tmp_path], stdout=subprocess.PIPE, check=True, cwd=Path(__file__).parents[3]
    )
    files = sum(path.stat().st_size for path in tmp_path.glob("*.sqlite*"))
    assert files > 48 << 20
    assert int(done.stdout) < 20
