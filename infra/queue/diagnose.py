"""What an operator looks at: the connection, the topics, each partition's head and index, and who is how far behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError, RetriableError

from domain.errors import InfrastructureError
from infra.kafka.admin import ask
from infra.kafka.client import KafkaPartitionClient
from infra.kafka.errors import unreachable
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import Topic
from infra.log.errors import LogBroken
from infra.log.full_scan import check_whole
from infra.retry import Retry
from infra.timeouts import Timeout
from projections.engine.errors import ViewsAheadOfLog

if TYPE_CHECKING:
    from infra.bootstrap import Application


def diagnose(application: Application, *, whole: bool = False) -> dict[str, Any]:
    """Everything, as plain values; `whole`: every record is read again, beside the index.

    `wrong` holds what must be mended, in words; it is empty when all is well.

    topics      name → id and partitions, each checked for the settings that it must have
    partitions  per partition: head, index, what was ignored, open orphans, how many commands wait, and projection → how
                many events behind
    groups      group → member → its partitions
    """
    settings, topics = application.kafka, application.topics
    wrong: list[str] = []
    partitions = []
    for number in range(settings.partitions):
        try:
            partitions.append(_partition(application, number))
            if whole:
                check_whole(application, number)
        except InfrastructureError as error:
            wrong.append(f"partition {number}: {error.code}: {error}")
    wrong += [
        f"partition {found['partition']}: {LogBroken.code}: "
        f"the record at offset {orphan['offset']} was built on one that is not there"
        for found in partitions
        for orphan in found["orphans"]
    ]
    wrong += [
        f"partition {found['partition']}: {ViewsAheadOfLog.code}: {name} knows {-behind} events that are not there"
        for found in partitions
        for name, behind in found["behind"].items()
        if behind < 0
    ]
    groups = {name: _members(settings, f"{settings.app}.{name}") for name in ("worker", "projector")}
    if not groups["worker"]:
        wrong.append("no worker runs: commands wait")
    return {
        "log": settings.url,
        "cluster": topics.events.identity.cluster_id,
        "topics": {
            topic.name: {"id": str(topic.identity.topic_id), "partitions": topic.identity.partitions}
            for topic in topics
        },
        "partitions": partitions,
        "groups": groups,
        "wrong": wrong,
    }


def _partition(application: Application, number: int) -> dict[str, Any]:
    log, commands = application.kafka_reader, application.topics.commands
    log.refresh(number)
    head = log.state(number)
    position = head.state.position - 1
    handled = head.commands
    end = _end(application.kafka, commands, number)
    own = handled is not None and handled.topic_id == commands.identity.topic_id
    return {
        "partition": number,
        "record": head.state.number,
        "position": position,
        "offset": head.record_offset,
        "read_to": head.next_offset,
        "ignored": head.ignored._asdict(),
        "orphans": [{"offset": offset, "hash": found.hex()} for offset, found in sorted(head.state.orphans.items())],
        "commands_handled": handled.offset if handled is not None else None,
        "commands_waiting": end - (handled.offset + 1 if handled is not None and own else 0),
        "behind": _behind(application, number, position),
    }


def _behind(application: Application, number: int, position: int) -> dict[str, int]:
    with application.engine.reading() as snapshot:
        return {name: position - reached.get(number, 0) for name, reached in sorted(snapshot.positions.items())}


def _end(settings: KafkaSettings, topic: Topic, partition: int) -> int:
    client = KafkaPartitionClient(settings, topic, partition)
    try:
        return client.end()
    finally:
        client.close()


def _members(settings: KafkaSettings, group: str) -> dict[str, list[int]]:
    """Member → its partitions."""
    try:
        found = ask(settings, lambda admin: _described_group(admin, group))
    except KafkaError as error:
        raise unreachable(settings.url, error) from error
    return {
        f"{member['client_host']} {member['member_id']}": sorted(
            partition
            for topic in (member["member_assignment"] or {}).get("assigned_partitions", ())
            for partition in topic["partitions"]
        )
        for member in found["members"]
    }


def _described_group(admin: KafkaAdminClient, group: str) -> Any:
    """Asked again for a while: the first question about any group makes the cluster set up what keeps groups."""
    tries = Retry(Timeout.COORDINATOR)
    while True:
        try:
            return admin.describe_groups([group])[group]
        except RetriableError:
            if tries.is_over:
                raise
            tries.pause()
