"""PERSISTENCE_MODULE=dossier.persistence.kafka: the log on Kafka, configured by KAFKA_… settings."""

from infra.log.kafka import KafkaLogFactory

__all__ = ["KafkaLogFactory"]
