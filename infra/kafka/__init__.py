"""The clients of Kafka: connection, security, topics, one partition of a topic, consumer group.

`outages.md` says what an outage of the brokers costs; `private_protocol.md` why requests are our own.
"""
