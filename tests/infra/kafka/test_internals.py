from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import kafka
import pytest
from kafka.errors import KafkaConnectionError
from kafka.net.transport import KafkaTCPTransport

from infra.kafka import internals
from infra.kafka.errors import UnsupportedKafkaPython

ROOT = Path(__file__).parents[3]
PRIVATE = r"(client|_client|producer|consumer|manager|sender|coordinator)\._[a-z]"


@pytest.mark.parametrize("version", ["2.3.0", "3.1.0", "3.0", "4.0.0"])
def test_another_kafka_python_is_named_with_what_to_do(version: str) -> None:
    """Its private parts may be other ones, and a fault there would look like a fault of the log."""
    with pytest.raises(UnsupportedKafkaPython, match=version) as raised:
        internals.check_version(version)
    assert "pip install 'kafka-python~=3.0.12'" in raised.value.hint()


def test_the_version_is_checked_before_anything_private_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what is missing there does not end in an error of Python's."""
    with monkeypatch.context() as patched:
        patched.setattr(kafka, "__version__", "2.3.0")
        patched.setitem(sys.modules, "kafka.net.compat", None)
        with pytest.raises(UnsupportedKafkaPython):
            importlib.reload(internals)
    internals.check_version(kafka.__version__)


class _EndedSocket:
    """A socket whose peer answered and went away before anybody read."""

    def __init__(self, *parts: bytes) -> None:
        self._parts = [*parts, b""]

    def recv(self, _size: int) -> bytes:
        return self._parts.pop(0) if len(self._parts) > 1 else self._parts[0]

    def getpeername(self) -> tuple[str, int]:
        return "127.0.0.1", 9092

    getsockname = getpeername


def test_an_answer_right_before_the_end_of_a_connection_is_read() -> None:
    """The data first, and the end at the next call; kafka-python gives both at once, and then drops the data."""
    data, error = KafkaTCPTransport(None, _EndedSocket(b"ans", b"wer"))._sock_recv()
    assert (data, type(error)) == (b"answer", KafkaConnectionError)
    receive = internals._data_before_end(KafkaTCPTransport(None, _EndedSocket(b"ans", b"wer"))._sock_recv)
    assert receive() == (b"answer", None)
    for _ in range(2):
        data, error = receive()
        assert (data, type(error)) == (b"", KafkaConnectionError)


def test_private_parts_are_used_in_one_file_alone() -> None:
    """Whoever raises the version of kafka-python has one file to look at."""
    found = subprocess.run(
        ["git", "grep", "-lE", PRIVATE, "--", "consumers", "infra", "projections"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout.split() == ["infra/kafka/internals.py"]
    protocol = subprocess.run(
        ["git", "grep", "-lE", r"from kafka\.(protocol|net|record|coordinator)", "--", "consumers", "infra"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert protocol.stdout.split() == ["infra/kafka/internals.py"]
