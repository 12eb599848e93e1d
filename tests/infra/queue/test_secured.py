"""A broker with TLS that asks for passwords or certificates: the whole way, and who is not let in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest
from kafka.errors import KafkaConnectionError

from infra.delivery.kafka.errors import StreamUnusable
from infra.delivery.kafka.topics import ensure
from infra.dev.kafka import kafka
from infra.dev.kafka_node import Node
from infra.dev.kafka_security import Security
from infra.dev.processes import Processes
from infra.kafka.client import KafkaPartitionClient
from infra.kafka.errors import KafkaRefused
from infra.kafka.internals import Client
from infra.kafka.settings import from_url
from infra.queue.topics import queue_topics
from tests.support import subscriber
from tests.support.certificates import Authority
from tests.support.waiting import GUARD, wait_until
from tests.support.workload import lines

USER, PASSWORD, KEY_PASSWORD = "dossier", "x+y%z-gate-1", "of the key-1"
WRONG = "wrong-gate-1"


@dataclass(frozen=True)
class Secured:
    """A broker, who signed its certificate, and files for its clients."""

    node: Node
    authority: Authority
    folder: Path

    def url(self, port: int | None, **options: str | Path) -> str:
        where = {"prefix": "secured", "partitions": "2", "index": self.folder / "index"}
        return f"kafka://127.0.0.1:{port}?{urlencode({**where, **options})}"

    def scram(self, **options: str | Path) -> str:
        """With a user, whose password the environment says."""
        told: dict[str, str | Path] = {
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": USER,
            "ssl_cafile": self.authority.file,
        }
        return self.url(self.node.sasl_port, **{**told, **options})

    def start(self, url: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        program = Path(sys.executable).with_name("dossier")
        return subprocess.Popen(
            [program, *arguments],
            env={**os.environ, "DOSSIER_LOG": url, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def commands(self) -> str:
        """A file of commands that lead to two decisions."""
        file = self.folder / "commands.jsonl"
        file.write_text("\n".join(lines(1)) + "\n", encoding="utf-8")
        return str(file)

    def run(self, url: str, *arguments: str, **environment: str) -> str:
        """What a program answers that is let in."""
        process = self.start(url, *arguments, **environment)
        out, err = process.communicate(timeout=GUARD)
        assert process.returncode == 0, out + err
        return out


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("secured")
    authority = Authority(folder)
    security = Security(authority.identity("127.0.0.1"), authority.file, {USER: PASSWORD})
    with kafka(1, folder / "kafka", security) as cluster:
        yield Secured(cluster.node(1), authority, folder)


def test_the_whole_way_with_a_password(secured: Secured) -> None:
    """Topics, queue, worker, projector, publisher and questions; the password stands in no log and no command line."""
    given: Mapping[str, str] = {"KAFKA_SASL_PLAIN_PASSWORD": PASSWORD}
    url, logs = secured.scram(), secured.folder / "log"
    running = Processes(url, logs, given)
    try:
        # None of them needs another one to have made the log.
        for name in ("publisher", "projector", "worker"):
            running.start(name, name)
        answers = secured.run(url, "apply", secured.commands(), **given).splitlines()
        assert {json.loads(answer)["ok"] for answer in answers} == {True}
        found = json.loads(secured.run(url, "doctor", "--json", **given))
        assert (found["wrong"], found["log"]) == ([], f"kafka://127.0.0.1:{secured.node.sasl_port}/secured.events")
        decisions = secured.run(url, "decisions", "tail", "--from", "beginning", "--no-follow", "--json", **given)
        assert len(decisions.splitlines()) == 2
        # Whether the publisher has made the topics yet or not.
        ensure(from_url(url, given), 2)
        wait_until(lambda: len(subscriber.read_all(secured.node.address, "secured.decisions", 2)) == 2)
        for name in ("worker", "projector", "publisher"):
            assert PASSWORD.encode() not in Path(f"/proc/{running.pid(name)}/cmdline").read_bytes()
    finally:
        running.stop()
    assert not [log for log in logs.iterdir() if PASSWORD in log.read_text(encoding="utf-8")]


def test_other_ways_in(secured: Secured) -> None:
    """A password in a file or in the URL, a list of revoked certificates, a certificate whose key has a password."""
    password = secured.folder / "password"
    password.write_text(f"{PASSWORD}\n", encoding="utf-8")
    certificate, made = secured.authority.certificate("client")
    with_certificate = secured.url(
        secured.node.tls_port,
        security_protocol="SSL",
        ssl_cafile=secured.authority.file,
        ssl_certfile=certificate,
        ssl_keyfile=secured.authority.key("client", made, KEY_PASSWORD),
    )
    told = {
        secured.scram(
            sasl_mechanism="PLAIN",
            sasl_plain_password_file=password,
            ssl_crlfile=secured.authority.revocations("nothing"),
        ): {},
        secured.scram(sasl_plain_password=PASSWORD): {"KAFKA_SASL_PLAIN_PASSWORD": "another"},
        with_certificate: {"KAFKA_SSL_PASSWORD": KEY_PASSWORD},
    }
    assert len({queue_topics(from_url(url, given), create=True) for url, given in told.items()}) == 1


def test_a_program_that_is_not_let_in_ends_and_says_why(secured: Secured) -> None:
    """By itself, with exit code 4 and no secret."""
    stranger = Authority(secured.folder, "stranger")
    asked = [
        ("invalid credentials", secured.scram(), ("apply", secured.commands())),
        ("invalid credentials", secured.scram(), ("worker",)),
        ("CERTIFICATE_VERIFY_FAILED", secured.scram(ssl_cafile=stranger.file), ("doctor",)),
        ("the port speaks TLS", secured.url(secured.node.sasl_port), ("status",)),
    ]
    started = [secured.start(url, *arguments, KAFKA_SASL_PLAIN_PASSWORD=WRONG) for _, url, arguments in asked]
    for (reason, *_), process in zip(asked, started, strict=True):
        out, err = process.communicate(timeout=GUARD)
        assert process.returncode == 4, out + err
        assert reason in err
        assert "KAFKA_REFUSED" in err
        assert "Traceback" not in err
        assert WRONG not in out + err


def test_every_refusal_is_named(secured: Secured) -> None:
    """A user, a certificate that is missing or revoked, and a stream on another cluster."""
    given = {"KAFKA_SASL_PLAIN_PASSWORD": WRONG}
    revoked = secured.authority.revocations("revoked", secured.folder / "127.0.0.1.pem")
    without = secured.url(secured.node.tls_port, security_protocol="SSL", ssl_cafile=secured.authority.file)
    for reason, url in (
        ("Invalid username or password", secured.scram(sasl_mechanism="PLAIN")),
        ("CERTIFICATE_REQUIRED", without),
        ("certificate revoked", secured.scram(ssl_crlfile=revoked)),
    ):
        with pytest.raises(KafkaRefused, match=reason):
            queue_topics(from_url(url, given), create=True)
    with pytest.raises(StreamUnusable, match="invalid credentials"):
        ensure(from_url(secured.scram(), given), 1)


def test_a_mechanism_that_the_broker_does_not_offer_is_refused(secured: Secured) -> None:
    """Always, although the broker ends the connection right behind its answer and both may be read at once."""
    given = {"KAFKA_SASL_PLAIN_PASSWORD": WRONG}
    url = secured.scram(sasl_mechanism="SCRAM-SHA-256")
    for _ in range(20):
        with pytest.raises(KafkaRefused, match="does not offer SCRAM-SHA-256"):
            queue_topics(from_url(url, given), create=True)


def test_a_session_that_is_over_is_renewed(secured: Secured) -> None:
    """Nothing is lost on the way of a client that was idle meanwhile: its record is known to be there."""
    settings = from_url(secured.scram(prefix="sessions", partitions="1"), {"KAFKA_SASL_PLAIN_PASSWORD": PASSWORD})
    client = KafkaPartitionClient(settings, queue_topics(settings, create=True).commands, 0)
    offsets = [client.send(b"one").result()]
    time.sleep(2.5)
    offsets.append(client.send(b"two").result())
    client.close()
    assert offsets == [0, 1]


def test_a_port_that_speaks_no_tls_is_given_up_in_the_end(secured: Secured) -> None:
    """A broker that is about to end breaks connections too, so it is tried until the time is over."""
    settings = from_url(secured.url(secured.node.port, security_protocol="SSL", ssl_cafile=secured.authority.file))
    client = Client(**settings.client)
    with pytest.raises(KafkaConnectionError, match="Handshake failed"):
        client.bootstrap(1.0)
    client.close()
