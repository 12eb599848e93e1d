"""The program's own log, for what happens rarely: its library takes longer to load than most commands take."""

# ruff: noqa: PLC0415  # see above

from __future__ import annotations

from typing import Any


def logger(module: str) -> Any:
    """Structlog's logger of a module, loaded when it is first wanted; a person's command shows warnings alone."""
    import structlog

    from infra.logging import log_warnings

    log_warnings()
    return structlog.get_logger(module)
