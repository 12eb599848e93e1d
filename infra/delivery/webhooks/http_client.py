"""One attempt of a delivery: resolve the host, check its addresses, connect to one of them, send, read the status.

An answer counts once its head has come whole, to the empty line behind its headers. What was cut before, by the
receiver or by our own deadline, is no answer: half a status line may look like a 200.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse
from io import BufferedIOBase
from pathlib import Path
from threading import Event, Timer
from typing import Any, Final, cast

from consumers.cloudevents import JSON_TYPE
from consumers.webhook_dispatcher import Delivery, DeliveryResult, Subscription
from infra.delivery.webhooks.signing import headers
from infra.delivery.webhooks.ssrf_guard import (
    PORTS,
    Network,
    Receiver,
    Resolve,
    WebhookRefused,
    addresses,
    check_port,
    receiver,
    system_resolve,
)

CONNECT_TIMEOUT: Final = 5.0
"""Seconds for one connection."""
DEADLINE: Final = 15.0
"""Seconds for the whole of a try, however slowly a receiver answers."""
_LONGEST_DETAIL: Final = 500


class CutAnswer(HTTPException):
    """The head of an answer ended before its last line."""


class WebhookClient:
    """Sends signed deliveries. It follows no redirect, uses no proxy, keeps no cookie, reads no body."""

    def __init__(
        self,
        allow: Sequence[Network] = (),
        *,
        ports: Sequence[range] = PORTS,
        ca_file: Path | None = None,
        deadline: float = DEADLINE,
        clock: Callable[[], float] = time.time,
        resolve: Resolve = system_resolve,
    ) -> None:
        self._allow = tuple(allow)
        self._ports = tuple(ports)
        self._tls = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
        self._deadline = deadline
        self._clock = clock
        self._resolve = resolve

    def send(self, subscription: Subscription, item: Delivery) -> DeliveryResult:
        """Attempt one delivery once. What goes wrong is said in the result."""
        started = time.monotonic()
        try:
            status, retry_after = self._post(subscription, item)
        except WebhookRefused as error:
            return DeliveryResult(ok=False, status=None, detail=str(error), seconds=time.monotonic() - started)
        except (OSError, HTTPException, ValueError) as error:
            # What a receiver answered may stand in it, as long as it likes.
            detail = f"{type(error).__name__}: {error}"[:_LONGEST_DETAIL]
            return DeliveryResult(ok=False, status=None, detail=detail, seconds=time.monotonic() - started)
        ok = 200 <= status <= 299  # noqa: PLR2004  # the classes of answers that HTTP has
        moved = 300 <= status <= 399  # noqa: PLR2004
        detail = f"answered {status}" + (", and redirects are not followed" if moved else "")
        return DeliveryResult(
            ok=ok, status=status, detail=detail, seconds=time.monotonic() - started, retry_after=retry_after
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
        check_port(to, self._ports)
        found = addresses(to, self._allow, self._resolve)
        sockets = [self._connect(found, to.port, end)]
        # A time-out of the socket is for one wait alone: a receiver that sends a byte now and then would hold us up.
        cut = Event()
        deadline = Timer(max(0.0, end - time.monotonic()), _shut_down, [sockets, cut])
        deadline.daemon = True
        deadline.start()
        try:
            if to.tls:
                self._secure(sockets, to)
            response = _exchange(sockets[-1], to, body, fields)
            return response.status, _retry_after(response)
        except (OSError, HTTPException) as error:
            # The socket's own time-out may come first by a hair.
            if cut.is_set() or time.monotonic() >= end:
                raise TimeoutError(f"no whole answer within {self._deadline:g} s") from error
            raise
        finally:
            deadline.cancel()
            for each in sockets:
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

    def _secure(self, sockets: list[socket.socket], to: Receiver) -> None:
        """Put TLS on the socket: the certificate must be the name's, whichever address was reached."""
        secured = self._tls.wrap_socket(sockets[-1], server_hostname=to.host, do_handshake_on_connect=False)
        sockets.append(secured)
        secured.do_handshake()


class _WholeLines:
    """What an answer's head is read from, line by line: a line that is cut, or missing, is an error."""

    def __init__(self, stream: BufferedIOBase) -> None:
        self._stream = stream

    def readline(self, limit: int = -1, /) -> bytes:
        """Raises CutAnswer."""
        line = self._stream.readline(limit)
        if not line.endswith(b"\n") and (limit < 0 or len(line) < limit):
            raise CutAnswer("the answer ended before the end of its head")
        return line

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Response(HTTPResponse):
    """An answer whose head must be whole. `http.client` takes the end of the stream for the end of the headers."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fp = cast("Any", _WholeLines(self.fp))


def _exchange(connected: socket.socket, to: Receiver, body: bytes, fields: dict[str, str]) -> HTTPResponse:
    connection = HTTPConnection(to.host, to.port)
    # Never by name: the socket to the checked address, or none.
    connection.auto_open = 0
    connection.response_class = _Response
    connection.sock = connected
    connection.request("POST", to.target, body=body, headers=fields)
    return connection.getresponse()


def _shut_down(sockets: list[socket.socket], cut: Event) -> None:
    cut.set()
    for each in list(sockets):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


def _retry_after(response: HTTPResponse) -> float | None:
    """The seconds of a Retry-After header; a date is not looked at."""
    value = response.headers.get("retry-after", "")
    return float(value) if value.isdecimal() else None
