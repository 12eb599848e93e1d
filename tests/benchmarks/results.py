"""What a benchmark reports: figures, and beside an aim the peer measured in the same run."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from time import perf_counter
from typing import Any


@dataclass(slots=True)
class Results:
    """The figures of one run, in the order in which they were measured."""

    figures: list[dict[str, Any]] = field(default_factory=list)

    def add(self, name: str, value: float, unit: str) -> None:
        """A figure without a peer."""
        self._say({"name": name, "value": round(value, 3), "unit": unit})

    def compare(self, name: str, value: float, unit: str, *, peer: str, peer_value: float, aim: float) -> None:
        """A rate beside its peer's; `ratio` is ours to theirs, so more is better, and `aim` what it should reach."""
        self._say(
            {
                "name": name,
                "value": round(value, 3),
                "unit": unit,
                "peer": peer,
                "peer_value": round(peer_value, 3),
                "ratio": round(value / peer_value, 3),
                "aim": aim,
            }
        )

    def write(self, path: Path) -> None:
        """Keep the figures as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    def _say(self, figure: dict[str, Any]) -> None:
        self.figures.append(figure)
        line = f"{figure['name']:<58} {figure['value']:>14,.2f} {figure['unit']}"
        if "aim" in figure:
            verdict = "reached" if figure["ratio"] >= figure["aim"] else "MISSED"
            line += f"   {figure['ratio']:.2f} x {figure['peer']} ({figure['peer_value']:,.1f})"
            line += f"; aim {figure['aim']}: {verdict}"
        print(line, flush=True)


@dataclass(frozen=True, slots=True)
class Measured:
    """Calls a second, and the latency of one call in milliseconds."""

    rate: float
    p50: float
    p99: float


def call_concurrently(calls: Sequence[Callable[[], object]], callers: int) -> Measured:
    """Make all calls from `callers` threads, each one call after another."""
    latencies: list[float] = []

    def caller(mine: Sequence[Callable[[], object]]) -> None:
        for call in mine:
            begun = perf_counter()
            call()
            latencies.append(perf_counter() - begun)

    begun = perf_counter()
    with ThreadPoolExecutor(callers) as pool:
        for done in [pool.submit(caller, calls[start::callers]) for start in range(callers)]:
            done.result()
    elapsed = perf_counter() - begun
    cuts = quantiles(latencies, n=100)
    return Measured(len(calls) / elapsed, cuts[49] * 1000, cuts[98] * 1000)
