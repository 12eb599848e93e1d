"""Subscribers that know nothing of us: the page's own examples in Python and Java; and Avro's word on the gate."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from uuid import uuid4

import pytest

from consumers.cloudevents import DecisionSerializer
from infra.delivery.kafka.stream import publish_once
from infra.dev.kafka import KafkaCluster
from infra.kafka.settings import KafkaSettings
from schemas.avro.compatibility import breaches
from schemas.public_decision import newest
from tests.infra.delivery import java
from tests.schemas.test_release import HARMLESS, PLANTED
from tests.support.event_builders import FakeLog, province
from tests.support.fold_stores import folded
from tests.support.publishers import publishers, stream_of
from tests.support.units import UNITS
from tests.support.waiting import GUARD

ROOT = Path(__file__).parents[3]


def block(language: str, holds: str) -> str:
    """The code block of the page on public decisions in a language that holds some words."""
    page = (ROOT / "infra/delivery/README.md").read_text(encoding="utf-8")
    for found in re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        if holds in found:
            return str(found)
    raise LookupError(f"the page has no {language} block with {holds}")


@pytest.fixture(scope="module")
def published_province(broker: KafkaCluster) -> tuple[str, str, list[str]]:
    """Bootstrap address, app, and the lines that a subscriber of the examples prints, partition by partition."""
    app = f"t{uuid4().hex[:12]}"
    log = FakeLog(partitions=2)
    province(log)
    serializer = DecisionSerializer(log.log_id, UNITS)
    settings = KafkaSettings(broker.bootstrap, app)
    stream = stream_of(settings, log)
    publish_once(publishers(log, stream), stream)
    expected = []
    for partition in log.partitions:
        for decision in folded(log, partition):
            record = serializer.record(decision)
            unit, number = record["unit"], record["decision"]["number"]
            expected.append(f"{unit['id']} {record['sequence']} {record['kind']} {number} {unit['name']}")
    return broker.bootstrap, app, expected


def test_the_pages_subscriber_in_python(published_province: tuple[str, str, list[str]], tmp_path: Path) -> None:
    bootstrap, app, expected = published_province
    script = tmp_path / "subscriber.py"
    code = block("python", "schemaless_reader")
    assert len(code.splitlines()) <= 35
    script.write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, script, bootstrap, app],
        capture_output=True,
        text=True,
        check=True,
        timeout=GUARD,
        cwd=tmp_path,
    )
    assert sorted(done.stdout.splitlines()) == sorted(expected)
    assert _per_unit(done.stdout.splitlines()) == _per_unit(expected)


def test_the_pages_subscriber_in_java(published_province: tuple[str, str, list[str]], tmp_path: Path) -> None:
    """Apache's own Kafka client and Avro library, which find the schema by its fingerprint."""
    bootstrap, app, expected = published_province
    source = tmp_path / "Subscriber.java"
    source.write_text(block("java", "BinaryMessageDecoder"), encoding="utf-8")
    printed = java.run(source, tmp_path, bootstrap, app).splitlines()
    assert sorted(printed) == sorted(expected)
    assert _per_unit(printed) == _per_unit(expected)


def _per_unit(lines: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in lines:
        found.setdefault(line.split()[0], []).append(line)
    return found


_COMPATIBILITY = """\
import java.nio.file.*;
import org.apache.avro.*;
import org.apache.avro.SchemaCompatibility.SchemaCompatibilityType;

public class Compatibility {
    public static void main(String[] files) throws Exception {
        Schema old = new Schema.Parser().parse(Files.readString(Path.of(files[0])));
        for (int at = 1; at < files.length; at++) {
            Schema changed = new Schema.Parser().parse(Files.readString(Path.of(files[at])));
            System.out.println(reads(changed, old) + " " + reads(old, changed));
        }
    }

    static boolean reads(Schema reader, Schema writer) {
        return SchemaCompatibility.checkReaderWriterCompatibility(reader, writer).getType()
            == SchemaCompatibilityType.COMPATIBLE;
    }
}
"""
_STRICTER = {
    "a day becomes a plain number",
    "microseconds become milliseconds",
    "a record moves to another namespace",
}
"""Where Avro would read the bytes, and they would mean something else."""


def test_the_gate_says_what_avros_own_library_says(tmp_path: Path) -> None:
    old = newest().schema
    changes = {**{name: change for name, (change, _) in PLANTED.items()}, **HARMLESS}
    files = [tmp_path / "old.avsc"]
    files[0].write_text(json.dumps(old), encoding="utf-8")
    ours = {}
    for name, change in changes.items():
        changed = deepcopy(old)
        change(changed)
        files.append(tmp_path / f"{len(files)}.avsc")
        files[-1].write_text(json.dumps(changed), encoding="utf-8")
        ours[name] = (not breaches(changed, old), not breaches(old, changed))
    source = tmp_path / "Compatibility.java"
    source.write_text(_COMPATIBILITY, encoding="utf-8")

    lines = java.run(source, tmp_path, *map(str, files)).splitlines()

    theirs = {name: tuple(word == "true" for word in line.split()) for name, line in zip(changes, lines, strict=True)}
    assert {name: said for name, said in ours.items() if name not in _STRICTER} == {
        name: said for name, said in theirs.items() if name not in _STRICTER
    }
    assert all(theirs[name] == (True, True) and ours[name] == (False, False) for name in _STRICTER)
