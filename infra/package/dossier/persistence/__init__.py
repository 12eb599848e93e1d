"""The logs as persistence modules of the `eventsourcing` library.

PERSISTENCE_MODULE=dossier.persistence.sqlite or dossier.persistence.kafka.
"""
