"""The table of time-outs: every wait for Kafka that ends by itself, how long it lasts, and what it waits for.

`infra/kafka/outages.md` says what an outage of the brokers costs each command and process; its figures are these.
"""

from __future__ import annotations

from enum import Enum


class Timeout(Enum):
    """A time-out: its seconds, and what is waited for."""

    CONNECT = 30.0, "the first answer of any broker, by a client that has just begun"
    LOST = 2.0, "the answer to one request, before it counts as lost and is sent again; half as long again each time"
    REQUEST = 10.0, "the same, at most, of a broker that is slow; the copies of a record in sync included"
    TOPIC_CHECK = 20.0, "the next look of a running process at the settings of its topics"
    TOPIC_RECHECK = 1.0, "the same where they were wrong"
    CLUSTER = 10.0, "a question to the cluster: its topics, their settings, the members of a group"
    COORDINATOR = 10.0, "the broker that keeps a group, when nobody asked about groups before"
    TOPIC_READY = 15.0, "a topic that was just made: its leaders, and its settings at all brokers"
    TOPIC_ID = 5.0, "a topic's id at all brokers, before a topic that nobody knows counts as deleted"
    LEADER = 10.0, "a new leader that learns how far the partition goes"
    READ = 60.0, "records, or the end of a partition, while no broker answers"
    APPEND = 60.0, "an append to the log whose outcome is not known"
    SEND = 60.0, "the acknowledgement of commands, replies, dead letters, and decisions by `publisher --once`"
    INDEX = 30.0, "another process that holds the readers' index and reads the log into it"
    SHOWN = 30.0, "read models that show a position they were told to show"
    GROUP_SESSION = 6.0, "a sign of life of a group's member, before its partitions go to others"
    GROUP_JOIN = 20.0, "a group's answer to a new member, before it begins anew"
    ANSWER = 60.0, "the next answer to a command (`DOSSIER_ANSWER_WITHIN`)"
    COMMAND_RESENT = 10.0, "an answer to a command, before the same command is sent again; doubled each time"
    RESTART = 1.0, "the first restart of a worker's partition or a projector after a failure; doubled each time"
    RESTART_LONGEST = 30.0, "the same, at most"
    STREAM_DELIVERY = 20.0, "a public decision's acknowledgement, and a producer's right to its partition"
    STREAM_OUTCOME = 22.0, "the outcome of a transaction of the public stream"
    STREAM_TRANSACTION = 15.0, "a publisher that died inside a transaction, before the broker aborts it"
    STREAM_UNDECIDED = 60.0, "a partition of the public stream that nobody decides, before its publisher halts"
    SCHEMAS = 10.0, "the topic of schemas, read and written"
    REGISTRY = 10.0, "the schema registry"

    def __init__(self, seconds: float, waits_for: str) -> None:
        self.seconds = seconds
        self.waits_for = waits_for
        self.milliseconds = int(seconds * 1000)
        """As kafka-python takes it."""


def as_markdown() -> str:
    """The table, as it stands in `infra/kafka/outages.md`."""
    rows = [f"| `{each.name}` | {each.seconds:g} | {each.waits_for} |" for each in Timeout]
    return "\n".join(["| name | seconds | waits for |", "| --- | --- | --- |", *rows]) + "\n"
