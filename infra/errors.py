"""What can go wrong outside: the infrastructure's branch of the one tree of errors."""

from __future__ import annotations

import re
from typing import Any, Final

from domain.errors import InfrastructureError, InvalidInput
from domain.i18n import pair

_USER: Final = re.compile(r"(?<=://).*@", re.DOTALL)
"""Up to the last @: whoever forgot to escape one, or a slash, in a password must not read half of it."""

_VALUE: Final = re.compile(r"([\w.-]+)=('(?:[^'\\]|\\.)*'|[^&\s]*)")
_BARE: Final = re.compile(r"(?<=[?&])[^=&\s]+(?=&|$)")
"""What stands between two & without a name: the rest of a value that was not escaped."""
_SHOWN: Final = frozenset(
    {
        *("prefix", "partitions", "replication", "replies_days", "index", "security_protocol", "sasl_mechanism"),
        *("ssl_cafile", "ssl_certfile", "ssl_keyfile", "ssl_crlfile", "ssl_password_file", "sasl_plain_password_file"),
        *("sasl_plain_username", "host", "port", "dbname", "user", "sslmode", "connect_timeout"),
    }
)
"""Options whose values may be shown. Any other may be a password under a misspelt name."""

_PASSWORD: Final = re.compile(r"(?:[?&\s]|^)\w*password=[^&\s]", re.IGNORECASE)
_USERS_PASSWORD: Final = re.compile(r"://[^?#@]*:[^?#@]+@")


def without_secrets(text: str) -> str:
    """A URL or a connection string as it may be shown: users left out, and values that may be secret."""
    return _BARE.sub("…", _USER.sub("…@", _VALUE.sub(_shown, text)))


def holds_secret(url: str) -> bool:
    """Whether a URL or a connection string holds a password, and not only the name of a file that does."""
    return bool(_PASSWORD.search(url) or _USERS_PASSWORD.search(url))


def _shown(found: re.Match[str]) -> str:
    return found[0] if found[1] in _SHOWN else f"{found[1]}=…"


class LogUnusable(InfrastructureError):
    """The log could not be opened, read or written."""

    code = "LOG_UNUSABLE"


class BadSetting(InvalidInput):
    """A setting that cannot be used; secrets in its value are not shown."""

    code = "BAD_SETTING"

    def __init__(self, *, value: str, **details: Any) -> None:
        super().__init__(value=without_secrets(value), **details)


class SecretOnCommandLine(InvalidInput):
    """A secret among the arguments, which everybody on the machine can read while the program runs."""

    code = "SECRET_ON_COMMAND_LINE"


class LogMissing(LogUnusable):
    """A question about a log that does not exist. `on_kafka`: its topics do not."""

    code = "LOG_MISSING"

    def __init__(self, *, on_kafka: bool = False, **details: Any) -> None:
        begin = pair("`dossier demo` makes one to explore")
        if on_kafka:
            begin = pair("the first `dossier worker` makes its topics, or `dossier restore` puts a backup back")
        super().__init__(begin=begin, **details)


class LogLost(LogMissing):
    """A log is gone that something beside its path was made for: a new one is not begun over it."""

    code = "LOG_LOST"


class LogLocked(LogUnusable):
    """Another process holds the lock on the log, and did not let go of it in time."""

    code = "LOG_LOCKED"
