"""The embedded log: the same records as on Kafka, on a tape that is a table of an SQLite file.

Why it is the default: `embedded_by_default.md`.
"""

from infra.log.sqlite.factory import SQLiteLogFactory

__all__ = ["SQLiteLogFactory"]
