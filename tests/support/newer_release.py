"""A release after this one: it writes an event by a version of its schema that this release does not know."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy

import pytest

from schemas.avro import codec
from schemas.avro.registry import Registry, Released, registry


def next_version(event: str) -> Released:
    """The next version of an event's schema: it has one more field, which may be empty."""
    newest = registry().newest[event]
    schema = deepcopy(newest.schema)
    schema["fields"] = [*schema["fields"], {"name": "added_later", "type": ["null", "string"], "default": None}]
    return Released(event, newest.version + 1, schema)


@contextmanager
def newer_release(*events: str) -> Iterator[None]:
    """Within the block this process is that release: it writes and reads the next version of these events."""
    known, made = registry(), [next_version(event) for event in events]
    newer = Registry(
        by_header={**known.by_header, **{each.header: each for each in made}},
        newest={**known.newest, **{each.name: each for each in made}},
    )
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(codec, "registry", lambda: newer)
        codec.newest_readers.cache_clear()
        try:
            yield
        finally:
            codec.newest_readers.cache_clear()
