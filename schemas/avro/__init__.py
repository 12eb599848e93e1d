"""Avro of the events: derived schemas, released versions, codec, compatibility."""
