"""Commands on a queue, answers to them, dead letters, and the consumer groups: what stands around the log on Kafka."""
