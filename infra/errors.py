"""What can go wrong outside: the infrastructure's branch of the one tree of errors."""

from __future__ import annotations

import re
from typing import Any

from domain.errors import InfrastructureError, InvalidInput

_USER = re.compile(r"(?<=://)[^/?#]*@")
_PASSWORD = re.compile(r"(password=)[^&\s]*", re.IGNORECASE)


def without_secrets(text: str) -> str:
    """A URL or a connection string as it may be shown: users and passwords left out."""
    return _PASSWORD.sub(r"\1…", _USER.sub("…@", text))


class LogUnusable(InfrastructureError):
    """The log could not be opened, read or written."""

    code = "LOG_UNUSABLE"


class BadSetting(InvalidInput):
    """A setting that cannot be used; secrets in its value are not shown."""

    code = "BAD_SETTING"

    def __init__(self, *, value: str, **details: Any) -> None:
        super().__init__(value=without_secrets(value), **details)


class LogMissing(LogUnusable):
    """A question about a log that does not exist."""

    code = "LOG_MISSING"
