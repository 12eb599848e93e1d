"""The program's own log, for what happens rarely: its library takes longer to load than most commands take."""

# ruff: noqa: PLC0415  # see above

from __future__ import annotations

import sys
from typing import Any


def logger(module: str) -> Any:
    """Structlog's logger of a module, loaded when it is first wanted; a person's command shows warnings alone."""
    import structlog

    from infra.logging import log_warnings

    log_warnings()
    return structlog.get_logger(module)


def inform(module: str, event: str, **details: Any) -> None:
    """Log what is normal. A person's command would not show it, and does not load what it takes to log it."""
    if "structlog" in sys.modules:
        logger(module).info(event, **details)
