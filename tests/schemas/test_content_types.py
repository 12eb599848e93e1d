"""The media types of the topics' records."""

from __future__ import annotations

from infra.log.format import HEADER_LENGTH
from schemas.avro.registry import every_schema
from schemas.content_types import content_type_of


def test_a_record_of_the_log_says_where_its_body_begins_and_what_its_schema_is() -> None:
    kind, begins, schema = content_type_of("events").split("; ")
    assert kind == "application/vnd.dossier.record"
    assert begins == f"avro-at={HEADER_LENGTH}"
    assert '"name":"Record"' in every_schema()[schema.removeprefix("schema=")]
