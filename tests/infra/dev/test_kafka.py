"""The development Kafka is real, and a test can break it broker by broker."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaConnectionError

from infra.dev.kafka import BOOTSTRAP_SERVERS, ENVIRONMENT, KafkaCluster, kafka, main, prepare, wipe
from infra.dev.kafka_jars import LOCK, KafkaUnavailable, class_path, read_lock
from tests.support.waiting import GUARD


@pytest.fixture(autouse=True)
def own_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(BOOTSTRAP_SERVERS, raising=False)


def brokers(cluster: KafkaCluster, ask: int = 1) -> set[int]:
    """The brokers that one of them knows, as soon as it answers: a client may first be sent to one that just died."""
    deadline = time.monotonic() + GUARD
    while True:
        try:
            admin = KafkaAdminClient(bootstrap_servers=cluster.node(ask).address)
            try:
                return {broker["broker_id"] for broker in admin.describe_cluster()["brokers"]}
            finally:
                admin.close()
        except KafkaConnectionError:
            if time.monotonic() > deadline:
                raise


def test_three_brokers_killed_paused_and_started_again(tmp_path: Path) -> None:
    """A dead broker leaves the cluster and comes back; a paused one is not dead."""
    with kafka(nodes=3, data_dir=tmp_path) as cluster:
        assert brokers(cluster) == {1, 2, 3}
        cluster.node(2).kill()
        assert cluster.node(2).pid() is None
        cluster.start(2)
        assert brokers(cluster) == {1, 2, 3}
        cluster.node(3).pause()
        cluster.node(3).resume()
        assert brokers(cluster, ask=3) == {1, 2, 3}
    assert [node.pid() for node in cluster.nodes] == [None, None, None]


def test_starts_stops_and_wipes_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What `make kafka-up`, `kafka-down` and `kafka-wipe` do; a second start finds the same ports."""
    folder = str(tmp_path / "kafka")
    main(["up", "--folder", folder])
    first, second, *_ = capsys.readouterr().out.splitlines()
    cluster = prepare(tmp_path / "kafka")
    assert first == f"KAFKA_BOOTSTRAP_SERVERS={cluster.bootstrap}"
    assert second == f"export DOSSIER_LOG='kafka://{cluster.bootstrap}?prefix=dossier&partitions=4'"
    assert (tmp_path / "kafka" / ENVIRONMENT).read_text().splitlines() == [second]
    with pytest.raises(SystemExit, match="has 1 brokers, not 3: wipe it first"):
        main(["up", "--folder", folder, "--nodes", "3"])
    assert cluster.node(1).log.exists()
    assert int(cluster.node(1).pid_file.read_text()) == cluster.node(1).pid()
    main(["down", "--folder", folder])
    assert cluster.node(1).pid() is None
    main(["wipe", "--folder", folder])
    assert not (tmp_path / "kafka").exists()
    capsys.readouterr()
    for verb in ("down", "wipe"):
        main([verb, "--folder", folder])
        assert capsys.readouterr().out == f"no cluster in {folder}\n"


def test_lends_a_cluster_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """KAFKA_BOOTSTRAP_SERVERS is used as it is, and cannot be broken from here."""
    monkeypatch.setenv(BOOTSTRAP_SERVERS, "kafka.example:9092")
    with kafka() as cluster:
        assert cluster.bootstrap == "kafka.example:9092"
        with pytest.raises(KafkaUnavailable, match="no broker 1"):
            cluster.node(1)


def test_wipes_nothing_that_is_not_ours(tmp_path: Path) -> None:
    """A folder without a cluster stays."""
    (tmp_path / "precious").touch()
    wipe(tmp_path)
    assert (tmp_path / "precious").exists()


def test_refuses_a_jar_that_is_not_the_locked_one(tmp_path: Path) -> None:
    """A changed file in the cache is found, and fetched anew the next time."""
    found = class_path()
    jar = read_lock()[0]
    own = Path(*jar.group.split("."), jar.artifact, jar.version, f"{jar.artifact}-{jar.version}.jar")
    (tmp_path / own).parent.mkdir(parents=True)
    shutil.copy(next(path for path in found if path.name == own.name), tmp_path / own)
    with (tmp_path / own).open("ab") as file:
        file.write(b"!")
    with pytest.raises(KafkaUnavailable, match="not the file that"):
        class_path(cache=tmp_path)
    assert not (tmp_path / own).exists()


def test_the_lock_names_no_address() -> None:
    """Coordinates and hashes alone."""
    assert "://" not in LOCK.read_text()
    assert len({(jar.group, jar.artifact) for jar in read_lock()}) == len(read_lock())
