"""What can go wrong with a store of read models."""

from __future__ import annotations

from domain.errors import InfrastructureError


class ViewsUnavailable(InfrastructureError):
    """The store of the read models could not be used."""

    code = "VIEWS_UNAVAILABLE"


class ViewsDatabaseUnavailable(ViewsUnavailable):
    """The database of the read models could not be used."""

    code = "VIEWS_DATABASE_UNAVAILABLE"


class ViewsLocked(ViewsUnavailable):
    """Another process holds the lock on the read models, and did not let go of it in time."""

    code = "VIEWS_LOCKED"


class ViewsMoved(ViewsUnavailable):
    """The file of the read models was moved, replaced or deleted while it was in use."""

    code = "VIEWS_MOVED"
