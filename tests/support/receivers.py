"""Receivers of webhooks that misbehave as they are told, on real sockets of this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.waiting import wait_until

ANY_PORT = (range(1, 65536),)
"""For clients of these receivers, whose ports the system chooses."""

Answer = Callable[["Request"], int]
"""What a receiver does with a request: returns its status; it may wait, or answer by itself and return 0."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came in."""

    headers: dict[str, str]
    body: bytes
    handler: BaseHTTPRequestHandler

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def unit(self) -> str:
        return str(self.event["data"]["unit"]["id"])


@dataclass(slots=True)
class Receiver:
    """A server that keeps what it was sent. `accepted` holds what it answered with a 2xx."""

    answer: Answer
    requests: list[Request] = field(default_factory=list)
    accepted: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""

    def ids(self) -> list[str]:
        """The ids that were accepted, each once, in the order of their first acceptance."""
        return list(dict.fromkeys(event["id"] for event in self.accepted))

    def wait_for(self, count: int) -> None:
        """Wait until that many decisions were accepted."""
        wait_until(lambda: len(self.ids()) >= count)


def well(_: Request) -> int:
    return 204


@contextmanager
def receiver(answer: Answer = well, port: int = 0) -> Iterator[Receiver]:
    """A receiver on 127.0.0.1; port 0 takes any free one."""
    made = Receiver(answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            request = Request({name.lower(): value for name, value in self.headers.items()}, body, self)
            made.requests.append(request)
            status = made.answer(request)
            if status:
                if 200 <= status <= 299:
                    made.accepted.append(request.event)
                self.send_response(status)
                for name, value in EXTRA.get(status, {}).items():
                    self.send_header(name, value)
                self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the library's word
            del format, args

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        allow_reuse_address = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A sender that hung up is no news."""

    server = Server(("127.0.0.1", port), Handler)
    made.url = f"http://127.0.0.1:{server.server_address[1]}/decisions"
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


EXTRA: dict[int, dict[str, str]] = {}
"""Headers of the answers of a status."""
