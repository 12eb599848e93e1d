"""The settings of the public decisions: environment variables, read once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from domain.i18n import pair
from infra.delivery.webhooks.ssrf_guard import PORTS
from infra.errors import BadSetting
from infra.kafka.settings import SCHEME, KafkaSettings, from_url
from infra.settings import LOG, refuse_secret

STREAM: Final = "DOSSIER_DECISIONS"
REGISTRY: Final = "DOSSIER_DECISIONS_REGISTRY"
WEBHOOKS: Final = "DOSSIER_WEBHOOKS"
WEBHOOK_ALLOW: Final = "DOSSIER_WEBHOOK_ALLOW"
WEBHOOK_PORTS: Final = "DOSSIER_WEBHOOK_PORTS"
WEBHOOK_RETRIES: Final = "DOSSIER_WEBHOOK_RETRIES"
WEBHOOK_CA: Final = "DOSSIER_WEBHOOK_CA"

_LAST_PORT: Final = 65535
_LARGEST_DELAY: Final = 7 * 86400.0
RETRIES: Final = (5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 50400.0, 72000.0, 86400.0)
"""Seconds to wait after each failed try, as Standard Webhooks recommends; after the last one the decision is parked."""


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """Where subscriptions and deliveries are kept, and what webhooks may reach.

    allow     networks that a receiver may be in although they are not public
    ports     ranges of the ports that a receiver may have, in allowed networks too
    retries   seconds to wait after each failed try; one try more than there are waits
    ca_file   certificates to trust instead of the system's
    """

    path: Path
    allow: tuple[IPv4Network | IPv6Network, ...] = ()
    ports: tuple[range, ...] = PORTS
    retries: tuple[float, ...] = RETRIES
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """The stream on Kafka, and the schema registry's URL where one is used, which may hold a password."""

    kafka: KafkaSettings
    registry: str | None = field(default=None, repr=False)


def stream_settings(
    url: str | None = None, environment: Mapping[str, str] | None = None, *, log: str | None = None
) -> StreamSettings:
    """The cluster that a URL names (else DOSSIER_DECISIONS, else that of a log on Kafka).

    `url` and `log`, the log's URL where it is not DOSSIER_LOG, are of the command line. Raises BadSetting,
    SecretOnCommandLine.

    The URL has the form and the options of a log on Kafka: kafka://HOST:PORT[,HOST:PORT]?prefix=dossier&replication=3
    """
    env = os.environ if environment is None else environment
    refuse_secret("--stream", url, STREAM)
    refuse_secret("--log", log, LOG)
    given = url or env.get(STREAM)
    log = log or env.get(LOG, "")
    if not given and urlsplit(log).scheme == SCHEME:
        given = log
    if not given or urlsplit(given).scheme != SCHEME:
        raise BadSetting(
            setting=STREAM,
            value=given or "",
            reason=pair("a URL like kafka://broker:9092?prefix=dossier&replication=3 is expected"),
        )
    return StreamSettings(from_url(given, env), env.get(REGISTRY) or None)


def known_stream(log: Path | KafkaSettings, environment: Mapping[str, str] | None = None) -> KafkaSettings | None:
    """The cluster of the stream as far as it is known: DOSSIER_DECISIONS, else the log's. Raises BadSetting."""
    env = os.environ if environment is None else environment
    if env.get(STREAM):
        return stream_settings(None, env).kafka
    return None if isinstance(log, Path) else log


def webhook_settings(log: Path | KafkaSettings, environment: Mapping[str, str] | None = None) -> WebhookSettings:
    """The settings of webhooks; by default beside an embedded log, or beside the index of one on Kafka.

    Raises BadSetting.
    """
    env = os.environ if environment is None else environment
    path, ca_file = env.get(WEBHOOKS), env.get(WEBHOOK_CA)
    return WebhookSettings(
        path=Path(path).expanduser() if path else _beside(log),
        allow=tuple(_network(text.strip()) for text in env.get(WEBHOOK_ALLOW, "").split(",") if text.strip()),
        ports=_ports(env[WEBHOOK_PORTS]) if env.get(WEBHOOK_PORTS) else PORTS,
        retries=_retries(env[WEBHOOK_RETRIES]) if env.get(WEBHOOK_RETRIES) else RETRIES,
        ca_file=Path(ca_file).expanduser() if ca_file else None,
    )


def _beside(log: Path | KafkaSettings) -> Path:
    if isinstance(log, Path):
        return log.with_name(log.stem + "-webhooks.sqlite")
    return log.index_dir / f"{log.app}-webhooks.sqlite"


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text)
    except ValueError as error:
        raise BadSetting(
            setting=WEBHOOK_ALLOW,
            value=text,
            reason=pair("a network like 10.1.2.0/24 is expected ({error})", error=error),
        ) from error


def _ports(text: str) -> tuple[range, ...]:
    """Ports like `443,8000-8010`."""
    found = []
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        ends = [int(end) for end in (first, last or first) if end.isascii() and end.isdecimal()]
        if len(ends) != 2 or not 1 <= ends[0] <= ends[1] <= _LAST_PORT:  # noqa: PLR2004  # the first and the last one
            raise BadSetting(
                setting=WEBHOOK_PORTS,
                value=text,
                reason=pair("ports from 1 to 65535 are expected, for example 443,8000-8010"),
            )
        found.append(range(ends[0], ends[1] + 1))
    return tuple(found)


def _retries(text: str) -> tuple[float, ...]:
    try:
        delays = tuple(float(part) for part in text.split(","))
    except ValueError:
        delays = ()
    if not delays or not all(0 <= delay <= _LARGEST_DELAY for delay in delays):
        raise BadSetting(
            setting=WEBHOOK_RETRIES,
            value=text,
            reason=pair("seconds between tries are expected, for example 5,300,1800"),
        )
    return delays
