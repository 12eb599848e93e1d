"""An answer counts once its head has come whole; what a receiver says in it stays text."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network

import pytest

from consumers.webhook_dispatcher import Delivery, DeliveryResult, Subscription
from infra.delivery.webhooks.http_client import WebhookClient
from infra.delivery.webhooks.signing import new_secret
from tests.support.receivers import ANY_PORT
from tests.support.waiting import GUARD

ITEM = Delivery("live", "04630", 1, "650f51a8-3675-8b3e-8b74-cb4086f3018e", "{}")

CUT = [
    b"H",
    b"HTTP/1.1 20",
    b"HTTP/1.1 200",
    b"HTTP/1.1 200 OK",
    b"HTTP/1.1 200 OK\r",
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 204 No Content\r\nServer: x",
    b"HTTP/1.1 204 No Content\r\nServer: x\r\n",
    b"HTTP/1.1 204 No Content\r\nServer: x\r\n\r",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n",
]


@contextmanager
def saying(answer: bytes, *, then_close: bool) -> Iterator[str]:
    """The URL of a receiver that reads a request, says some bytes, and hangs up or is silent until the other does."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1 << 16)
                connection.sendall(answer)
                while not then_close and connection.recv(1 << 16):
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        thread.join()


def sent(url: str, deadline: float = GUARD) -> DeliveryResult:
    client = WebhookClient((ip_network("127.0.0.0/8"),), ports=ANY_PORT, deadline=deadline)
    return client.send(Subscription("s", url, (new_secret(),)), ITEM)


@pytest.mark.parametrize("answer", [b"", *CUT])
def test_an_answer_that_our_deadline_cuts_is_no_delivery(answer: bytes) -> None:
    """The receiver would have gone on: a 2xx is what its last line says, and not half of it."""
    with saying(answer, then_close=False) as url:
        outcome = sent(url, deadline=0.3)
    assert (outcome.ok, outcome.status) == (False, None)
    assert "no whole answer within 0.3 s" in outcome.detail


@pytest.mark.parametrize("answer", CUT)
def test_an_answer_that_the_receiver_cuts_is_no_delivery(answer: bytes) -> None:
    with saying(answer, then_close=True) as url:
        outcome = sent(url)
    assert (outcome.ok, outcome.status) == (False, None)


@pytest.mark.parametrize("then_close", [True, False])
@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.0 200\n\n",
        b"HTTP/1.1 204 No Content\r\nServer: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\n\r\n",
    ],
)
def test_a_whole_head_is_enough(answer: bytes, *, then_close: bool) -> None:
    """Nobody waits for the body."""
    with saying(answer, then_close=then_close) as url:
        assert sent(url).ok


def test_what_a_receiver_says_instead_of_a_status_is_kept_short() -> None:
    with saying(b"SSH-2.0-" + b"x" * 60_000 + b"\r\n\r\n", then_close=True) as url:
        outcome = sent(url)
    assert not outcome.ok
    assert len(outcome.detail) == 500
