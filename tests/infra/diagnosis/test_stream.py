"""The doctor on the public stream: a stranger's open transaction is named once it is older than it may be."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from infra.bootstrap import Application
from infra.clock import utc_now
from infra.delivery.kafka.topics import decisions_topic, ensure
from infra.dev.kafka import KafkaCluster
from infra.diagnosis.report import Report
from infra.diagnosis.stream import look_at_stream
from infra.kafka.settings import KafkaSettings
from infra.settings import load
from infra.timeouts import Timeout
from tests.support import hanging


def looked(folder: Path, seconds: float = 0.0) -> Report:
    """What is found on an embedded log, by a clock that is ahead."""
    report = Report()
    with Application(
        load({"DOSSIER_LOG": f"sqlite:///{folder}/log.sqlite"}), clock=lambda: utc_now() + timedelta(seconds=seconds)
    ) as application:
        look_at_stream(report, application)
    return report


def test_an_open_transaction_is_shown_and_wrong_once_it_lasts(
    broker: KafkaCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = KafkaSettings(broker.bootstrap, f"t{uuid4().hex[:12]}")
    monkeypatch.setenv("DOSSIER_DECISIONS", f"kafka://{broker.bootstrap}?prefix={settings.app}")
    assert looked(tmp_path).facts == {"stream": []}, "there is no stream yet"
    ensure(settings, 2)
    stranger = hanging.living(settings, decisions_topic(settings.app), 1)

    found = looked(tmp_path)
    assert [(each["partition"], each["transactional_id"]) for each in found.facts["stream"]] == [(1, stranger.name)]
    assert found.wrong == []
    (wrong,) = looked(tmp_path, 2 * Timeout.STREAM_UNDECIDED.seconds).wrong
    assert (wrong.error.code, wrong.error.details["partition"]) == ("STREAM_UNDECIDED", 1)
    assert "dossier decisions stream abort" in wrong.error.hint("en")
    assert "dossier decisions stream abort" in wrong.error.hint("vi")

    stranger.producer.abort_transaction(20)
    assert looked(tmp_path, 2 * Timeout.STREAM_UNDECIDED.seconds).wrong == []


def test_a_stream_that_nobody_named_is_not_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOSSIER_DECISIONS", raising=False)
    assert looked(tmp_path).facts == {}
