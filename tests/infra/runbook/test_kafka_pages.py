"""The pages about Kafka are followed from their first line on one broker, which a case may stop and start."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from infra.dev.kafka import KafkaCluster, kafka
from infra.kafka.client import KafkaPartitionClient
from infra.runbook.pages import page
from infra.timeouts import Timeout
from tests.infra.runbook.case import FREE, RECORD
from tests.infra.runbook.kafka_cases import KAFKA_CASES, KafkaPlace
from tests.infra.runbook.shell import commands_of, follow


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    with kafka(nodes=1, data_dir=tmp_path_factory.mktemp("kafka")) as made:
        yield made


@pytest.fixture
def place(
    cluster: KafkaCluster, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[KafkaPlace]:
    monkeypatch.setattr(Timeout.CONNECT, "milliseconds", 2_000)
    # One broker has no other leader that would have to learn how far a partition goes.
    monkeypatch.setattr(Timeout.LEADER, "seconds", 0.5)
    monkeypatch.setattr(KafkaPartitionClient, "lag", 0.5)
    found = KafkaPlace(tmp_path / request.node.callspec.params["code"].lower().replace("_", "-"), cluster)
    monkeypatch.chdir(found.folder)
    with found.stack:
        yield found


@pytest.mark.timeout(300)
@pytest.mark.parametrize("code", KAFKA_CASES)
def test_who_follows_a_page_about_kafka_has_a_log_in_order_that_records_again(code: str, place: KafkaPlace) -> None:
    """As the pages about an embedded log."""
    case = KAFKA_CASES[code]
    case.make(place)
    said = case.shown_by(place) if callable(case.shown_by) else place.run(*case.shown_by, code=4).err
    for each in (code, *case.also):
        assert f"{each}: " in said
        assert f"dossier explain {each}" in said
    text = page(code, "en")
    assert text is not None
    follow(place, commands_of(text, on_kafka=True))
    with ExitStack() as stack:
        if place.log.startswith("kafka:"):
            stack.enter_context(place.working())
        place.run(*RECORD)
    numbers = [each["number"] for each in place.rows("status")]
    assert {f"{unit}-CB-2024-1" for unit in (*case.still_held, FREE)} <= set(numbers)
