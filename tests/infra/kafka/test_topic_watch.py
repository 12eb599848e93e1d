"""A running process looks at the settings of its topics again and again, halts where they are wrong, and goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest
from kafka.admin import KafkaAdminClient

from domain.errors import InfrastructureError
from infra.bootstrap import Application
from infra.dev.kafka import KafkaCluster
from infra.diagnosis.halts import halts
from infra.kafka.client import KafkaPartitionClient
from infra.kafka.errors import KafkaUnreachable, TopicUnusable
from infra.kafka.topic_watch import TopicWatch
from infra.kafka.topics import ensure, log_topic
from infra.log.errors import LogChanged
from infra.queue.topics import check_queue_topics
from infra.queue.worker_process import PartitionThread
from infra.settings import load
from tests.support.topic_settings import set_topic
from tests.support.waiting import wait_until
from tests.support.workload import lines

WRONG = TopicUnusable(log="kafka://x/y", reason="it forgets", mend="mend it")


class Topics:
    """What a look finds, how often it was looked, and a clock."""

    def __init__(self) -> None:
        self.found: InfrastructureError | None = None
        self.looks = 0
        self.time = 0.0
        self.watch = TopicWatch(self._look, seconds=60.0, again=1.0, now=lambda: self.time)

    def _look(self) -> None:
        self.looks += 1
        if self.found is not None:
            raise self.found

    def ask(self) -> InfrastructureError | None:
        """What whoever works is told."""
        try:
            self.watch.check()
        except InfrastructureError as error:
            return error
        return None

    def pass_time(self, seconds: float, looks: int) -> None:
        """The look that is due ends before anything else is asked."""
        self.time += seconds
        self.ask()
        wait_until(lambda: self.looks == looks)
        if self.watch._thread is not None:
            self.watch._thread.join()


def test_it_looks_once_a_minute_however_often_it_is_asked() -> None:
    topics = Topics()
    for second in range(60):
        topics.time = float(second)
        assert topics.ask() is None
    assert topics.looks == 0
    topics.pass_time(1.0, looks=1)
    assert [topics.ask() for _ in range(10)] == [None] * 10
    assert topics.looks == 1


def test_what_is_wrong_is_told_to_everybody_until_it_is_mended() -> None:
    """Then it is looked at every second, so that the work goes on soon."""
    topics = Topics()
    topics.found = WRONG
    topics.pass_time(60.0, looks=1)
    assert [topics.ask() for _ in range(3)] == [WRONG] * 3
    assert topics.looks == 1
    topics.time += 1.0
    assert topics.ask() is WRONG
    topics.found = None
    topics.time += 1.0
    assert topics.ask() is None
    assert topics.looks == 3


def test_brokers_that_do_not_answer_say_nothing_about_the_topics() -> None:
    """Neither that they are wrong nor that they were mended."""
    topics = Topics()
    topics.found = KafkaUnreachable(log="kafka://x/y", reason="away")
    topics.pass_time(60.0, looks=1)
    assert topics.ask() is None
    topics.found = WRONG
    topics.pass_time(60.0, looks=2)
    topics.found = KafkaUnreachable(log="kafka://x/y", reason="away")
    topics.time += 1.0
    assert topics.ask() is WRONG


@pytest.fixture
def made(broker: KafkaCluster, tmp_path: Path) -> Iterator[Application]:
    """A process that looks all the time."""
    url = f"kafka://{broker.bootstrap}?prefix=w{uuid4().hex[:12]}&index={tmp_path}"
    with Application(load({}, log=url), create=True) as found:
        found.__dict__["topic_watch"] = TopicWatch(
            lambda: check_queue_topics(found.kafka, found.topics), seconds=0.0, again=0.0
        )
        yield found


def _set(made: Application, topic: str, **configs: str) -> None:
    wanted = {name.replace("_", "."): value for name, value in configs.items()}
    with closing(KafkaAdminClient(bootstrap_servers=made.kafka.bootstrap)) as admin:
        set_topic(admin, topic, wanted)


@pytest.mark.parametrize("which", ["events", "commands", "replies", "dead_letters"])
def test_a_worker_halts_before_it_acknowledges_more_and_goes_on_by_itself(made: Application, which: str) -> None:
    """Whichever of its topics it is about. The error says how to mend it, which is done here."""
    way = [line.encode() for _, line in zip(range(4), lines(1), strict=False)]
    worker = PartitionThread(made, 0)
    worker.start()
    try:
        assert all(answer.outcome == "accepted" for answer in made.gateway.submit(way[:2])())
        topic = getattr(made.topics, which).name
        _set(made, topic, message_timestamp_type="CreateTime", unclean_leader_election_enable="true")
        wait_until(lambda: bool(halts(made.settings.state_dir)))
        (halt,) = halts(made.settings.state_dir)
        assert halt.code == "TOPIC_UNUSABLE"
        assert topic in halt.reason.en
        changes = "message.timestamp.type=LogAppendTime,unclean.leader.election.enable=false"
        assert f"kafka-configs.sh --alter --topic {topic} --add-config {changes}" in halt.hint.en
        with closing(KafkaPartitionClient(made.kafka, made.topics.commands, 0)) as client:
            offset = client.send_durably([(None, line) for line in way[2:]])
        with pytest.raises(TopicUnusable):
            made.gateway.submit(way[2:])
        with pytest.raises(TopicUnusable):
            made.kafka_reader.refresh(0)
        _set(made, topic, message_timestamp_type="LogAppendTime", unclean_leader_election_enable="false")

        def handled() -> int:
            found = made.kafka_reader.state(0).commands
            return found.offset if found is not None else -1

        wait_until(lambda: handled() > offset)
        wait_until(lambda: not halts(made.settings.state_dir))
    finally:
        worker.stopped.set()
        worker.join()


def test_a_topic_that_was_deleted_is_not_made_again_by_a_look(made: Application) -> None:
    name = made.topics.dead_letters.name
    with closing(KafkaAdminClient(bootstrap_servers=made.kafka.bootstrap)) as admin:
        admin.delete_topics([name])
        wait_until(lambda: name not in admin.list_topics())
        check_queue_topics(made.kafka, made.topics)
        assert name not in admin.list_topics()


def test_a_topic_that_was_made_anew_is_another_one(made: Application) -> None:
    """So that a worker to which nobody gives commands any more halts too."""
    before = made.topics.events
    with closing(KafkaAdminClient(bootstrap_servers=made.kafka.bootstrap)) as admin:
        admin.delete_topics([before.name])
        wait_until(lambda: before.name not in admin.list_topics())
    (now,) = ensure(made.kafka, [log_topic(made.kafka, before.name)])
    with pytest.raises(LogChanged, match=str(now.identity.topic_id)):
        check_queue_topics(made.kafka, made.topics)
