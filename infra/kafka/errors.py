"""What can go wrong with Kafka. What can go wrong with a log on any tape stands in `infra.log.errors`.

InfrastructureError
└── UnsupportedKafkaPython   the library's version is not the one that its private parts are used of
LogUnusable
├── KafkaUnreachable   no broker answers, or not in time
│   └── KafkaRefused   a broker answers, and does not let this client in, or is not trusted
└── TopicUnusable      a topic breaks a rule of the log: the program refuses to write
"""

from __future__ import annotations

from eventsourcing.persistence import OperationalError
from kafka.errors import BrokerResponseError, KafkaError

from domain.errors import InfrastructureError
from infra.errors import LogUnusable


class ClientRejected(KafkaError):  # type: ignore[misc]  # kafka-python ships no types
    """The broker refuses this client or the other way round, and no other try mends that."""


class UnsupportedKafkaPython(InfrastructureError):
    """The installed kafka-python is not of the version whose private parts are used."""

    code = "KAFKA_PYTHON_UNSUPPORTED"


class KafkaUnreachable(LogUnusable, OperationalError):
    """No broker answers, or not in time. Whether something was appended may be unknown: sent again, it comes once."""

    code = "KAFKA_UNREACHABLE"


class KafkaRefused(KafkaUnreachable):
    """The user, the password, a certificate or the protocol is not the one that is wanted."""

    code = "KAFKA_REFUSED"


def unreachable(log: str, error: Exception) -> KafkaUnreachable:
    """The error that an error of kafka-python's means."""
    kind = KafkaRefused if isinstance(error, ClientRejected) else KafkaUnreachable
    return kind(log=log, reason=reason_of(error))


def reason_of(error: BaseException) -> str:
    """What an error of kafka-python's or of the system says, as a sentence."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    said = " ".join(map(_text, filter(None, error.args)))
    if not isinstance(error, BrokerResponseError):
        return said or f"it ended with {type(error).__name__}"
    said = said or str(getattr(error, "description", ""))
    return f"a broker answered {type(error).__name__}" + (f": {said}" if said else "")


def _text(part: object) -> str:
    return ":".join(map(str, part)) if isinstance(part, (tuple, list)) else str(part)


class TopicUnusable(LogUnusable, OperationalError):
    """A topic breaks a rule of the log."""

    code = "TOPIC_UNUSABLE"
