"""The settings: environment variables `DOSSIER_…`, each overridable on the command line."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast
from urllib.parse import unquote, urlsplit

from platformdirs import user_data_path

from domain.context import InterpretationSettings
from domain.i18n import Language, pair
from domain.policy.support import parse_amounts
from domain.units import Units, parse_departments
from infra.errors import BadSetting, SecretOnCommandLine, holds_secret
from infra.timeouts import Timeout

if TYPE_CHECKING:
    from infra.kafka.settings import KafkaSettings

LOG = "DOSSIER_LOG"
VIEWS = "DOSSIER_VIEWS"
KEYS = "DOSSIER_KEYS"
LANGUAGE = "DOSSIER_LANG"
DEPARTMENTS = "DOSSIER_DEPARTMENTS"
AMOUNTS = "DOSSIER_AMOUNTS"
ONE_COLUMN_LEVEL = "DOSSIER_ONE_COLUMN_LEVEL"
MANDATORY_NOT_APPLICABLE = "DOSSIER_MANDATORY_NOT_APPLICABLE"
DEADLINE_ROLLS = "DOSSIER_DEADLINE_ROLLS_OVER_WEEKEND"

ANSWER_WITHIN = "DOSSIER_ANSWER_WITHIN"
LONGEST_WAIT = "DOSSIER_LONGEST_WAIT"
FREE_DISK = "DOSSIER_FREE_DISK"
LOCK_TIMEOUT = "DOSSIER_LOCK_TIMEOUT"

_LONGEST_WAIT = 60.0
_FREE_DISK = 1000
_LOCK_TIMEOUT = 60.0

_SCHEME = "sqlite:///"
_POSTGRES = ("postgresql://", "postgres://")
_KAFKA = "kafka://"
_BAD_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})|%00")
_USER_INFO = re.compile(r"[^\s@/?#\[\]]*")
_PARAMETER = re.compile("[^=]+=[^=]*")


@dataclass(frozen=True, slots=True)
class Settings:
    """What an installation is told.

    log        path of the embedded log, or how a log on Kafka is reached
    views      path of the read models' file, or the connection string of their PostgreSQL database
    units      the units that may apply, departments as configured (reading 14)
    keys       the folder of this host's keys for an embedded log, which an operator made; None: it makes its own
    amounts    VND by "kind.level", for example "commune.basic"; empty when none are configured
    answer_within  seconds to wait for the answer to a command on a queue
    longest_wait   seconds that a command may wait in a queue before `dossier doctor` says so
    free_disk      megabytes that must be free beside log, indexes and read models before it says so
    lock_timeout   seconds to wait for another process that holds a lock on an embedded log or on the read models' file
    """

    log: Path | KafkaSettings
    views: Path | str = field(repr=False)
    units: Units
    keys: Path | None = None
    amounts: Mapping[str, int] = field(default_factory=dict)
    readings: InterpretationSettings = field(default_factory=InterpretationSettings)
    language: Language = "en"
    answer_within: float = Timeout.ANSWER.seconds
    longest_wait: float = _LONGEST_WAIT
    free_disk: int = _FREE_DISK
    lock_timeout: float = _LOCK_TIMEOUT

    @property
    def log_name(self) -> str:
        """The log for messages, without secrets."""
        return str(self.log) if isinstance(self.log, Path) else self.log.url

    @property
    def state_dir(self) -> Path:
        """The folder of small files that processes leave for others: last errors, and the word that the clock is right.

        It is beside an embedded log, or beside the indexes of this machine for a log on Kafka.
        """
        if isinstance(self.log, Path):
            return self.log.with_name(self.log.stem + "-state")
        return self.log.index_dir / f"{self.log.app}-state"


def load(environment: Mapping[str, str] | None = None, **overrides: str | None) -> Settings:
    """The settings of an environment (default: this process's). `overrides`, of the command line: log, views, language.

    Raises BadSetting, SecretOnCommandLine, or what parsing departments and amounts raises.
    """
    for option, setting in (("log", LOG), ("views", VIEWS)):
        refuse_secret(f"--{option}", overrides.get(option), setting)
    env = os.environ if environment is None else environment
    log = _log(overrides.get("log") or env.get(LOG) or _SCHEME + str(_default_log()), env)
    views_url = overrides.get("views") or env.get(VIEWS)
    views = _views(views_url) if views_url else _beside(log)
    departments = env.get(DEPARTMENTS)
    amounts = env.get(AMOUNTS)
    keys = env.get(KEYS)
    return Settings(
        log=log,
        views=views,
        keys=Path(keys).expanduser() if keys else None,
        units=Units.load(parse_departments(_text(DEPARTMENTS, departments)) if departments else None),
        amounts=parse_amounts(_text(AMOUNTS, amounts)) if amounts else {},
        readings=InterpretationSettings(
            one_column_level=cast(Literal["basic", "advanced"], _one_of(env, ONE_COLUMN_LEVEL, ("advanced", "basic"))),
            mandatory_not_applicable=cast(
                Literal["leaves_count", "not_met"],
                _one_of(env, MANDATORY_NOT_APPLICABLE, ("leaves_count", "not_met")),
            ),
            deadline_rolls_over_weekend=_one_of(env, DEADLINE_ROLLS, ("no", "yes")) == "yes",
        ),
        language=cast(
            Language,
            _one_of({**env, LANGUAGE: overrides.get("language") or env.get(LANGUAGE) or "en"}, LANGUAGE, ("en", "vi")),
        ),
        answer_within=_seconds(ANSWER_WITHIN, env.get(ANSWER_WITHIN) or f"{Timeout.ANSWER.seconds:g}"),
        longest_wait=_seconds(LONGEST_WAIT, env.get(LONGEST_WAIT) or f"{_LONGEST_WAIT:g}"),
        free_disk=_megabytes(FREE_DISK, env.get(FREE_DISK) or f"{_FREE_DISK}"),
        lock_timeout=_seconds(LOCK_TIMEOUT, env.get(LOCK_TIMEOUT) or f"{_LOCK_TIMEOUT:g}"),
    )


def refuse_secret(option: str, value: str | None, setting: str) -> None:
    """Raises SecretOnCommandLine for a URL of the command line with a password, which belongs into a setting.

    A warning would be too late: by then the password is in the list of processes and in the shell's history.
    """
    if value is not None and holds_secret(value):
        raise SecretOnCommandLine(option=option, instead=setting)


def _default_log() -> Path:
    return user_data_path("dossier") / "dossier.sqlite"


def _views(url: str) -> Path | str:
    """The path of a file, or a connection string as PostgreSQL's own clients take it."""
    if not url.startswith(_POSTGRES):
        return _sqlite_path(VIEWS, url)
    # The driver repeats what it cannot read, and where a password is written badly, that is a part of it.
    before_host, _, rest = url.partition("://")[2].rpartition("@")
    query = rest.partition("?")[2]
    if (
        _BAD_ESCAPE.search(url)
        or not _USER_INFO.fullmatch(before_host)
        or not all(_PARAMETER.fullmatch(each) for each in query.split("&") if query)
    ):
        reason = pair("in names and passwords, characters like @ / ? & = % are written %40 %2F %3F %26 %3D %25")
        raise BadSetting(setting=VIEWS, value=url, reason=reason)
    return url


def _log(url: str, env: Mapping[str, str]) -> Path | KafkaSettings:
    if not url.startswith(_KAFKA):
        return _sqlite_path(LOG, url)
    # Only here: the clients of Kafka take their time to load, and an embedded log needs none.
    from infra.kafka.settings import from_url  # noqa: PLC0415

    return from_url(url, env, named_keys=env.get(KEYS))


def _beside(log: Path | KafkaSettings) -> Path:
    """Where the read models are when nothing else is said."""
    if isinstance(log, Path):
        return log.with_name(log.stem + "-views.sqlite")
    return log.index_dir / f"{log.app}-views.sqlite"


def _seconds(setting: str, value: str) -> float:
    if value.isdecimal() and int(value):
        return float(value)
    raise BadSetting(setting=setting, value=value, reason=pair("a number of seconds, from 1 on"))


def _megabytes(setting: str, value: str) -> int:
    if value.isdecimal():
        return int(value)
    raise BadSetting(setting=setting, value=value, reason=pair("a number of megabytes"))


def _sqlite_path(setting: str, url: str) -> Path:
    """The path in `sqlite:///relative/path` or `sqlite:////absolute/path`."""
    path = unquote(urlsplit(url).path)[1:] if url.startswith(_SCHEME) else ""
    if not path:
        raise BadSetting(
            setting=setting,
            value=url,
            reason=pair("a URL like sqlite:////var/lib/dossier/dossier.sqlite or kafka://HOST:PORT is expected"),
        )
    return Path(path).expanduser()


def _one_of(env: Mapping[str, str], setting: str, allowed: tuple[str, ...]) -> str:
    """The value of a setting; the first of those allowed when it is not set."""
    value = env.get(setting) or allowed[0]
    if value not in allowed:
        reason = pair("one of {choices}", choices=", ".join(allowed))
        raise BadSetting(setting=setting, value=value, reason=reason)
    return value


def _text(setting: str, value: str) -> str:
    """JSON itself, or the contents of the file that is named."""
    if value.lstrip().startswith(("[", "{")):
        return value
    try:
        return Path(value).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadSetting(setting=setting, value=value, reason_en=str(error), reason_vi=str(error)) from error
