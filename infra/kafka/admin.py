"""Questions to a cluster as a whole, with an admin client that lives as long as one question."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaConnectionError

from infra.kafka.settings import KafkaSettings
from infra.retry import Retry
from infra.timeouts import Timeout

_T = TypeVar("_T")


def ask(settings: KafkaSettings, question: Callable[[KafkaAdminClient], _T]) -> _T:
    """What the cluster answers. Raises KafkaError.

    The client asks any broker that the cluster has named, and gives up when that one is down: then another is asked.
    """
    tries = Retry(Timeout.CLUSTER)
    while True:
        admin = KafkaAdminClient(**settings.client, request_timeout_ms=Timeout.REQUEST.milliseconds)
        try:
            return question(admin)
        except KafkaConnectionError:
            if tries.is_over:
                raise
        finally:
            admin.close()
        tries.pause()
