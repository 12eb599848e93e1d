"""The store of the read models in a PostgreSQL database.

Each snapshot is a REPEATABLE READ transaction that holds the tables it reads, so that nobody drops them under it.
Batches of different partitions are stored side by side; what changes the generations is alone (an advisory lock of the
database). `synchronous_commit` is off: a crash of the server may take the last transactions, each as a whole, and the
engine then applies them again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from itertools import count
from threading import Lock
from typing import Any, Final, Self, cast

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row, tuple_row

from infra.views.errors import ViewsDatabaseUnavailable
from projections.engine.ports import InvalidRow, SnapshotExpired
from projections.engine.table import Row, Table, Value

_TEXT: Final = 'TEXT COLLATE "C"'
"""Sorted by code point, as SQLite sorts it: two stores, and two builds, can be compared row by row."""

_LOCK: Final = 0x446F7373696572
"""The key of the advisory lock ("Dossier" in ASCII)."""

_ALONE: Final = f"SELECT pg_advisory_xact_lock({_LOCK})"
_BESIDE_OTHERS: Final = f"SELECT pg_advisory_xact_lock_shared({_LOCK})"
_SNAPSHOT: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_CHUNK: Final = 1000
_FEW: Final = 20
"""Up to so many rows are stored one by one: a batch of them is not worth a staging table."""

_DROP_PATIENCE: Final = "2s"
"""How long dropping a table waits for those who still read it."""

_CONNECT_WITHIN: Final = 10
"""Seconds until a server that does not answer counts as unreachable, unless the connection string says otherwise."""

Connection = psycopg.Connection[Row]

_cursors = count(1)
"""Several tables are read at once in one transaction, each by a cursor of its own."""


class _PostgresTransaction:
    """A Reader or Writer on a connection with an open transaction."""

    def __init__(self, where: str, connection: Connection) -> None:
        self._where = where
        self._connection = connection
        self._staged: set[str] = set()

    def select(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
        try:
            return self._connection.execute(_marked(sql), parameters).fetchall()
        except psycopg.Error as error:
            raise _unavailable(self._where, error) from error

    def select_by(self, physical: str, column: str, values: Sequence[Value]) -> list[Row]:
        sql = f"SELECT * FROM {physical} WHERE {column} = ANY(%s)"  # noqa: S608  # our own names
        try:
            return self._connection.execute(sql, (list(values),)).fetchall()
        except psycopg.Error as error:
            raise _unavailable(self._where, error) from error

    def stream(self, sql: str) -> Iterator[list[tuple[Value, ...]]]:
        try:
            name = f"stream_{next(_cursors)}"
            with psycopg.ServerCursor(self._connection, name, row_factory=tuple_row) as cursor:
                cursor.execute(_marked(sql))
                while chunk := cursor.fetchmany(_CHUNK):
                    yield chunk
        except psycopg.Error as error:
            raise _unavailable(self._where, error) from error

    def has_table(self, name: str) -> bool:
        return bool(self.select("SELECT 1 AS found WHERE to_regclass(?) IS NOT NULL", (name,)))

    def pin(self, names: Sequence[str]) -> None:
        if not names:
            return
        try:
            self._connection.execute(f"LOCK TABLE {', '.join(names)} IN ACCESS SHARE MODE")
        except errors.UndefinedTable as error:
            raise SnapshotExpired from error
        except psycopg.Error as error:
            raise _unavailable(self._where, error) from error

    def execute(self, sql: str, parameters: Sequence[Value] = ()) -> int:
        try:
            return self._connection.execute(_marked(sql), parameters).rowcount
        except psycopg.Error as error:
            raise _unavailable(self._where, error) from error

    def create(self, table: Table, physical: str) -> None:
        self.execute(table.create(physical, text=_TEXT))

    def index(self, table: Table, physical: str) -> None:
        for statement in table.index(physical):
            self.execute(statement)

    def upsert(self, table: Table, physical: str, rows: Sequence[tuple[Value, ...]], *, new: bool = False) -> None:
        try:
            if len(rows) <= _FEW:
                with self._connection.cursor() as cursor:
                    cursor.executemany(_marked(table.upsert(physical)), rows)
            elif not (new and self._inserted(table, physical, rows)):
                self._upsert_many(table, physical, rows)
        except psycopg.DataError as error:
            raise InvalidRow(_words(error)) from error
        except UnicodeError as error:
            raise InvalidRow(str(error)) from error
        except psycopg.Error as error:
            # Without a state it comes from psycopg, which found no form for a value.
            if isinstance(error, psycopg.ProgrammingError) and error.sqlstate is None:
                raise InvalidRow(_words(error)) from error
            raise _unavailable(self._where, error) from error

    def _inserted(self, table: Table, physical: str, rows: Sequence[tuple[Value, ...]]) -> bool:
        """Whether these rows are stored now; none of them is when one was there already."""
        self._connection.execute("SAVEPOINT before_new")
        try:
            self._copy(table, physical, rows)
        except errors.UniqueViolation:
            self._connection.execute("ROLLBACK TO before_new")
            return False
        self._connection.execute("RELEASE before_new")
        return True

    def _upsert_many(self, table: Table, physical: str, rows: Sequence[tuple[Value, ...]]) -> None:
        """COPY is the fastest way in but knows no conflicts: into a table of its own, and from there."""
        staged = f"staged_{physical}"
        connection = self._connection
        connection.execute(f"CREATE TEMPORARY TABLE IF NOT EXISTS {staged} (LIKE {physical}) ON COMMIT DELETE ROWS")
        if staged in self._staged:
            connection.execute(f"DELETE FROM {staged}")  # noqa: S608  # our own names
        self._staged.add(staged)
        self._copy(table, staged, rows)
        source = f"SELECT {', '.join(table.columns)} FROM {staged}"  # noqa: S608  # our own names
        connection.execute(table.upsert(physical, source))

    def _copy(self, table: Table, physical: str, rows: Sequence[tuple[Value, ...]]) -> None:
        statement = f"COPY {physical} ({', '.join(table.columns)}) FROM STDIN"
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)


class PostgresViews:
    """Read models in the database of a connection string. Every method may raise ViewsDatabaseUnavailable.

    Connections are opened as needed and kept; threads may share the object. Close it, or use it as a context.
    """

    def __init__(self, conninfo: str) -> None:
        self.conninfo = conninfo
        self._where = _without_password(conninfo)
        self._idle: list[Connection] = []
        self._guard = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that are not in use."""
        with self._guard:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @contextmanager
    def reading(self) -> Iterator[_PostgresTransaction]:
        """A snapshot of the whole store."""
        with self._transaction(_SNAPSHOT) as transaction:
            # The snapshot is taken by the first query, not by BEGIN.
            transaction.select("SELECT 1 AS taken")
            yield transaction

    def transaction(self) -> AbstractContextManager[_PostgresTransaction]:
        """A transaction beside others of its kind, while none is alone."""
        return self._locked(_BESIDE_OTHERS)

    def exclusive_transaction(self) -> AbstractContextManager[_PostgresTransaction]:
        """A transaction that is alone."""
        return self._locked(_ALONE)

    def drop(self, names: Sequence[str]) -> bool:
        """Drop tables, unless one is still read after two seconds. It waits under no lock that others need."""
        try:
            with self._transaction("BEGIN") as transaction:
                transaction.execute(f"SET LOCAL lock_timeout = '{_DROP_PATIENCE}'")
                transaction.execute(f"DROP TABLE IF EXISTS {', '.join(names)}")
        except ViewsDatabaseUnavailable as error:
            if isinstance(error.__cause__, errors.LockNotAvailable):
                return False
            raise
        return True

    @contextmanager
    def _locked(self, lock: str) -> Iterator[_PostgresTransaction]:
        with self._transaction("BEGIN") as transaction:
            transaction.select(lock)
            yield transaction

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[_PostgresTransaction]:
        connection = self._begun(begin)
        transaction = _PostgresTransaction(self._where, connection)
        try:
            yield transaction
            transaction.execute("COMMIT")
        except BaseException:
            # Closing rolls back, and leaves no connection behind whose state is in doubt.
            connection.close()
            raise
        with self._guard:
            self._idle.append(connection)

    def _begun(self, begin: str) -> Connection:
        """A connection with a transaction. A kept one may have died with its server: then the next, then a new one."""
        while True:
            with self._guard:
                kept = self._idle.pop() if self._idle else None
            try:
                connection = kept or self._connect()
                connection.execute(begin)
            except psycopg.Error as error:
                if kept is None:
                    raise _unavailable(self._where, error) from error
                kept.close()
            else:
                return connection

    def _connect(self) -> Connection:
        try:
            parts = conninfo_to_dict(self.conninfo)
        except psycopg.ProgrammingError:
            # The driver repeats the whole of it.
            raise psycopg.ProgrammingError("the connection string cannot be read") from None
        connection: Connection = psycopg.connect(
            make_conninfo(f"connect_timeout={_CONNECT_WITHIN}", **parts),
            autocommit=True,
            row_factory=cast(Any, dict_row),
            application_name="dossier",
        )
        connection.execute("SET synchronous_commit = off")
        # Whoever calls it wants no notices of tables that are there already.
        connection.execute("SET client_min_messages = warning")
        return connection


@lru_cache(maxsize=512)
def _marked(sql: str) -> str:
    """A query with psycopg's marks for parameters in place of ours."""
    return sql.replace("%", "%%").replace("?", "%s")


def _without_password(conninfo: str) -> str:
    """A connection string as it may be shown."""
    try:
        parts = conninfo_to_dict(conninfo)
    except psycopg.Error:
        return "PostgreSQL"
    return make_conninfo("", **{name: value for name, value in parts.items() if "password" not in name})


def _words(error: psycopg.Error) -> str:
    return error.diag.message_primary or str(error).strip()


def _unavailable(where: str, error: psycopg.Error) -> ViewsDatabaseUnavailable:
    return ViewsDatabaseUnavailable(path=where, problem=_words(error))
