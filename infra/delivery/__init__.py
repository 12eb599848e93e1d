"""The ways of public decisions to those who subscribe: Kafka, webhooks, files."""
