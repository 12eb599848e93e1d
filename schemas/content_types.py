"""What the records of each topic are: media types, which stand in a header of each record for people with kcat.

No reader of ours looks at them. A record of the log has 125 bytes before its Avro body, which names no schema itself:
its media type says where the body begins, and under which fingerprint the topic of schemas holds its schema.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from schemas.avro.registry import registry

_LOG_HEADER_LENGTH: Final = 125
_JSON: Final = "application/json"
_TYPES: Final = {
    "commands": _JSON,
    "replies": "text/plain; charset=utf-8",
    "dead-letters": _JSON,
    "schemas": _JSON,
}


@cache
def content_type_of(topic: str) -> str:
    """The media type of the records of a topic, by its name without the installation's prefix."""
    if topic != "events":
        return _TYPES[topic]
    schema = registry("log").newest["record"].fingerprint.hex()
    return f"application/vnd.dossier.record; avro-at={_LOG_HEADER_LENGTH}; schema={schema}"
