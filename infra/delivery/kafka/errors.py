"""What can go wrong with the stream on Kafka.

InfrastructureError
├── StreamUnusable     no broker answers, or a topic is not what it must be
├── StreamUndecided    somebody's open transaction hides what stands behind it
└── RegistryUnusable   the schema registry does not answer, or refuses the schema
InvalidInput
└── TopicTaken         a topic that a replay may not write to
"""

from __future__ import annotations

from domain.errors import InfrastructureError, InvalidInput


class StreamUnusable(InfrastructureError):
    """The stream cannot be read or written."""

    code = "STREAM_UNUSABLE"


class StreamUndecided(InfrastructureError):
    """Somebody's transaction is open in a partition of the stream, and nobody decides it."""

    code = "STREAM_UNDECIDED"


class RegistryUnusable(InfrastructureError):
    """The schema registry."""

    code = "REGISTRY_UNUSABLE"


class TopicTaken(InvalidInput):
    """A topic of ours, into which nobody else may write."""

    code = "TOPIC_TAKEN"
