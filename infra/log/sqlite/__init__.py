"""The embedded log: the library's own SQLite recorder, with the answers of handled commands beside its events.

Why it is the default: `embedded_by_default.md`.
"""

from infra.log.sqlite.factory import SQLiteLogFactory

__all__ = ["SQLiteLogFactory"]
