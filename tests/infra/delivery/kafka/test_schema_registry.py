"""With a schema registry: what Confluent's clients read, over its REST interface, on real HTTP."""

from __future__ import annotations

import json
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any
from uuid import uuid4

import fastavro
import pytest

from infra.delivery.kafka.errors import RegistryUnusable
from infra.delivery.kafka.schema_registry import register
from infra.delivery.kafka.stream import KafkaStream, encoding_of, publish_once
from infra.dev.kafka import KafkaCluster
from infra.errors import BadSetting
from infra.kafka.settings import KafkaSettings
from schemas.public_decision import newest
from tests.support import subscriber
from tests.support.event_builders import FakeLog, province
from tests.support.publishers import publishers


@dataclass
class Registry:
    """Schemas by number, as Confluent's registry keeps them; `refuses` is what it answers instead."""

    url: str = ""
    schemas: dict[int, str] = field(default_factory=dict)
    subjects: dict[str, list[int]] = field(default_factory=dict)
    credentials: set[str] = field(default_factory=set)
    refuses: tuple[int, dict[str, Any]] | None = None

    def register(self, subject: str, schema: str) -> int:
        """The number of a schema: the same for the same schema."""
        known = {text: number for number, text in self.schemas.items()}
        number = known.get(schema, 40 + len(self.schemas))
        self.schemas[number] = schema
        versions = self.subjects.setdefault(subject, [])
        if number not in versions:
            versions.append(number)
        return number


@contextmanager
def running() -> Iterator[Registry]:
    """A registry on 127.0.0.1 that knows POST /subjects/S/versions and GET /schemas/ids/N."""
    registry = Registry()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            _, subjects, subject, versions = self.path.split("/")
            assert (subjects, versions) == ("subjects", "versions")
            fastavro.parse_schema(json.loads(body["schema"]))
            if "authorization" in self.headers:
                registry.credentials.add(b64decode(self.headers["authorization"].split()[1]).decode())
            self.answer(*(registry.refuses or (200, {"id": registry.register(subject, body["schema"])})))

        def do_GET(self) -> None:
            self.answer(200, {"schema": registry.schemas[int(self.path.rpartition("/")[2])]})

        def answer(self, status: int, said: dict[str, Any]) -> None:
            self.send_response(status)
            self.send_header("content-type", "application/vnd.schemaregistry.v1+json")
            self.end_headers()
            self.wfile.write(json.dumps(said).encode())

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the library's word
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    registry.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()


def test_a_stream_in_the_registrys_format_is_read_with_the_registry_alone(broker: KafkaCluster) -> None:
    settings, log = KafkaSettings(broker.bootstrap, f"t{uuid4().hex[:12]}"), FakeLog()
    province(log)
    with running() as registry:
        for expected in (12, 0):
            stream = KafkaStream(settings, log.partitions, encoding_of(settings, registry.url))
            stream.prepare()
            # The tail is read from the headers: it does not matter how values are written.
            assert publish_once(publishers(log, stream), stream) == expected
        seen = subscriber.read_all(broker.bootstrap, f"{settings.app}.decisions")
        records = []
        for each in seen:
            assert each.value[0] == 0
            number = int.from_bytes(each.value[1:5], "big")
            assert each.headers["ce_dataschema"] == f"{registry.url}/schemas/ids/{number}"
            schema = fastavro.parse_schema(json.loads(registry.schemas[number]))
            records.append(fastavro.schemaless_reader(BytesIO(each.value[5:]), schema, None))
        assert registry.subjects == {f"{settings.app}.decisions-value": [40]}
    assert subscriber.faults(records) == []  # type: ignore[arg-type]
    assert len(records) == 12


def test_a_format_may_change_in_the_middle_of_a_stream(broker: KafkaCluster) -> None:
    settings, log = KafkaSettings(broker.bootstrap, f"t{uuid4().hex[:12]}"), FakeLog()
    province(log)
    later, log.events[0] = log.events[0], log.events[0][:60]

    def publish(registry: str | None) -> int:
        stream = KafkaStream(settings, log.partitions, encoding_of(settings, registry))
        stream.prepare()
        return publish_once(publishers(log, stream), stream)

    with running() as registry:
        first = publish(None)
        log.events[0] = later
        assert first + publish(registry.url) == 12
    seen = subscriber.read_all(broker.bootstrap, f"{settings.app}.decisions")
    assert {each.value[0] for each in seen} == {0x00, 0xC3}


def test_a_user_in_the_address_is_used_and_not_shown() -> None:
    with running() as registry:
        with_user = registry.url.replace("http://", "http://reader:p%40ss@")
        values = register(with_user, "dossier.decisions", newest().text)
        assert registry.credentials == {"reader:p@ss"}
        assert "reader" not in values.data_schema
        registry.refuses = (401, {"error_code": 401, "message": "no"})
        with pytest.raises(RegistryUnusable) as refused:
            register(with_user, "dossier.decisions", newest().text)
        assert "p%40ss" not in str(refused.value)


def test_a_refusal_is_told_in_the_registrys_words() -> None:
    with running() as registry:
        registry.refuses = (409, {"error_code": 409, "message": "Schema being registered is incompatible"})
        with pytest.raises(RegistryUnusable, match="incompatible"):
            register(registry.url, "dossier.decisions", newest().text)


def test_a_registry_that_is_not_there_is_named() -> None:
    with pytest.raises(RegistryUnusable, match=r"127\.0\.0\.1"):
        register("http://127.0.0.1:9", "dossier.decisions", "{}")
    with pytest.raises(BadSetting):
        register("kafka://a", "dossier.decisions", "{}")
