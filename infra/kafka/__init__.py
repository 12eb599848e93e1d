"""The clients of Kafka: connection, security, topics, one partition of a topic, consumer group."""
