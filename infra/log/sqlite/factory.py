"""The persistence module's factory: the library's, with our application recorder."""

from __future__ import annotations

from eventsourcing.sqlite import SQLiteFactory

from infra.log.sqlite.recorder import SQLiteLogRecorder


class SQLiteLogFactory(SQLiteFactory):
    """Named by `PERSISTENCE_MODULE=infra.log.sqlite`; reads the library's own SQLITE_… settings."""

    application_recorder_class = SQLiteLogRecorder
