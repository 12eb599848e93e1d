"""Questions to a cluster as a whole, with an admin client that lives as long as one question."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaConnectionError, KafkaTimeoutError, RequestTimedOutError

from infra.kafka.settings import KafkaSettings
from infra.retry import Retry
from infra.timeouts import Timeout

_T = TypeVar("_T")


def ask(settings: KafkaSettings, question: Callable[[KafkaAdminClient], _T]) -> _T:
    """What the cluster answers. Raises KafkaError.

    The client asks any broker that the cluster has named, and gives up when that one is down, or an answer is lost:
    then everything is asked again, and waited for longer.
    """
    tries = Retry(Timeout.CLUSTER)
    # It is asked while everything begins, which makes a busy machine slow.
    seconds = 2 * Timeout.LOST.seconds
    while True:
        admin = KafkaAdminClient(**settings.client, request_timeout_ms=int(1000 * seconds))
        try:
            return question(admin)
        except (KafkaConnectionError, KafkaTimeoutError, RequestTimedOutError):
            if tries.is_over:
                raise
        finally:
            admin.close()
        seconds = min(2 * seconds, Timeout.REQUEST.seconds)
        tries.pause()
