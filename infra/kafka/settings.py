"""Where the log is: from the environment (KAFKA_…) or from a URL. How it is reached: see `security`.

kafka://HOST:PORT[,HOST:PORT]?prefix=dossier&partitions=4&replication=3&security_protocol=SSL&ssl_cafile=PATH
    &keys=FOLDER&identity=SHA-256
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from platformdirs import user_data_path

from domain.i18n import Text, pair
from infra.errors import BadSetting
from infra.kafka.errors import ClientRejected
from infra.kafka.internals import Client
from infra.kafka.security import OPTIONS, SECRETS, connection, tls_context
from infra.timeouts import Timeout

SCHEME: Final = "kafka"
_OPTIONS: Final = ("prefix", "partitions", "replication", "replies_days", "index", "keys", "identity")
_IDENTITY: Final = re.compile(r"[0-9a-f]{64}")
# HOST or HOST:PORT.
_PLACE: Final = re.compile(r"([^\s,@/:]+|\[[0-9a-fA-F:]+\])(:\d{1,5})?")


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """How a log on Kafka is reached.

    bootstrap      "host:port,host:port"
    app            the topics are `<app>.events`, `<app>.commands`, `<app>.replies` and `<app>.dead-letters`
    partitions     P, fixed when the topics are made
    replication    copies of each record, used when the topics are made; None: the cluster's default
    replies_days   days for which answers are kept, used when their topic is made
    index_dir      where the index files are
    keys_dir       the folder of this host's keys, which an operator made; None: the program makes its own
    own_keys_dir   where it makes them; None: beside the index files
    identity       the log's identity (32 bytes), the only one that is taken; None: whichever it has
    connection     security_protocol, ssl_…, sasl_…: options of kafka-python
    """

    bootstrap: str
    app: str = "dossier"
    partitions: int = 1
    replication: int | None = None
    replies_days: int = 7
    index_dir: Path = field(default_factory=lambda: user_data_path("dossier") / "kafka")
    keys_dir: Path | None = None
    own_keys_dir: Path | None = None
    identity: bytes | None = None
    connection: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def key_folder(self) -> Path:
        """Where this host's keys are."""
        return self.keys_dir or self.own_keys_dir or self.index_dir / "keys"

    @property
    def events_topic(self) -> str:
        """The name of the log's topic."""
        return f"{self.app}.events"

    @property
    def commands_topic(self) -> str:
        """The name of the queue of commands."""
        return f"{self.app}.commands"

    @property
    def replies_topic(self) -> str:
        """The name of the topic of answers."""
        return f"{self.app}.replies"

    @property
    def dead_letters_topic(self) -> str:
        """The name of the topic of commands that could not be handled."""
        return f"{self.app}.dead-letters"

    @property
    def url(self) -> str:
        """The log's name for messages, without secrets."""
        return self.url_of(self.events_topic)

    def url_of(self, topic: str) -> str:
        """A topic's name for messages, without secrets."""
        return f"{SCHEME}://{self.bootstrap}/{topic}"

    @property
    def client(self) -> dict[str, Any]:
        """What every client of kafka-python is made with. Raises ClientRejected, as connecting does."""
        try:
            context = tls_context(self.connection)
        except BadSetting as error:
            # While a process runs, its certificates are renewed: they may not fit for a moment.
            raise ClientRejected(error.message()) from error
        return {
            "bootstrap_servers": self.bootstrap.split(","),
            "kafka_client": Client,
            "bootstrap_timeout_ms": Timeout.CONNECT.milliseconds,
            **self.connection,
            "ssl_context": context,
        }


def from_url(url: str, environment: Mapping[str, str] | None = None, *, named_keys: str | None = None) -> KafkaSettings:
    """The settings that a URL holds; passwords that it leaves out are in KAFKA_… of the environment.

    `named_keys`: the folder of keys where the URL names none.

    Raises BadSetting.
    """
    env = os.environ if environment is None else environment
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    unknown = ", ".join(sorted(options.keys() - {*_OPTIONS, *OPTIONS}))
    if unknown:
        raise _bad(url, pair("unknown options: {options}", options=unknown))
    if "@" in parts.netloc:
        raise _bad(url, pair("user and password are options (sasl_plain_…)"))
    if parts.scheme != SCHEME or not all(map(_PLACE.fullmatch, parts.netloc.split(","))):
        raise _bad(url, pair("kafka://HOST:PORT is expected"))

    def secret(option: str) -> str | None:
        return env.get(f"KAFKA_{option.upper()}") if option in SECRETS else None

    return _settings(parts.netloc, options.get, secret, named_keys=named_keys)


def from_environment(get: Callable[[str], str | None], app: str) -> KafkaSettings:
    """The settings of an environment: KAFKA_BOOTSTRAP_SERVERS and, if wanted, KAFKA_PREFIX, KAFKA_PARTITIONS, ….

    Raises OSError that names the key which is missing, as the library's own modules do; BadSetting.
    """
    bootstrap = get("KAFKA_BOOTSTRAP_SERVERS")
    if not bootstrap:
        raise OSError("Kafka bootstrap servers not found in environment with key: KAFKA_BOOTSTRAP_SERVERS")
    return _settings(bootstrap, lambda option: get(f"KAFKA_{option.upper()}"), app=app)


def _settings(
    bootstrap: str,
    option: Callable[[str], str | None],
    secret: Callable[[str], str | None] = lambda _option: None,
    app: str = "dossier",
    named_keys: str | None = None,
) -> KafkaSettings:
    index = option("index")
    replication = option("replication")
    keys = option("keys") or named_keys
    return KafkaSettings(
        bootstrap=bootstrap,
        app=option("prefix") or app,
        partitions=_number("partitions", option("partitions") or "1"),
        replication=_number("replication", replication) if replication else None,
        replies_days=_number("replies_days", option("replies_days") or "7"),
        **({"index_dir": Path(index)} if index else {}),
        keys_dir=Path(keys) if keys else None,
        identity=_identity(option("identity")),
        connection=connection(option, secret),
    )


def _bad(url: str, reason: Text) -> BadSetting:
    return BadSetting(setting="DOSSIER_LOG", value=url, reason=reason)


def _identity(value: str | None) -> bytes | None:
    if not value:
        return None
    if not _IDENTITY.fullmatch(value):
        raise BadSetting(setting="identity", value=value, reason=pair("64 hexadecimal digits in lower case"))
    return bytes.fromhex(value)


def _number(option: str, value: str) -> int:
    if value.isdecimal() and int(value):
        return int(value)
    raise BadSetting(setting=option, value=value, reason=pair("a number from 1 on"))
