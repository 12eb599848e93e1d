"""PERSISTENCE_MODULE=dossier.persistence.sqlite: the embedded log, configured by the library's SQLITE_… settings."""

from infra.log.sqlite import SQLiteLogFactory

__all__ = ["SQLiteLogFactory"]
