"""Settings of topics, as an administrator sets them."""

from __future__ import annotations

from collections.abc import Mapping

from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from tests.support.waiting import wait_until


def set_topic(admin: KafkaAdminClient, topic: str, wanted: Mapping[str, str]) -> None:
    """Set them, and wait until the broker has taken them up, which is a moment after its answer."""
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=dict(wanted))])
    resource = ConfigResource(ConfigResourceType.TOPIC, topic)

    def is_set() -> bool:
        found = admin.describe_configs([resource], config_filter="all")["topic"][topic]
        return all(found[name]["value"] == value for name, value in wanted.items())

    wait_until(is_set)
