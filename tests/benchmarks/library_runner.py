"""The library's own ProjectionRunner over our events and rows: its PostgreSQL log, a view in SQLite or PostgreSQL."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Any, ClassVar
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.persistence import Notification, StoredEvent, Tracking
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore, PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from eventsourcing.sqlite import SQLiteTrackingRecorder
from psycopg.sql import SQL

from infra.dev.postgres import PostgresServer
from projections.engine.projection import Event
from projections.engine.projection import Projection as OurProjection
from projections.engine.rows import RowCache
from projections.engine.table import Table, Value

_BATCH = 1000


class DossierApplication(Application[UUID]):
    """The library's application over our events."""

    name = "dossier"


class _Rows:
    """A cursor of the library as our rows want it."""

    def __init__(self, cursor: Any, mark: str) -> None:
        self._cursor, self._mark = cursor, mark

    def select(self, sql: str, parameters: Any = ()) -> list[dict[str, Any]]:
        self._cursor.execute(sql.replace("?", self._mark), parameters)
        return [dict(row) for row in self._cursor.fetchall()]

    def upsert(self, table: Table, physical: str, rows: list[tuple[Value, ...]], *, new: bool = False) -> None:
        del new
        self._cursor.executemany(table.upsert(physical).replace("?", self._mark), rows)


def _fold(projections: tuple[OurProjection, ...], rows_of: Any, event: Event[Any]) -> None:
    for projection in projections:
        handler = projection.handlers.get(type(event.fact))
        if handler is not None:
            rows = RowCache(rows_of, {table: table.name for table in projection.tables})
            handler(rows, event)
            rows.flush(rows_of)


def _statements(projections: tuple[OurProjection, ...]) -> list[str]:
    return [
        statement
        for projection in projections
        for table in projection.tables
        for statement in (table.create(table.name), *table.index(table.name))
    ]


class SQLiteView(SQLiteTrackingRecorder):
    """The same rows, kept as the library does: one transaction an event, with its tracking."""

    projections: ClassVar[tuple[OurProjection, ...]]

    def construct_create_table_statements(self) -> list[str]:
        """The library's tables and the projections'."""
        return [*super().construct_create_table_statements(), *_statements(self.projections)]

    def apply(self, event: Event[Any], tracking: Tracking) -> None:
        """One event."""
        with self.datastore.transaction(commit=True) as cursor:
            _fold(self.projections, _Rows(cursor, "?"), event)
            self._insert_tracking(cursor, tracking)


class PostgresView(PostgresTrackingRecorder):
    """The same in PostgreSQL."""

    projections: ClassVar[tuple[OurProjection, ...]]

    def __init__(self, datastore: PostgresDatastore, **kwargs: Any) -> None:
        super().__init__(datastore, **kwargs)
        self.sql_create_statements += [SQL(each).format() for each in _statements(self.projections)]

    def apply(self, event: Event[Any], tracking: Tracking) -> None:
        """One event."""
        with self.datastore.transaction(commit=True) as cursor:
            _fold(self.projections, _Rows(cursor, "%s"), event)
            self._insert_tracking(cursor, tracking)


class LibraryProjection(Projection[Any]):
    """Hands each event to the view."""

    name = "view"

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        """One event of the application's sequence."""
        event = Event(
            domain_event, str(domain_event.originator_id), domain_event.originator_version, 0, tracking.notification_id
        )
        self.view.apply(event, tracking)


def fill(server: PostgresServer, stored: tuple[Notification, ...]) -> None:
    """Put events into the library's PostgreSQL log."""
    datastore = PostgresDatastore(
        dbname=server.dbname,
        host=server.host,
        port=server.port,
        user=server.user,
        password=server.environment["POSTGRES_PASSWORD"],
    )
    recorder = PostgresApplicationRecorder(datastore, events_table_name="dossier_events")
    recorder.create_table()
    for start in range(0, len(stored), _BATCH):
        recorder.insert_events(
            [
                StoredEvent(event.originator_id, event.originator_version, event.topic, event.state)
                for event in stored[start : start + _BATCH]
            ]
        )
    datastore.close()


def run(server: PostgresServer, folder: Path, store: str, projections: tuple[OurProjection, ...], events: int) -> float:
    """Events a second, from nothing, for projections that all have their rows in one view."""
    name = f"{store}_{'_'.join(projection.name for projection in projections)}"
    view: type[Any] = SQLiteView if store == "sqlite" else PostgresView
    view.projections = projections
    environment = {**server.environment, "MAPPER_TOPIC": "schemas.avro.codec:AvroMapper"}
    if store == "sqlite":
        environment |= {"VIEW_PERSISTENCE_MODULE": "eventsourcing.sqlite"}
        environment |= {"VIEW_SQLITE_DBNAME": str(folder / f"library-{name}.sqlite")}
    begun = perf_counter()
    with ProjectionRunner(
        application_class=DossierApplication, projection_class=LibraryProjection, view_class=view, env=environment
    ) as runner:
        runner.wait(events, timeout=600)
        return events / (perf_counter() - begun)
