"""Our projections beside the library's own ProjectionRunner on its PostgreSQL log, with the same events and rows."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Any, ClassVar
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.persistence import Notification, StoredEvent, Tracking
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from eventsourcing.projection import Projection, ProjectionRunner
from eventsourcing.sqlite import SQLiteCursor, SQLiteTrackingRecorder

from infra.servers.postgres import PostgresServer, postgres
from infra.views.sqlite import SQLiteViews
from projections.engine import Engine
from projections.projection import Event
from projections.projection import Projection as OurProjection
from projections.registry import PROJECTIONS
from projections.rows import Rows
from schemas.codec import decode
from tests.benchmarks.results import Results
from tests.benchmarks.workload import events, installation

_DOSSIERS = 173
_RUNNER_EVENTS = 3000
_BATCH = 1000


def run(results: Results, folder: Path) -> None:
    """Each projection from the embedded log into SQLite, beside the runner into SQLite."""
    stored = events(folder / "events", _DOSSIERS)
    with postgres(folder / "postgres") as server:
        _fill(server, stored[:_RUNNER_EVENTS])
        for projection in PROJECTIONS:
            ours = _ours(folder, projection, len(stored))
            theirs = _runner(folder, projection, server)
            results.compare(
                f"projection {projection.name}, embedded log to SQLite",
                ours,
                "events/s",
                peer="library ProjectionRunner, PostgreSQL log to SQLite",
                peer_value=theirs,
                aim=10.0,
            )


def _ours(folder: Path, projection: OurProjection, count: int) -> float:
    with installation(folder / "events") as made:
        views = SQLiteViews(folder / f"ours-{projection.name}.sqlite")
        engine = Engine(views, made.log, decode, (projection,))
        begun = perf_counter()
        engine.catch_up()
        rate = count / (perf_counter() - begun)
        views.close()
        return rate


def _fill(server: PostgresServer, stored: tuple[Notification, ...]) -> None:
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


class DossierApplication(Application[UUID]):
    """The library's application over our events."""

    name = "dossier"


class LibraryView(SQLiteTrackingRecorder):
    """The same rows, kept as the library does: one transaction an event, with its tracking."""

    projection: ClassVar[OurProjection]

    def construct_create_table_statements(self) -> list[str]:
        """The library's tables and the projection's."""
        return [
            *super().construct_create_table_statements(),
            *(statement for table in self.projection.tables for statement in table.create(table.name)),
        ]

    def apply(self, event: Event, tracking: Tracking) -> None:
        """One event."""
        with self.datastore.transaction(commit=True) as cursor:
            handler = self.projection.handlers.get(event.name)
            if handler is not None:
                writer = _Writer(cursor)
                rows = Rows(writer, {table: table.name for table in self.projection.tables})
                handler(rows, event)
                rows.flush(writer)
            self._insert_tracking(cursor, tracking)


class _Writer:
    """A cursor of the library as our rows want it."""

    def __init__(self, cursor: SQLiteCursor) -> None:
        self._cursor = cursor

    def select(self, sql: str, parameters: Any = ()) -> list[dict[str, Any]]:
        self._cursor.execute(sql, parameters)
        return [dict(row) for row in self._cursor.fetchall()]

    def has_table(self, name: str) -> bool:
        return bool(self.select("SELECT 1 FROM sqlite_master WHERE name = ?", (name,)))

    def execute(self, sql: str, parameters: Any = ()) -> None:
        self._cursor.execute(sql, parameters)

    def executemany(self, sql: str, rows: Any) -> None:
        self._cursor.executemany(sql, rows)


class LibraryProjection(Projection[LibraryView]):
    """Hands each event to the view."""

    name = "view"

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        """One event of the application's sequence."""
        data = dict(vars(domain_event))
        data["recorded_at"] = data["timestamp"]
        event = Event(
            type(domain_event).__name__,
            str(domain_event.originator_id),
            domain_event.originator_version,
            0,
            tracking.notification_id,
            data,
        )
        self.view.apply(event, tracking)


def _runner(folder: Path, projection: OurProjection, server: PostgresServer) -> float:
    LibraryView.projection = projection
    environment = {
        **server.environment,
        "MAPPER_TOPIC": "schemas.codec:AvroMapper",
        "VIEW_PERSISTENCE_MODULE": "eventsourcing.sqlite",
        "VIEW_SQLITE_DBNAME": str(folder / f"library-{projection.name}.sqlite"),
    }
    begun = perf_counter()
    with ProjectionRunner(
        application_class=DossierApplication,
        projection_class=LibraryProjection,
        view_class=LibraryView,
        env=environment,
    ) as runner:
        runner.wait(_RUNNER_EVENTS, timeout=300)
        return _RUNNER_EVENTS / (perf_counter() - begun)
