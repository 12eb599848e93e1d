"""The public stream on Kafka: topics, records, transactions, and the tail from which progress is read."""
