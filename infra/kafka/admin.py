"""Questions to a cluster as a whole, with an admin client that lives as long as one question."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaConnectionError

from infra.kafka.settings import KafkaSettings

_T = TypeVar("_T")
_ASKS_FOR: Final = 10.0


def ask(settings: KafkaSettings, question: Callable[[KafkaAdminClient], _T]) -> _T:
    """What the cluster answers. Raises KafkaError.

    The client asks any broker that the cluster has named, and gives up when that one is down: then another is asked.
    """
    deadline = time.monotonic() + _ASKS_FOR
    while True:
        admin = KafkaAdminClient(**settings.client, request_timeout_ms=10_000)
        try:
            return question(admin)
        except KafkaConnectionError:
            if time.monotonic() > deadline:
                raise
        finally:
            admin.close()
        time.sleep(0.1)
