"""The program's own log, for what happens rarely: its library takes longer to load than most commands take."""

from __future__ import annotations

from typing import Any


def logger(module: str) -> Any:
    """Structlog's logger of a module, loaded when it is first wanted."""
    import structlog  # noqa: PLC0415  # see above

    return structlog.get_logger(module)
