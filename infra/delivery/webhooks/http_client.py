"""One try of a delivery: resolve, judge, connect to what was judged, send, read the answer's first lines, close."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from threading import Timer
from typing import Final

from consumers.cloudevents import JSON_TYPE
from consumers.webhook_dispatcher import Delivery, DeliveryResult, Subscription
from infra.delivery.webhooks.signing import headers
from infra.delivery.webhooks.ssrf_guard import (
    Network,
    Receiver,
    Resolve,
    WebhookRefused,
    addresses,
    receiver,
    system_resolve,
)

CONNECT_TIMEOUT: Final = 5.0
"""Seconds for one connection."""
DEADLINE: Final = 15.0
"""Seconds for the whole of a try, however slowly a receiver answers."""


class Transport:
    """Sends signed deliveries. Nothing is followed, no proxy asked, no cookie kept, no body of an answer read."""

    def __init__(
        self,
        allow: Sequence[Network] = (),
        *,
        ca_file: Path | None = None,
        deadline: float = DEADLINE,
        clock: Callable[[], float] = time.time,
        resolve: Resolve = system_resolve,
    ) -> None:
        self._allow = tuple(allow)
        self._tls = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
        self._deadline = deadline
        self._clock = clock
        self._resolve = resolve

    def send(self, subscription: Subscription, item: Delivery) -> DeliveryResult:
        """Try one delivery once. What goes wrong is said in the outcome."""
        begun = time.monotonic()
        try:
            status, retry_after = self._post(subscription, item)
        except WebhookRefused as error:
            return DeliveryResult(ok=False, status=None, detail=str(error), seconds=time.monotonic() - begun)
        except (OSError, HTTPException, ValueError) as error:
            detail = f"{type(error).__name__}: {error}"
            return DeliveryResult(ok=False, status=None, detail=detail, seconds=time.monotonic() - begun)
        ok = 200 <= status <= 299  # noqa: PLR2004  # the classes of answers that HTTP has
        moved = 300 <= status <= 399  # noqa: PLR2004
        detail = f"answered {status}" + (", and redirects are not followed" if moved else "")
        return DeliveryResult(
            ok=ok, status=status, detail=detail, seconds=time.monotonic() - begun, retry_after=retry_after
        )

    def _post(self, subscription: Subscription, item: Delivery) -> tuple[int, float | None]:
        to = receiver(subscription.url)
        body = item.body.encode()
        fields = {
            "host": to.authority,
            "content-type": JSON_TYPE,
            "user-agent": "dossier-webhooks/1",
            **headers(item.decision_id, int(self._clock()), body, subscription.secrets),
        }
        end = time.monotonic() + self._deadline
        found = addresses(to, self._allow, self._resolve)
        live = [self._connect(found, to.port, end)]
        # A time-out of the socket is for one wait alone: a receiver that sends a byte now and then would hold us up.
        watch = Timer(max(0.0, end - time.monotonic()), _cut, [live])
        watch.daemon = True
        watch.start()
        try:
            if to.tls:
                self._secure(live, to)
            response = _exchange(live[-1], to, body, fields)
            return response.status, _retry_after(response)
        finally:
            watch.cancel()
            for each in live:
                each.close()

    def _connect(self, found: Sequence[str], port: int, end: float) -> socket.socket:
        """The first address that answers. Raises the last one's OSError."""
        problem = OSError("no time left to connect")
        for address in found:
            left = end - time.monotonic()
            if left <= 0:
                break
            try:
                connected = socket.create_connection((address, port), timeout=min(CONNECT_TIMEOUT, left))
            except OSError as error:
                problem = error
            else:
                connected.settimeout(self._deadline)
                return connected
        raise problem

    def _secure(self, live: list[socket.socket], to: Receiver) -> None:
        """Put TLS on the socket: the certificate must be the name's, whichever address was reached."""
        secured = self._tls.wrap_socket(live[-1], server_hostname=to.host, do_handshake_on_connect=False)
        live.append(secured)
        secured.do_handshake()


def _exchange(connected: socket.socket, to: Receiver, body: bytes, fields: dict[str, str]) -> HTTPResponse:
    connection = HTTPConnection(to.host, to.port)
    # Never by name: the socket that was judged, or none.
    connection.auto_open = 0
    connection.sock = connected
    connection.request("POST", to.target, body=body, headers=fields)
    return connection.getresponse()


def _cut(live: list[socket.socket]) -> None:
    for each in list(live):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


def _retry_after(response: HTTPResponse) -> float | None:
    """The seconds of a Retry-After header; a date is not looked at."""
    value = response.headers.get("retry-after", "")
    return float(value) if value.isdecimal() else None
