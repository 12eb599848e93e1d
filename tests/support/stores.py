"""Both stores of read models, alike for tests: SQLite files in a folder, or schemas of one PostgreSQL database."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import psycopg

from infra.dev.postgres import PostgresServer
from infra.views.postgres import PostgresViews
from infra.views.sqlite import SQLiteViews

Store = SQLiteViews | PostgresViews


class Stores(Protocol):
    """Where stores are opened by name."""

    kind: str

    def url(self, name: str) -> str:
        """What DOSSIER_VIEWS says for it."""

    def open(self, name: str) -> Store:
        """One more handle on the store of this name, which is made when missing."""

    def close(self) -> None:
        """Close every handle."""


class SQLiteStores:
    kind = "sqlite"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._opened: list[SQLiteViews] = []

    def url(self, name: str) -> str:
        return f"sqlite:///{self._folder / name}.sqlite"

    def open(self, name: str) -> SQLiteViews:
        made = SQLiteViews(self._folder / f"{name}.sqlite")
        self._opened.append(made)
        return made

    def close(self) -> None:
        for opened in self._opened:
            opened.close()


class PostgresStores:
    kind = "postgres"

    def __init__(self, server: PostgresServer, prefix: str) -> None:
        self._server, self._prefix = server, prefix
        self._opened: list[PostgresViews] = []
        self._schemas: set[str] = set()

    def url(self, name: str) -> str:
        schema = f"{self._prefix}_{name}"
        if schema not in self._schemas:
            self._schemas.add(schema)
            with psycopg.connect(self._server.uri, autocommit=True) as connection:
                connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
        return f"{self._server.uri}&options=-csearch_path%3D{schema}"

    def open(self, name: str) -> PostgresViews:
        made = PostgresViews(self.url(name))
        self._opened.append(made)
        return made

    def close(self) -> None:
        for opened in self._opened:
            opened.close()
        with psycopg.connect(self._server.uri, autocommit=True) as connection:
            for schema in self._schemas:
                connection.execute(f'DROP SCHEMA "{schema}" CASCADE')
