"""The doctor on a log on Kafka: what a worker would ask, of every partition, and what only an operator asks."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError, RetriableError

from consumers.commands.errors import OtherQueue
from consumers.commands.recording_clock import shown
from infra.diagnosis.events import look_at_events
from infra.diagnosis.findings import CommandsWaiting, IndexDiffers, MomentWrong, NoWorker
from infra.diagnosis.machine import WorkDone, look_at_clock, look_at_disks, look_at_halts, note_disk
from infra.diagnosis.marks import mark_index
from infra.diagnosis.moments import doubtful
from infra.diagnosis.read_models import look_at_read_models
from infra.diagnosis.report import Report
from infra.diagnosis.stream import look_at_stream
from infra.diagnosis.writer_key import look_at_writer_key
from infra.kafka.admin import ask
from infra.kafka.client import KafkaPartitionClient
from infra.kafka.errors import unreachable
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import Topic
from infra.log.format import Format, read_header
from infra.log.full_scan import check_whole
from infra.log.index_comparison import first_difference
from infra.log.kafka.index_paths import index_files
from infra.log.kafka.renewal import log_changed, made_anew
from infra.log.kafka.source import KafkaSource
from infra.log.partition_client import Record
from infra.queue.comparison import check_queue
from infra.queue.passed_over import count_passed_over
from infra.retry import Retry
from infra.timeouts import Timeout
from schemas.avro.codec import decode_event

if TYPE_CHECKING:
    from infra.bootstrap import Application


def diagnose(application: Application, *, whole: bool = False) -> Report:
    """Everything; `whole`: every record is read again, and indexes and read models are compared with what it leads to.

    facts:
    log, cluster
    topics            name → id and partitions, each checked for the settings that it must have
    partitions        per partition: head, index, what was ignored, open orphans, commands that wait, and the oldest
    passed_over       per partition: dead letters that wait, and what is none in the topics of letters and replies
    groups            group → member → its partitions
    behind            read model → partition → events
    stream            open transactions in the topic of the public decisions
    disks             folder, or broker and folder → free megabytes
    clock             of this computer, and the last moment that a broker stamped
    halted            processes of this machine that halted
    doubtful_moments  with `whole`: recorded moments that cannot be right
    """
    diagnosis = _Diagnosis(application)
    with diagnosis.at_end:
        return diagnosis.look(whole=whole)


@dataclass(slots=True)
class _Diagnosis:
    application: Application
    report: Report = field(default_factory=Report)
    heads: dict[int, int] = field(default_factory=dict)
    handled: dict[int, int] = field(default_factory=dict)
    appended: dict[int, datetime] = field(default_factory=dict)
    """When facts or answers were appended last, by partition."""
    stamps: list[int] = field(default_factory=list)
    """When a broker stamped records, in milliseconds since 1970."""
    differs: bool = False
    """Whether an index of this machine does."""
    at_end: ExitStack = field(default_factory=ExitStack)

    def look(self, *, whole: bool) -> Report:
        application, report = self.application, self.report
        settings, topics = application.kafka, application.topics
        report.facts |= {
            "log": settings.url,
            "cluster": topics.events.identity.cluster_id,
            "topics": {
                topic.name: {"id": str(topic.identity.topic_id), "partitions": topic.identity.partitions}
                for topic in topics
            },
            "partitions": [],
            "passed_over": [],
        }
        for number in range(settings.partitions):
            place: dict[str, str | int] = {"topic": topics.events.name, "partition": number}
            if whole:
                # First: what an index says is asked only where it is what the log led to.
                with report.taking(**place):
                    self._compare_indexes(number, place)
            with report.taking(**place):
                self._look_at_partition(number)
            with report.taking(topic=topics.replies.name, partition=number):
                passed_over = count_passed_over(application, number, whole=whole)
                report.facts["passed_over"].append({"partition": number, **passed_over._asdict()})
            if whole:
                self._look_at_whole(number, place)
        if 0 in self.heads:
            source = KafkaSource(settings, 0, topics.events)
            look_at_writer_key(report, source, application.kafka_reader.state(0).state)
        groups: dict[str, dict[str, list[int]]] = {}
        report.facts["groups"] = groups
        with report.taking():
            groups |= {name: _members(settings, f"{settings.app}.{name}") for name in ("worker", "projector")}
            if not groups["worker"]:
                report.add(NoWorker(), topic=topics.commands.name)
        projected = look_at_read_models(report, application, self.heads, whole=whole, keep=not self.differs)
        look_at_stream(report, application)
        self._look_at_machine(projected=projected)
        return report

    def _look_at_partition(self, number: int) -> None:
        application, report = self.application, self.report
        log, topics = application.kafka_reader, application.topics
        log.refresh(number)
        head = log.state(number)
        self.heads[number] = position = head.state.last_position
        found: dict[str, Any] = {
            "partition": number,
            "record": head.state.number,
            "position": position,
            "offset": head.record_offset,
            "read_to": head.next_offset,
            "ignored": head.ignored._asdict(),
            "orphans": [
                {"offset": offset, "hash": digest.hex()} for offset, digest in sorted(head.state.orphans.items())
            ],
            "commands_handled": head.commands.offset if head.commands is not None else None,
            "commands_waiting": 0,
            "oldest_waiting": None,
        }
        report.facts["partitions"].append(found)
        with report.taking(topic=topics.events.name, partition=number):
            log.check_whole(number)
            self._look_at_last(number, head.record_offset)
        first = 0
        if head.commands is not None:
            theirs, ours = head.commands.topic_id, topics.commands.identity.topic_id
            if theirs != ours:
                raise OtherQueue(partition=number, handled=str(theirs), queue=str(ours))
            first = head.commands.offset + 1
        self.handled[number] = first
        with report.taking(topic=topics.commands.name, partition=number, offset=first - 1):
            self._look_at_queue(number, first, found)

    def _look_at_last(self, number: int, offset: int | None) -> None:
        """Compare the last fact's recorded moment with the stamp of the record that brought it."""
        position, topic = self.heads[number], self.application.topics.events
        last = _record_at(self.application.kafka, topic, number, offset) if offset is not None else None
        if last is not None:
            self.stamps.append(last.appended_at)
        header = read_header(last.value) if last is not None else None
        if last is None or header is None:
            return
        if header.format == Format.APPENDS:
            self.appended[number] = _moment(last.appended_at)
        if not header.events:
            return
        for event in self.application.log.read(number, position - 1, 1):
            recorded, stamped = decode_event(event).timestamp, _moment(last.appended_at)
            if doubtful([recorded], self.application.clock(), [stamped]):
                wrong = MomentWrong(recorded=shown(recorded), known=shown(stamped))
                self.report.add(wrong, topic=topic.name, partition=number, offset=last.offset, position=position)

    def _look_at_queue(self, number: int, first: int, found: dict[str, Any]) -> None:
        """The oldest command that no worker has handled, and for how long it has waited. Raises QueueCut."""
        application, topic = self.application, self.application.topics.commands
        client = KafkaPartitionClient(application.kafka, topic, number)
        try:
            check_queue(client, topic, number, application.kafka_reader.last_handled(number))
            # Kafka's own marks take offsets too, and wait for nobody: so not all behind `first` need be a command.
            oldest = next((record for fetched in client.read(first) for record in fetched.records), None)
            end = client.end()
        finally:
            client.close()
        if oldest is None:
            return
        self.stamps.append(oldest.appended_at)
        since = _moment(oldest.appended_at)
        seconds = (application.clock() - since).total_seconds()
        found["commands_waiting"] = end - oldest.offset
        found["oldest_waiting"] = {"offset": oldest.offset, "since": since, "seconds": round(seconds, 3)}
        if seconds > application.settings.longest_wait:
            self.report.add(
                CommandsWaiting(count=end - oldest.offset, since=shown(since), minutes=seconds / 60),
                topic=topic.name,
                partition=number,
                offset=oldest.offset,
            )

    def _look_at_whole(self, number: int, place: dict[str, str | int]) -> None:
        """Read every record by the rule; then every event."""
        application, report = self.application, self.report
        with report.taking(**place):
            known = application.kafka_reader.state(number) if number in self.heads else None
            unsigned = check_whole(self._source(number, application.kafka.index_dir), known)
            if unsigned is not None:
                report.add(unsigned.error, **place)
        if number in self.heads:
            with report.taking(**place):
                look_at_events(report, application, number)

    def _source(self, number: int, index_dir: Path) -> KafkaSource:
        application = self.application
        return KafkaSource(replace(application.kafka, index_dir=index_dir), number, application.topics.events)

    def _compare_indexes(self, number: int, place: dict[str, str | int]) -> None:
        """Make an index anew, and compare all of this machine."""
        kafka = self.application.kafka
        paths, source = index_files(kafka, number), self._source(number, kafka.index_dir)
        with made_anew(source) as (made, wrong_record):
            if wrong_record is not None:
                self.report.add(wrong_record, **place)
            for path in paths:
                difference = first_difference(path, made)
                if difference is None:
                    mark_index(path, None)
                else:
                    # Only then: until its end the doctor reads on.
                    self.differs = True
                    self.at_end.callback(mark_index, path, difference.position)
                    changed = log_changed(source, path, difference)
                    wrong = changed or IndexDiffers(index=str(path), what=difference.what)
                    self.report.add(wrong, **place, position=difference.position)

    def _look_at_machine(self, *, projected: bool) -> None:
        application, report, settings = self.application, self.report, self.application.settings
        folders = [application.kafka.index_dir]
        folders += [settings.views.parent] if isinstance(settings.views, Path) else []
        look_at_disks(report, folders, settings.free_disk)
        with report.taking():
            for name, free in _free_at_brokers(application.kafka).items():
                note_disk(report, report.facts["disks"], name, free, settings.free_disk)
        look_at_clock(report, application.clock(), _moment(max(self.stamps)) if self.stamps else None)
        with report.taking():
            look_at_halts(report, application, WorkDone(self.handled, self.appended, projected=projected))


def _record_at(settings: KafkaSettings, topic: Topic, partition: int, offset: int) -> Record | None:
    client = KafkaPartitionClient(settings, topic, partition)
    try:
        fetched = next(iter(client.read(offset)), None)
    finally:
        client.close()
    return fetched.records[0] if fetched and fetched.records else None


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _free_at_brokers(settings: KafkaSettings) -> dict[str, int]:
    """Broker and folder → free bytes, of those that say so."""
    try:
        found = ask(settings, lambda admin: admin.describe_log_dirs())
    except KafkaError as error:
        raise unreachable(settings.url, error) from error
    return {
        f"broker {each['broker']}: {folder['log_dir']}": folder["usable_bytes"]
        for each in found
        for folder in each["log_dirs"]
        if folder.get("usable_bytes", -1) >= 0
    }


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
