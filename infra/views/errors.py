"""What can go wrong with a store of read models."""

from __future__ import annotations

from domain.errors import InfrastructureError


class ViewsUnavailable(InfrastructureError):
    """The store of the read models could not be used."""

    code = "VIEWS_UNAVAILABLE"


class ViewsDatabaseUnavailable(ViewsUnavailable):
    """The database of the read models could not be used."""

    code = "VIEWS_DATABASE_UNAVAILABLE"
