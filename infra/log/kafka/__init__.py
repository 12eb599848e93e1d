"""The log on Apache Kafka: a conditional append by the order of the log itself, as an `eventsourcing` module.

A partition is one total order that every reader sees alike. Each record names the hash of the record that it was built
on, and every reader accepts it if and only if that is the last accepted one (`acceptance`). Of two writers that build
on the same head, the one that comes first in the log has won, for everybody and for ever; the other reads that it lost,
and tries again on the new head (`committer`). No transactions, no fencing, no leases.
"""

from infra.log.kafka.factory import KafkaLogFactory

__all__ = ["KafkaLogFactory"]
