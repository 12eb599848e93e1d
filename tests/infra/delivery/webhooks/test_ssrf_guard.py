"""No subscriber's address leads into the operator's own network, unless the operator allowed that network."""

from __future__ import annotations

import random
import ssl
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import IPv4Address, IPv6Address, ip_network
from pathlib import Path

import pytest

from consumers.webhook_dispatcher import Delivery, DeliveryResult, Subscription
from infra.delivery.settings import webhook_settings
from infra.delivery.webhooks.http_client import WebhookClient
from infra.delivery.webhooks.signing import BadSecret, check_secret, new_secret
from infra.delivery.webhooks.ssrf_guard import (
    PORTS,
    BadReceiver,
    ForbiddenAddress,
    ForbiddenPort,
    Resolve,
    addresses,
    check_port,
    receiver,
    system_resolve,
)
from infra.errors import BadSetting
from tests.support.certificates import Authority
from tests.support.receivers import ANY_PORT
from tests.support.receivers import receiver as running_receiver
from tests.support.waiting import GUARD

ITEM = Delivery("live", "04630", 1, "650f51a8-3675-8b3e-8b74-cb4086f3018e", "{}")

FORBIDDEN = [
    "127.0.0.1", "127.255.255.254", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "169.254.169.254", "100.64.0.1", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1",
    "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.0.9", "192.0.0.10", "192.0.0.171", "192.88.99.1",
    "::1", "::", "fe80::1", "fc00::1", "fd12:3456::1", "ff02::1", "2001:db8::1", "fec0::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::", "2002:a00:1::",
    "2001:0:7f00:1::", "2001:0:4136:e378:8000:63bf:80ff:fffe",
    "2001::1", "2001:1::1", "2001:2::1", "2001:10::1", "2001:20::1", "2001:30::1", "2001:1ff:ffff::1",
    "3fff::1", "3fff:fff:ffff::1", "5f00::1", "100::1", "100:0:0:1::1", "200::1", "400::1", "4000::1", "e000::1",
    "64:ff9b:1::7f00:1", "64:ff9b:1::5db8:d822", "::127.0.0.1", "::93.184.216.34", "::ffff:0:7f00:1",
    "::ffff:192.88.99.1", "64:ff9b::c058:6301", "2002:c000:aa::1", "2606:2800:220:1:0:5efe:a00:1",
    "2606:2800:220:1:200:5efe:7f00:1", "fe80::5efe:5db8:d822",
]  # fmt: skip


def always(*found: str) -> Resolve:
    """A resolver to whom every name has these addresses."""

    def resolve(host: str, port: int) -> Sequence[str]:
        del host, port
        return found

    return resolve


@pytest.mark.parametrize("address", FORBIDDEN)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    to = receiver("https://subscriber.vn/hook")
    with pytest.raises(ForbiddenAddress):
        addresses(to, (), always(address))


PUBLIC = [
    "93.184.216.34", "1.1.1.1", "192.0.1.1", "192.88.98.1", "192.88.100.1", "198.17.255.255", "223.255.255.255",
    "2606:2800:220:1:248:1893:25c8:1946", "2001:200::1", "2001:4860:4860::8888", "2003::1", "2620:4f:8000::1",
    "3ffe::1", "3fff:1000::1", "64:ff9b::5db8:d822", "::ffff:93.184.216.34", "2002:5db8:d822::1",
]  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_reached_by_https_alone(address: str) -> None:
    assert addresses(receiver("https://subscriber.vn/"), (), always(address)) == [address]
    with pytest.raises(ForbiddenAddress, match="https"):
        addresses(receiver("http://subscriber.vn/"), (), always(address))


def test_every_address_is_judged_as_the_registries_say_whatever_pythons_release_knows() -> None:
    """What Python calls not global is refused, and what it does not know of is in our own table."""
    to, rng = receiver("https://subscriber.vn/hook"), random.Random(29)
    for _ in range(20_000):
        for address in (IPv4Address(rng.getrandbits(32)), IPv6Address(rng.getrandbits(125) | 1 << 125)):
            if address.is_global and not address.is_multicast and not address.is_reserved:
                continue
            with pytest.raises(ForbiddenAddress):
                addresses(to, (), always(str(address)))


def test_one_forbidden_address_among_several_is_enough() -> None:
    with pytest.raises(ForbiddenAddress):
        addresses(receiver("https://a.vn/"), (), always("93.184.216.34", "10.0.0.1"))


def test_an_allowed_network_is_reached_and_no_other() -> None:
    allow = (ip_network("10.1.2.0/24"), ip_network("fd00::/8"))
    assert addresses(receiver("http://a.vn/"), allow, always("10.1.2.3")) == ["10.1.2.3"]
    assert addresses(receiver("https://a.vn/"), allow, always("fd00::1")) == ["fd00::1"]
    assert addresses(receiver("https://a.vn/"), allow, always("::ffff:10.1.2.3"))
    carried = (ip_network("64:ff9b:1::/48"), ip_network("3fff::/20"))
    assert addresses(receiver("http://a.vn/"), carried, always("64:ff9b:1::a00:1", "3fff::7"))
    with pytest.raises(ForbiddenAddress):
        addresses(receiver("https://a.vn/"), allow, always("10.1.3.1"))


def test_a_receiver_has_one_of_the_ports_that_the_operator_named() -> None:
    """In an allowed network too: a receiver there is no reason to reach the databases beside it."""
    for url in ("https://a.vn/", "https://a.vn:8443/", "http://a.vn/"):
        check_port(receiver(url), PORTS)
    for url in ("https://a.vn:6379/", "https://a.vn:22/", "http://a.vn:8080/", "https://a.vn:65535/"):
        with pytest.raises(ForbiddenPort, match="port"):
            check_port(receiver(url), PORTS)
    named = webhook_settings(Path("log"), {"DOSSIER_WEBHOOK_PORTS": "443, 8000-8010"}).ports
    check_port(receiver("https://a.vn:8010/"), named)
    with pytest.raises(ForbiddenPort):
        check_port(receiver("https://a.vn:8011/"), named)
    for text in ("443,", "0", "65536", "9-8", "1-2-3", "https", "-1", "²"):
        with pytest.raises(BadSetting, match="443,8000-8010"):
            webhook_settings(Path("log"), {"DOSSIER_WEBHOOK_PORTS": text})


@pytest.mark.parametrize("url", ["https://u:geheim@a.vn/", "https://u:geheim@a.vn:port/", "ftp://a.vn/?token=geheim"])
def test_a_url_that_is_refused_is_not_repeated_with_its_secrets(url: str) -> None:
    with pytest.raises(BadReceiver) as raised:
        receiver(url)
    assert "geheim" not in str(raised.value)


@pytest.mark.parametrize(
    "url", ["https://2130706433/", "https://0x7f.1/", "https://0177.0.0.1/", "https://127.1/", "https://localhost/"]
)
def test_another_way_of_writing_an_address_is_judged_by_what_it_means(url: str) -> None:
    with pytest.raises((ForbiddenAddress, OSError)):
        addresses(receiver(url), (), system_resolve)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.vn/", "file:///etc/passwd", "https://", "https:///path", "https://user:pw@a.vn/", "//a.vn/",
        "https://a.vn:99999/", "https://a.vn/\r\nX: y", "https://xã.vn/", "gopher://a.vn/", "https://a.vn/ b",
    ],
)  # fmt: skip
def test_what_is_no_receiver_is_refused(url: str) -> None:
    with pytest.raises(BadReceiver):
        receiver(url)


def test_a_name_is_resolved_once_so_that_rebinding_changes_nothing() -> None:
    asked: list[str] = []

    def rebinding(host: str, port: int) -> Sequence[str]:
        """A name that is harmless when it is judged, and leads inside when it is looked up again."""
        del port
        asked.append(host)
        return ["127.0.0.2"] if len(asked) == 1 else ["127.0.0.1"]

    with running_receiver() as inside:
        port = inside.url.split(":")[2].split("/")[0]
        client = WebhookClient((ip_network("127.0.0.2/32"),), ports=ANY_PORT, resolve=rebinding, deadline=GUARD)
        outcome = client.send(Subscription("s", f"http://subscriber.vn:{port}/", (new_secret(),)), ITEM)
        assert asked == ["subscriber.vn"]
        assert inside.requests == []
        assert not outcome.ok


def test_the_connection_goes_to_the_address_that_was_judged_under_the_name_that_was_given() -> None:
    with running_receiver() as to:
        port = to.url.split(":")[2].split("/")[0]
        client = WebhookClient((ip_network("127.0.0.0/8"),), ports=ANY_PORT, resolve=always("127.0.0.1"))
        outcome = client.send(Subscription("s", f"http://subscriber.vn:{port}/x?y=1", (new_secret(),)), ITEM)
        assert outcome.ok
        assert to.requests[0].headers["host"] == f"subscriber.vn:{port}"
        assert to.requests[0].handler.path == "/x?y=1"


def test_the_second_address_is_tried_when_the_first_does_not_answer() -> None:
    with running_receiver() as to:
        client = WebhookClient((ip_network("127.0.0.0/8"),), ports=ANY_PORT, resolve=always("127.0.0.3", "127.0.0.1"))
        assert client.send(Subscription("s", to.url, (new_secret(),)), ITEM).ok


def test_a_forbidden_receiver_is_an_outcome_like_any_other() -> None:
    outcome = WebhookClient().send(Subscription("s", "http://127.0.0.1/", (new_secret(),)), ITEM)
    assert (outcome.ok, outcome.status) == (False, None)
    assert "no public address" in outcome.detail


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Who signed the server's certificate."""
    return Authority(tmp_path)


@pytest.fixture
def https(authority: Authority) -> Iterator[int]:
    """The port of a TLS server with the certificate of subscriber.test."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's word
            del format, args

    class Server(HTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """A refused handshake is what is tested."""

    server = Server(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.identity("subscriber.test"))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def _https(port: int, host: str, ca_file: Path | None) -> DeliveryResult:
    allow = (ip_network("127.0.0.0/8"),)
    client = WebhookClient(allow, ports=ANY_PORT, ca_file=ca_file, resolve=always("127.0.0.1"), deadline=GUARD)
    return client.send(Subscription("s", f"https://{host}:{port}/", (new_secret(),)), ITEM)


def test_the_certificate_must_be_the_names_although_an_address_is_reached(authority: Authority, https: int) -> None:
    assert _https(https, "subscriber.test", authority.file).ok
    assert "CERTIFICATE_VERIFY_FAILED" in _https(https, "another.test", authority.file).detail
    assert "CERTIFICATE_VERIFY_FAILED" in _https(https, "subscriber.test", None).detail


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!!", "whsec_c2hvcnQ=", "secret", "whsec_" + "A" * 200])
def test_what_is_no_secret_is_refused(secret: str) -> None:
    with pytest.raises(BadSecret):
        check_secret(secret)


def test_a_new_secret_is_one() -> None:
    """Each of them, and each is another one."""
    made = {new_secret() for _ in range(5)}
    for secret in made:
        check_secret(secret)
    assert len(made) == 5
