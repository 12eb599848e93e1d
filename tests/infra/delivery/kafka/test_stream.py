"""The stream on a real Kafka, looked at with librdkafka: each decision once, in order, whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from confluent_kafka import Producer
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from consumers.cloudevents import DecisionSerializer
from consumers.commands.ports import CommandKey, CommandOutcome
from consumers.publisher import PartitionPublisher, StreamAheadOfLog, StreamDiverged
from consumers.publisher_ports import OutcomeUnknown
from infra.delivery.kafka.encoding import FingerprintEncoding
from infra.delivery.kafka.errors import StreamUnusable, TopicTaken
from infra.delivery.kafka.producer import KafkaPartitionProducer, transactional_producer
from infra.delivery.kafka.stream import KafkaStream, publish_once, replay
from infra.delivery.kafka.topics import DECISIONS
from infra.dev.kafka import KafkaCluster
from infra.kafka.client import KafkaPartitionClient
from infra.kafka.schemas_topic import SCHEMAS, publish_schemas
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import TopicSpec, ensure, log_topic
from infra.log.kafka.log import KafkaLog
from infra.log.kafka.log_reader import SharedLog
from infra.views.sqlite import SQLiteViews
from projections.engine.errors import CannotApply, UnknownEvent
from schemas.avro.registry import every_schema
from tests.support import stranger, subscriber
from tests.support.event_builders import DossierHistory, FakeLog, province
from tests.support.feeds import decisions_of
from tests.support.publishers import publishers, stream_of
from tests.support.stranger import malformed_batches, produce
from tests.support.units import COMMUNE, DEPARTMENT, DISTRICT, UNITS
from tests.support.waiting import wait_until


@dataclass
class World:
    """A stream that nobody else uses."""

    settings: KafkaSettings
    log: FakeLog

    @property
    def topic(self) -> str:
        return f"{self.settings.app}.decisions"

    @property
    def serializer(self) -> DecisionSerializer:
        return DecisionSerializer(self.log.log_id, UNITS)

    def stream(self) -> KafkaStream:
        return stream_of(self.settings, self.log)

    def publisher(self) -> PartitionPublisher:
        """Of the first partition."""
        return publishers(self.log, self.stream())[0]

    def publish(self) -> int:
        """All that is left; returns how many decisions."""
        stream = self.stream()
        return publish_once(publishers(self.log, stream), stream)

    def seen(self) -> list[subscriber.Seen]:
        return subscriber.read_all(self.settings.bootstrap, self.topic, len(self.log.partitions))

    def records(self) -> list[dict[str, Any]]:
        known = subscriber.schemas(self.settings.bootstrap, self.settings.app)
        return [subscriber.decode(seen.value, known) for seen in self.seen()]


@pytest.fixture
def world(broker: KafkaCluster, log: FakeLog) -> World:
    return World(KafkaSettings(broker.bootstrap, f"t{uuid4().hex[:12]}"), log)


@pytest.fixture
def expected(world: World, tmp_path: Any) -> Iterator[Any]:
    """The decisions that the read model holds: made by another road than the publisher's."""
    with SQLiteViews(tmp_path / "v.sqlite") as views:
        decisions = decisions_of(world.log, views)
        yield lambda: [DecisionSerializer.typed(each.record) for each in decisions.all_after({})]


def three_units(log: FakeLog) -> None:
    for unit in (COMMUNE, DISTRICT, DEPARTMENT):
        DossierHistory(log, unit).until("announce")


def test_the_stream_holds_what_the_read_model_holds(world: World, expected: Any) -> None:
    province(world.log)
    assert world.publish() == len(expected())
    assert world.records() == expected()
    assert subscriber.faults(world.records()) == []


def test_a_second_run_publishes_what_is_new_and_nothing_again(world: World, expected: Any) -> None:
    three_units(world.log)
    assert world.publish() == 9
    assert world.publish() == 0
    DossierHistory(world.log, COMMUNE, year=2025).until("approve")
    assert world.publish() == 1 + 0
    assert world.records() == expected()


def test_records_are_cloud_events_keyed_by_unit(world: World) -> None:
    three_units(world.log)
    world.publish()
    records = world.records()
    for seen, record in zip(world.seen(), records, strict=True):
        headers = seen.headers
        assert seen.key == headers["ce_subject"] == headers["ce_partitionkey"] == record["unit"]["id"]
        assert headers["ce_specversion"] == "1.0"
        assert headers["ce_id"] == record["id"]
        assert headers["ce_type"] == f"dossier.decision.{record['kind']}"
        assert headers["ce_source"] == "/dossier/decisions"
        assert headers["ce_time"].endswith("Z")
        assert headers["content-type"] == "application/avro"
        assert headers["ce_dataschema"] == f"urn:avro:crc64:{seen.value[2:10].hex()}"
        assert headers["ce_sequence"] == str(record["sequence"])
        assert headers.get("ce_previousid") == record["previous_id"]
        assert all(name.removeprefix("ce_").isalnum() for name in headers if name.startswith("ce_"))


def test_each_partition_of_the_log_has_its_own(broker: KafkaCluster) -> None:
    world = World(KafkaSettings(broker.bootstrap, f"t{uuid4().hex[:12]}"), FakeLog(partitions=4))
    for unit in UNITS.communes_of("140")[:8]:
        DossierHistory(world.log, unit).until("announce")
    world.publish()
    for seen, record in zip(world.seen(), world.records(), strict=True):
        assert seen.partition == record["log"]["partition"]
    assert subscriber.faults(world.records()) == []
    assert len(world.records()) == 24


def test_what_was_begun_and_not_committed_is_no_part_of_it(world: World, expected: Any) -> None:
    """A publisher dies in the middle of a transaction; the next one does not wait for it."""
    three_units(world.log)
    stream = world.stream()
    dying = transactional_producer(world.settings, f"{world.topic}.0")
    dying.init_transactions()
    dying.begin_transaction()
    for _ in range(200):
        dying.send(world.topic, b"half", b"04630", partition=0)
    dying.flush(timeout=10)

    publish_once(publishers(world.log, stream), stream)

    assert world.records() == expected()
    uncommitted = subscriber.read_all(world.settings.bootstrap, world.topic, committed=False)
    assert len(uncommitted) == 200 + len(expected())
    assert world.publish() == 0
    dying.close(timeout=0)


def test_a_publisher_that_wakes_up_is_shut_out(world: World, expected: Any) -> None:
    three_units(world.log)
    old = world.publisher()
    old.step()
    world.publish()
    DossierHistory(world.log, UNITS.get("so-nv")).until("approve")
    with pytest.raises(OutcomeUnknown):
        old.step()
    # It reads the tail again, and is now the one that publishes.
    assert publish_once([old], world.stream()) == 2
    assert world.records() == expected()


def test_an_unknown_outcome_is_settled_by_the_tail(
    world: World, expected: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit is lost, or only its answer is: either way each decision comes once."""
    three_units(world.log)
    publisher, stream = world.publisher(), world.stream()
    answers = iter(["lost answer", "lost request", "lost answer"])
    publish = KafkaPartitionProducer.publish

    def lossy(line: KafkaPartitionProducer, decisions: Any) -> None:
        match next(answers, None):
            case "lost answer":
                publish(line, decisions[:2])
                raise OutcomeUnknown("the answer was lost")
            case "lost request":
                raise OutcomeUnknown("the request was lost")
            case _:
                publish(line, decisions)

    monkeypatch.setattr(KafkaPartitionProducer, "publish", lossy)
    publish_once([publisher], stream)
    assert world.records() == expected()


def test_a_stream_of_another_log_is_not_continued(world: World) -> None:
    three_units(world.log)
    world.publish()
    world.log.log_id = "another"
    with pytest.raises(StreamDiverged):
        world.publish()


def test_a_log_that_leads_to_something_else_is_not_published(world: World) -> None:
    DossierHistory(world.log).until("announce")
    world.publish()
    altered = FakeLog(world.log.log_id)
    DossierHistory(altered, UNITS.get("04633")).until("announce")
    with pytest.raises(StreamDiverged):
        World(world.settings, altered).publish()


def test_a_log_that_lost_its_end_is_not_published(world: World) -> None:
    three_units(world.log)
    world.publish()
    del world.log.events[0][-1]
    with pytest.raises(StreamAheadOfLog):
        world.publish()


def test_what_a_stranger_writes_into_the_stream_changes_nothing(world: World, expected: Any) -> None:
    DossierHistory(world.log).until("announce")
    world.publish()
    stranger = Producer({"bootstrap.servers": world.settings.bootstrap})
    for _ in range(100):
        stranger.produce(world.topic, b"hello", partition=0)
    stranger.flush(10)
    DossierHistory(world.log, DISTRICT).until("announce")
    assert world.publish() == 3
    ours = [seen for seen in world.seen() if "ce_id" in seen.headers]
    assert [seen.headers["ce_id"] for seen in ours] == [record["id"] for record in expected()]


def test_what_no_client_library_sends_keeps_no_publisher_from_its_tail(world: World, expected: Any) -> None:
    """Batches that kafka-python cannot read, or whose records give themselves offsets that they do not have."""
    three_units(world.log)
    world.publish()
    (decisions,) = ensure(world.settings, [TopicSpec(world.topic, 1, DECISIONS, survives=False)])
    disturb = partial(produce, world.settings, decisions, 0, *malformed_batches())
    assert any(isinstance(offset, int) for offset in disturb())
    assert world.publish() == 0
    DossierHistory(world.log, COMMUNE, year=2025).until("approve")
    disturb()
    assert world.publish() == 1
    disturb()
    assert world.publish() == 0
    known = subscriber.schemas(world.settings.bootstrap, world.settings.app)
    client = KafkaPartitionClient(world.settings, decisions, 0)
    values = [each.value or b"" for fetched in client.read(0) for each in fetched.records]
    client.close()
    ours = [value for value in values if value[:2] == b"\xc3\x01"]
    assert [subscriber.decode(value, known) for value in ours] == expected()


def test_what_is_no_schema_keeps_nobody_from_the_schemas(world: World) -> None:
    world.stream()
    (schemas,) = ensure(world.settings, [TopicSpec(f"{world.settings.app}.schemas", 1, SCHEMAS, survives=False)])
    for key in (b"\xff", b"key"):
        batches = [
            stranger.batch(stranger.record(value, key=key, headers=[(b"\xff", b"")]), 1) for value in (None, b"\xff")
        ]
        sent = produce(world.settings, schemas, 0, *batches, stranger.batch(stranger.record(None, key=key), 1))
        assert all(isinstance(offset, int) for offset in sent), sent
    assert publish_schemas(world.settings) == 0


def test_the_topic_of_schemas_holds_every_released_schema(world: World) -> None:
    world.stream()
    held = subscriber.schemas(world.settings.bootstrap, world.settings.app)
    assert {key.hex() for key in held} == every_schema().keys()
    assert publish_schemas(world.settings) == 0


def test_a_topic_that_forgets_is_refused(world: World) -> None:
    admin = KafkaAdminClient(bootstrap_servers=world.settings.bootstrap)
    admin.create_topics({world.topic: {"num_partitions": 1, "replication_factor": 1, "configs": {"retention.ms": "9"}}})
    admin.close()
    with pytest.raises(StreamUnusable, match=r"retention\.ms=-1"):
        world.stream()


def test_a_topic_that_begins_to_forget_stops_a_publisher_that_runs(world: World) -> None:
    """And it goes on once that is mended."""
    world.stream()
    stream = KafkaStream(world.settings, world.log.partitions, FingerprintEncoding(), check_every=0.0)
    said = ""

    def is_refused() -> bool:
        nonlocal said
        try:
            stream.check_topics()
        except StreamUnusable as error:
            said = str(error)
            return True
        return False

    with closing(KafkaAdminClient(bootstrap_servers=world.settings.bootstrap)) as admin:
        assert not is_refused()
        for value, refused in (("1000", True), ("-1", False)):
            admin.alter_configs(
                [ConfigResource(ConfigResourceType.TOPIC, world.topic, configs={"retention.ms": value})]
            )
            wait_until(lambda refused=refused: is_refused() is refused)  # type: ignore[misc]
    assert "retention.ms=-1" in said


def test_a_topic_with_another_number_of_partitions_is_refused(world: World) -> None:
    world.stream()
    world.log.partitions = range(3)
    with pytest.raises(StreamUnusable, match="partitions"):
        world.stream()


def test_a_replay_goes_to_a_topic_of_its_own_and_is_marked(world: World, tmp_path: Any) -> None:
    three_units(world.log)
    world.publish()
    before = world.seen()
    own = f"mine-{uuid4().hex[:8]}"
    admin = KafkaAdminClient(bootstrap_servers=world.settings.bootstrap)
    admin.create_topics({own: {"num_partitions": 1, "replication_factor": 1}})
    admin.close()
    with SQLiteViews(tmp_path / "r.sqlite") as views:
        decisions = decisions_of(world.log, views)
        chosen = decisions.of_unit(DISTRICT.id, "1")
        assert replay(world.settings, world.serializer, own, chosen, name="r-1") == 3
        with pytest.raises(TopicTaken):
            replay(world.settings, world.serializer, world.topic, chosen, name="r-1")
    replayed = subscriber.read_all(world.settings.bootstrap, own)
    assert {seen.headers["ce_replay"] for seen in replayed} == {"r-1"}
    original = [seen for seen in before if seen.key == DISTRICT.id]
    assert [seen.value for seen in replayed] == [seen.value for seen in original]
    assert [seen.headers["ce_id"] for seen in replayed] == [seen.headers["ce_id"] for seen in original]
    assert world.seen() == before


def test_an_event_that_is_unknown_stops_the_publisher_and_is_named(world: World, expected: Any) -> None:
    """What stands before it is published."""
    three_units(world.log)
    before = expected()
    world.log.add_raw(DossierHistory(world.log).id, "SomethingNew", b"")
    DossierHistory(world.log, COMMUNE, year=2025).until("approve")
    for _ in range(2):
        with pytest.raises(UnknownEvent, match="SomethingNew"):
            world.publish()
        assert world.records() == before


def test_a_log_without_its_beginning_stops_the_publisher(world: World) -> None:
    DossierHistory(world.log).until("approve")
    first = world.log.events[0][0]
    world.log.events[0] = [found for found in world.log.events[0] if found is not first]
    with pytest.raises(CannotApply, match="was not folded"):
        world.publish()


def test_the_log_on_kafka_is_published_as_well(world: World, expected: Any, tmp_path: Any) -> None:
    """Another process appends; the publisher reads through an index of its own."""
    bootstrap, app = world.settings.bootstrap, world.settings.app
    writer = KafkaLog(KafkaSettings(bootstrap, app, index_dir=tmp_path / "writer"))
    settings = KafkaSettings(bootstrap, app, index_dir=tmp_path / "reader")
    reader = SharedLog(settings, ensure(settings, [log_topic(settings, settings.events_topic)])[0])
    serializer = DecisionSerializer(reader.log_id, UNITS)
    (publisher,) = publishers(reader, stream_of(settings, reader))
    province(world.log)
    copied = 0
    for upto in (60, len(world.log.events[0])):
        stored = world.log.events[0][copied:upto]
        key = CommandKey(b"\0" * 6, UUID(int=upto))
        writer.append(0, copied, [CommandOutcome(key, b"\0" * 32, "{}", stored)])
        copied = upto
        publisher.step()
    publisher.close()
    writer.close()
    reader.close()
    world.log.log_id = serializer.log_id
    records = world.records()
    assert [record["id"] for record in records] == [record["id"] for record in expected()]
    assert {record["log"]["log_id"] for record in records} == {serializer.log_id}
