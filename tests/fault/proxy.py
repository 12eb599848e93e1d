"""A proxy between clients and brokers that does to Produce requests what networks do, and swallows what it is told to.

Brokers tell clients where they are; the proxy puts its own ports there, each in place of a broker's, in every answer.
"""

from __future__ import annotations

import random
import socket
import struct
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from threading import Event, Lock, Thread

_PRODUCE = 0
_ADDRESS = b"127.0.0.1"
_HELD_FOR = (0.5, 4.0)


class Fate(Enum):
    """What becomes of a Produce request."""

    DELAYED = "goes on late"
    DROPPED = "never arrives; the connection breaks"
    CUT = "arrives; the answer does not, the connection breaks"
    HELD = "the connection breaks; it arrives later, after it was sent again"


@dataclass(slots=True)
class Weather:
    """How often something happens to a Produce request: 0 is never, 1 always."""

    chance: float = 0.0


class Proxy:
    """Stands before brokers at `ports` on 127.0.0.1; `bootstrap` is where clients go. Close it at the end."""

    def __init__(self, ports: Sequence[int], rng: random.Random) -> None:
        self.weather = Weather()
        self.swallowed: Counter[int] = Counter()
        """Key of an API → how many of its next requests never arrive, while the connection stays."""
        self.unanswered: Counter[int] = Counter()
        """The same for requests that arrive, and whose answers never come back."""
        self.done: Counter[str] = Counter()
        self._rng = rng
        self._guard = Lock()
        self._stopped = Event()
        self._servers = {port: socket.create_server(("127.0.0.1", 0)) for port in ports}
        self._replace = {
            _ADDRESS + struct.pack(">i", port): _ADDRESS + struct.pack(">i", server.getsockname()[1])
            for port, server in self._servers.items()
        }
        self.bootstrap = ",".join(f"127.0.0.1:{server.getsockname()[1]}" for server in self._servers.values())
        for port, server in self._servers.items():
            Thread(target=self._accept, args=(server, port), daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._stopped.set()
        for server in self._servers.values():
            server.close()

    def _accept(self, server: socket.socket, port: int) -> None:
        while not self._stopped.is_set():
            try:
                client, _ = server.accept()
            except OSError:
                return
            try:
                broker = socket.create_connection(("127.0.0.1", port), timeout=5)
            except OSError:
                client.close()
                continue
            broker.settimeout(None)
            # Correlation ids of the requests of a connection whose answers are swallowed.
            silent: set[int] = set()
            Thread(target=self._requests, args=(client, broker, port, silent), daemon=True).start()
            Thread(target=self._answers, args=(client, broker, silent), daemon=True).start()

    def _requests(self, client: socket.socket, broker: socket.socket, port: int, silent: set[int]) -> None:
        with suppress(OSError):
            while (frame := _frame(client)) is not None:
                api_key, _, correlation_id = struct.unpack_from(">hhi", frame, 4)
                if self._takes(self.swallowed, api_key, "swallowed"):
                    continue
                if self._takes(self.unanswered, api_key, "unanswered"):
                    silent.add(correlation_id)
                fate = self._fate() if api_key == _PRODUCE else None
                if fate is Fate.DELAYED:
                    time.sleep(self._draw(0.05, 1.0))
                elif fate is Fate.HELD:
                    Thread(target=self._let_go, args=(port, frame, self._draw(*_HELD_FOR)), daemon=True).start()
                    break
                elif fate is Fate.DROPPED:
                    break
                broker.sendall(frame)
                if fate is Fate.CUT:
                    # The broker has it; whatever it answers finds nobody.
                    time.sleep(0.05)
                    break
        _close(client, broker)

    def _answers(self, client: socket.socket, broker: socket.socket, silent: set[int]) -> None:
        with suppress(OSError):
            while (frame := _frame(broker)) is not None:
                if struct.unpack_from(">i", frame, 4)[0] in silent:
                    continue
                for theirs, ours in self._replace.items():
                    frame = frame.replace(theirs, ours)
                client.sendall(frame)
        _close(client, broker)

    def _let_go(self, port: int, frame: bytes, seconds: float) -> None:
        time.sleep(seconds)
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as broker:
            broker.sendall(frame)
            _frame(broker)

    def _takes(self, wanted: Counter[int], api_key: int, what: str) -> bool:
        with self._guard:
            if not wanted[api_key]:
                return False
            wanted[api_key] -= 1
            self.done[f"{api_key} {what}"] += 1
            return True

    def _fate(self) -> Fate | None:
        with self._guard:
            if self._rng.random() >= self.weather.chance:
                return None
            fate = self._rng.choice(list(Fate))
            self.done[f"produce {fate.name.lower()}"] += 1
            return fate

    def _draw(self, least: float, most: float) -> float:
        with self._guard:
            return self._rng.uniform(least, most)


def _frame(source: socket.socket) -> bytes | None:
    """A request or an answer with its length before it; None at the end."""
    head = _exactly(source, 4)
    if head is None:
        return None
    (length,) = struct.unpack(">i", head)
    rest = _exactly(source, length)
    return None if rest is None else head + rest


def _exactly(source: socket.socket, count: int) -> bytes | None:
    found = bytearray()
    while len(found) < count:
        piece = source.recv(count - len(found))
        if not piece:
            return None
        found += piece
    return bytes(found)


def _close(*sockets: socket.socket) -> None:
    for each in sockets:
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()
