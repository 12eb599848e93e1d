"""Subscriptions, queues and the delivery log in one SQLite file, apart from the log and the read models.

InfrastructureError
├── WebhooksUnusable     the file cannot be used
└── DispatcherRunning    another process delivers from this file
InvalidInput
├── UnknownSubscription
└── SubscriptionExists
"""

from __future__ import annotations

import fcntl
import json
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import local
from typing import Any, Final, Self

from consumers.feed import Cursor
from consumers.webhook_dispatcher import Delivery, DeliveryResult, Subscription, SubscriptionState
from domain.errors import InfrastructureError, InvalidInput
from infra.opened_files import OpenedFiles
from infra.private_files import make_private
from infra.sqlite_file import WAL, beside, has_content, open_in_wal_mode
from projections.public_decisions.read_model import FeedPosition

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS subscriptions (
  name TEXT PRIMARY KEY, url TEXT NOT NULL, secrets TEXT NOT NULL, kinds TEXT NOT NULL, units TEXT NOT NULL,
  state TEXT NOT NULL, why TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS cursors (
  subscription TEXT, partition INTEGER, position INTEGER NOT NULL, ordinal INTEGER NOT NULL,
  PRIMARY KEY (subscription, partition)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS queue (
  subscription TEXT, lane TEXT, unit_id TEXT, sequence INTEGER, decision_id TEXT NOT NULL, body TEXT NOT NULL,
  attempts INTEGER NOT NULL, next_at REAL, PRIMARY KEY (subscription, lane, unit_id, sequence));
CREATE TABLE IF NOT EXISTS deliveries (
  number INTEGER PRIMARY KEY, subscription TEXT NOT NULL, lane TEXT NOT NULL, decision_id TEXT NOT NULL,
  unit_id TEXT NOT NULL, sequence INTEGER NOT NULL, attempt INTEGER NOT NULL, at REAL NOT NULL, seconds REAL NOT NULL,
  outcome TEXT NOT NULL, status INTEGER, detail TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS deliveries_of ON deliveries (subscription, number);
"""
# `next_at` is NULL for what is parked. Only the first decision of a unit in its lane is ever tried.
_HEADS: Final = (
    "FROM queue AS q WHERE subscription = ? AND sequence = (SELECT MIN(sequence) FROM queue AS o "
    "WHERE o.subscription = q.subscription AND o.lane = q.lane AND o.unit_id = q.unit_id)"
)
_AT_ONCE: Final = 50


class WebhooksUnusable(InfrastructureError):
    """The file of the webhooks cannot be used."""

    code = "WEBHOOKS_UNUSABLE"


class DispatcherRunning(InfrastructureError):
    """Two would deliver the same, and out of order."""

    code = "COURIER_RUNNING"


class UnknownSubscription(InvalidInput):
    """No subscription has this name."""

    code = "UNKNOWN_SUBSCRIPTION"


class SubscriptionExists(InvalidInput):
    """A name that is taken."""

    code = "SUBSCRIPTION_EXISTS"


class WebhookStore:
    """The file at `path`, made when missing. Threads share the object, each with a connection of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mine = local()
        self._open: list[sqlite3.Connection] = []
        self._opened: OpenedFiles | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        while self._open:
            self._open.pop().close()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Be the only process that delivers. Raises DispatcherRunning."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.with_name(self._path.name + ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise DispatcherRunning(path=str(self._path)) from error
            yield

    def add(self, subscription: Subscription, cursor: Cursor) -> None:
        """A new subscription that begins after a cursor. Raises SubscriptionExists."""
        with self._transaction() as connection:
            if connection.execute("SELECT 1 FROM subscriptions WHERE name = ?", (subscription.name,)).fetchone():
                raise SubscriptionExists(name=subscription.name)
            connection.execute(
                "INSERT INTO subscriptions VALUES (?,?,?,?,?,?,?)",
                (
                    subscription.name,
                    subscription.url,
                    json.dumps(subscription.secrets),
                    json.dumps(sorted(subscription.kinds)),
                    json.dumps(sorted(subscription.units)),
                    subscription.state.value,
                    "",
                ),
            )
            _store_cursor(connection, subscription.name, cursor)

    def remove(self, name: str) -> None:
        """Forget a subscription and its queue; its deliveries stay in the delivery log. Raises UnknownSubscription."""
        self.get(name)
        with self._transaction() as connection:
            connection.execute("DELETE FROM subscriptions WHERE name = ?", (name,))
            connection.execute("DELETE FROM queue WHERE subscription = ?", (name,))
            connection.execute("DELETE FROM cursors WHERE subscription = ?", (name,))

    def set_secrets(self, name: str, secrets: Sequence[str]) -> None:
        """Replace a subscription's secrets: the newest first."""
        with self._transaction() as connection:
            connection.execute("UPDATE subscriptions SET secrets = ? WHERE name = ?", (json.dumps(secrets), name))

    def get(self, name: str) -> Subscription:
        """A subscription. Raises UnknownSubscription."""
        for found in self.subscriptions():
            if found.name == name:
                return found
        raise UnknownSubscription(name=name)

    def subscriptions(self) -> list[Subscription]:
        """All of them, by name."""
        return [
            Subscription(
                row["name"],
                row["url"],
                tuple(json.loads(row["secrets"])),
                frozenset(json.loads(row["kinds"])),
                frozenset(json.loads(row["units"])),
                SubscriptionState(row["state"]),
            )
            for row in self._select("SELECT * FROM subscriptions ORDER BY name")
        ]

    def standing(self) -> list[dict[str, Any]]:
        """Of each subscription: name, url, state, why, how many wait, of how many units the first is parked."""
        return self._select(
            "SELECT name, url, state, why, kinds, units, "
            "(SELECT COUNT(*) FROM queue WHERE subscription = name) AS waiting, "
            "(SELECT COUNT(*) FROM queue WHERE subscription = name AND next_at IS NULL) AS parked "
            "FROM subscriptions ORDER BY name"
        )

    def cursor(self, name: str) -> Cursor:
        """How far decisions were taken into the queue."""
        rows = self._select("SELECT partition, position, ordinal FROM cursors WHERE subscription = ?", name)
        return {row["partition"]: FeedPosition(row["position"], row["ordinal"]) for row in rows}

    def queued(self, name: str) -> int:
        """How many decisions wait."""
        return int(self._select("SELECT COUNT(*) AS n FROM queue WHERE subscription = ?", name)[0]["n"])

    def enqueue(self, name: str, cursor: Cursor, items: Sequence[Delivery]) -> None:
        """Add to the queue and move the cursor, both or neither."""
        with self._transaction() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO queue VALUES (?,?,?,?,?,?,0,0)",
                [(name, each.stream, each.unit_id, each.sequence, each.decision_id, each.body) for each in items],
            )
            _store_cursor(connection, name, cursor)

    def due(self, name: str, now: float) -> list[Delivery]:
        """Of each stream and unit the first decision, where it is time to try it; the longest due first."""
        rows = self._select(
            f"SELECT * {_HEADS} AND next_at <= ? ORDER BY next_at LIMIT {_AT_ONCE}",  # our own SQL
            name,
            now,
        )
        return [_delivery(row) for row in rows]

    def next_due(self, name: str) -> float | None:
        """When the next try is due; None when nothing waits that is not parked."""
        found: float | None = self._select(f"SELECT MIN(next_at) AS at {_HEADS}", name)[0]["at"]  # our own SQL
        return found

    def parked(self, name: str) -> list[dict[str, Any]]:
        """What was given up: lane, unit_id, sequence, decision_id, attempts, and how many wait behind it."""
        return self._select(
            "SELECT lane, unit_id, sequence, decision_id, attempts, (SELECT COUNT(*) FROM queue AS o "
            "WHERE o.subscription = q.subscription AND o.lane = q.lane AND o.unit_id = q.unit_id) - 1 AS behind "
            "FROM queue AS q WHERE subscription = ? AND next_at IS NULL ORDER BY lane, unit_id, sequence",
            name,
        )

    def delivered(self, name: str, item: Delivery, result: DeliveryResult) -> None:
        """Note a delivery, and take the decision out of the queue."""
        with self._transaction() as connection:
            _log_delivery(connection, name, item, result, "delivered")
            connection.execute(
                "DELETE FROM queue WHERE subscription = ? AND lane = ? AND unit_id = ? AND sequence = ?",
                (name, item.stream, item.unit_id, item.sequence),
            )

    def failed(self, name: str, item: Delivery, result: DeliveryResult, next_at: float | None) -> None:
        """Note a failed try. `next_at` None parks the decision."""
        with self._transaction() as connection:
            _log_delivery(connection, name, item, result, "parked" if next_at is None else "failed")
            connection.execute(
                "UPDATE queue SET attempts = attempts + 1, next_at = ? "
                "WHERE subscription = ? AND lane = ? AND unit_id = ? AND sequence = ?",
                (next_at, name, item.stream, item.unit_id, item.sequence),
            )

    def set_state(self, name: str, state: SubscriptionState, why: str) -> None:
        """Stop a subscription, or let it go on."""
        with self._transaction() as connection:
            connection.execute("UPDATE subscriptions SET state = ?, why = ? WHERE name = ?", (state.value, why, name))

    def resume(self, name: str, unit_id: str | None = None) -> int:
        """Let a subscription go on, and try what it had parked (of one unit, or all) anew; returns how many those were.

        Raises UnknownSubscription.
        """
        self.get(name)
        with self._transaction() as connection:
            resumed = connection.execute(
                "UPDATE queue SET attempts = 0, next_at = 0 "
                "WHERE subscription = ? AND next_at IS NULL AND (unit_id = ? OR ? IS NULL)",
                (name, unit_id, unit_id),
            )
            connection.execute("UPDATE queue SET next_at = 0 WHERE subscription = ? AND next_at > 0", (name,))
            connection.execute(
                "UPDATE subscriptions SET state = ?, why = '' WHERE name = ?", (SubscriptionState.ACTIVE.value, name)
            )
            return resumed.rowcount

    def deliveries(self, name: str, limit: int) -> list[dict[str, Any]]:
        """The last tries of a subscription, the oldest of them first; `at` in seconds since 1970."""
        found = self._select(
            "SELECT * FROM deliveries WHERE subscription = ? ORDER BY number DESC LIMIT ?", name, limit
        )
        return found[::-1]

    def _select(self, sql: str, *parameters: str | float) -> list[dict[str, Any]]:
        try:
            return [dict(row) for row in self._connection().execute(sql, parameters)]
        except sqlite3.Error as error:
            raise WebhooksUnusable(path=str(self._path), reason=str(error)) from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        connection = self._connection()
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                self._check_place()
            except BaseException:
                connection.rollback()
                raise
            connection.commit()
            # What is told to be kept must be where the next process looks for it.
            self._check_place()
        except sqlite3.Error as error:
            raise WebhooksUnusable(path=str(self._path), reason=str(error)) from error

    def _check_place(self) -> None:
        """Raises WebhooksUnusable where the file was moved, replaced or deleted."""
        reason = self._opened.moved() if self._opened is not None else None
        if reason is not None:
            raise WebhooksUnusable(path=str(self._path), reason=reason.en)

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._mine, "connection", None)
        if connection is None:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                wal = beside(self._path, WAL)
                if has_content(wal) and not has_content(self._path):
                    # SQLite would delete it.
                    raise WebhooksUnusable(path=str(self._path), reason=f"{wal} belongs to a file that is not there")
                # It holds the receivers' secrets, and so does its WAL.
                make_private(self._path)
                connection = open_in_wal_mode(self._path)
                connection.row_factory = sqlite3.Row
                connection.executescript(_TABLES)
                self._opened = self._opened or OpenedFiles(self._path)
            except (OSError, sqlite3.Error) as error:
                raise WebhooksUnusable(path=str(self._path), reason=str(error)) from error
            self._mine.connection = connection
            self._open.append(connection)
        return connection


def _store_cursor(connection: sqlite3.Connection, name: str, cursor: Cursor) -> None:
    connection.executemany(
        "INSERT OR REPLACE INTO cursors VALUES (?,?,?,?)",
        [(name, partition, position.position, position.ordinal) for partition, position in cursor.items()],
    )


def _log_delivery(connection: sqlite3.Connection, name: str, item: Delivery, result: DeliveryResult, what: str) -> None:
    connection.execute(
        "INSERT INTO deliveries (subscription, lane, decision_id, unit_id, sequence, attempt, at, seconds, outcome, "
        "status, detail) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
        (
            name,
            item.stream,
            item.decision_id,
            item.unit_id,
            item.sequence,
            item.attempts + 1,
            time.time(),
            result.seconds,
            what,
            result.status,
            result.detail,
        ),
    )


def _delivery(row: dict[str, Any]) -> Delivery:
    return Delivery(
        row["lane"], row["unit_id"], row["sequence"], row["decision_id"], row["body"], attempts=row["attempts"]
    )
