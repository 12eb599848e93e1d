"""Where a log on Kafka is and how it is reached: what is said is checked before anything is connected."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.delivery.settings import stream_settings
from infra.errors import BadSetting, without_secrets
from infra.kafka.errors import KafkaRefused
from infra.kafka.settings import from_environment, from_url
from infra.kafka.topics import exists
from infra.settings import load
from tests.support.certificates import Authority

HIDDEN = "geheim"
SCRAM = "security_protocol=SASL_SSL&sasl_mechanism=SCRAM-SHA-512&sasl_plain_username=dossier"


def test_a_url_says_everything_but_the_password() -> None:
    url = f"kafka://a:9093,[::1]:9094,c?prefix=p&partitions=4&replication=3&{SCRAM}"
    found = from_url(url, {"KAFKA_SASL_PLAIN_PASSWORD": "geheim"})
    assert (found.bootstrap, found.app, found.partitions, found.replication) == ("a:9093,[::1]:9094,c", "p", 4, 3)
    assert found.client["bootstrap_servers"] == ["a:9093", "[::1]:9094", "c"]
    assert found.client["sasl_plain_password"] == HIDDEN
    assert HIDDEN not in f"{found!r} {found.url}"


def test_the_nearest_password_counts(tmp_path: Path) -> None:
    """The URL's, then that of the file that it names, then the environment's, then that of the environment's file."""
    file = tmp_path / "password"
    file.write_text("mật khẩu của tệp\n", encoding="utf-8")
    environment = {"KAFKA_SASL_PLAIN_PASSWORD": "environment", "KAFKA_SASL_PLAIN_PASSWORD_FILE": str(file)}

    def password(url: str, env: dict[str, str]) -> object:
        return from_url(url, env).connection["sasl_plain_password"]

    url = f"kafka://a:9093?{SCRAM}"
    named = f"{url}&sasl_plain_password_file={file}"
    assert password(f"{named}&sasl_plain_password=a%2Bb", environment) == "a+b"
    assert password(named, environment) == "mật khẩu của tệp"
    assert password(url, environment) == "environment"
    assert password(url, {"KAFKA_SASL_PLAIN_PASSWORD_FILE": str(file)}) == "mật khẩu của tệp"


def test_the_environment_of_the_library_says_the_same() -> None:
    environment = {
        "KAFKA_BOOTSTRAP_SERVERS": "a:9093",
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SASL_MECHANISM": "PLAIN",
        "KAFKA_SASL_PLAIN_USERNAME": "dossier",
        "KAFKA_SASL_PLAIN_PASSWORD": "geheim",
    }
    assert from_environment(environment.get, "app").connection["sasl_plain_password"] == HIDDEN


def test_a_stream_is_on_the_logs_cluster_wherever_the_log_was_named() -> None:
    elsewhere = {"DOSSIER_LOG": "kafka://b:9092?prefix=environment"}
    assert stream_settings(None, elsewhere, log="kafka://a:9092?prefix=option").kafka.app == "option"
    assert stream_settings(None, elsewhere).kafka.app == "environment"
    assert stream_settings("kafka://c:9092?prefix=stream", elsewhere, log="sqlite:///log").kafka.app == "stream"


def test_a_password_of_the_environment_alone_changes_nothing() -> None:
    assert from_url("kafka://a:9092", {"KAFKA_SASL_PLAIN_PASSWORD": "geheim"}).connection == {}


@pytest.mark.parametrize(
    ("rest", "reason"),
    [
        ("a:9092?color=red", "unknown options: color"),
        ("a:port", "kafka://HOST:PORT"),
        (":9092", "kafka://HOST:PORT"),
        ("dossier:geheim@a:9092", "sasl_plain_"),
        ("a?security_protocol=TLS", "one of PLAINTEXT, SSL"),
        ("a?ssl_cafile=ca.pem", "security_protocol=SSL is needed"),
        ("a?security_protocol=SSL&sasl_plain_password=geheim", "security_protocol=SASL_SSL is needed"),
        ("a?security_protocol=SASL_SSL&sasl_mechanism=SCRAM-SHA-512", "SASL_SSL needs it"),
        (f"a?{SCRAM}", "SASL_SSL needs it"),
        (f"a?{SCRAM.replace('512', '1')}&sasl_plain_password=geheim", "one of PLAIN, SCRAM"),
        ("a?security_protocol=SSL&ssl_keyfile=key.pem", "ssl_keyfile needs it"),
        (f"a?{SCRAM}&sasl_plain_password_file=not-there", "No such file"),
        ("a?security_protocol=SSL&ssl_cafile=not-there", "No such file"),
        ("a?partitions=none&sasl_plain_password=geheim", "a number from 1 on"),
    ],
)
def test_what_cannot_be_used_is_said_without_its_secrets(rest: str, reason: str) -> None:
    with pytest.raises(BadSetting, match=reason) as raised:
        from_url(f"kafka://{rest}", {})
    assert HIDDEN not in str(raised.value)


def test_certificates_are_read_before_they_are_needed(tmp_path: Path) -> None:
    """Nobody is asked for a password at a terminal; what does not go together is said, then and later."""
    authority = Authority(tmp_path)
    certificate, made = authority.certificate("client")
    url = f"kafka://a:9093?security_protocol=SSL&ssl_certfile={certificate}&ssl_keyfile="
    locked = authority.key("client", made, "geheim")
    assert from_url(f"{url}{locked}", {"KAFKA_SSL_PASSWORD": "geheim"}).connection["ssl_password"] == HIDDEN
    for environment in ({}, {"KAFKA_SSL_PASSWORD": "another"}):
        with pytest.raises(BadSetting, match="do not go together"):
            from_url(f"{url}{locked}", environment)
    settings = from_url(f"{url}{locked}", {"KAFKA_SSL_PASSWORD": "geheim"})
    certificate.write_text("renewed by half", encoding="utf-8")
    with pytest.raises(KafkaRefused, match="do not go together"):
        exists(settings, "topic")
    with pytest.raises(BadSetting, match="nothing of the kind"):
        from_url(f"kafka://a:9093?security_protocol=SSL&ssl_cafile={locked}", {})


@pytest.mark.parametrize("url", ["kafkas://u:geheim@a?sasl_plain_password=geheim", "postgres://u:geheim@h"])
def test_a_url_of_no_known_kind_is_shown_without_its_secrets(url: str) -> None:
    with pytest.raises(BadSetting) as raised:
        load({"DOSSIER_LOG": url})
    assert HIDDEN not in str(raised.value)
    assert without_secrets("host=h password=geheim user=u") == "host=h password=… user=u"
