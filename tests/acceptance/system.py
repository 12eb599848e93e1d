"""A real installation on an embedded log, used as `dossier apply` uses it: lines of JSON in, lines of JSON out."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import NAMESPACE_URL, uuid5

from consumers.apply import apply
from domain.context import InterpretationSettings
from infra.bootstrap import Application
from infra.settings import Settings
from tests.support.command_builders import Draft
from tests.support.histories import NOW
from tests.support.units import UNITS

Answer = dict[str, Any]
Stored = tuple[int, str, int, str, bytes]


class EmbeddedSystem:
    """One log of one test."""

    def __init__(
        self,
        folder: Path,
        *,
        readings: InterpretationSettings | None = None,
        views: Path | str | None = None,
        given: int = 0,
    ) -> None:
        """`given`: how many commands got their ids before."""
        settings = Settings(
            log=folder / "log.sqlite",
            views=views or folder / "views.sqlite",
            units=UNITS,
            readings=readings or InterpretationSettings(),
        )
        self.application = Application(settings, create=True, clock=lambda: NOW)
        self.given = given

    def submit(self, drafts: Sequence[Draft]) -> list[Answer]:
        """Give drafts as one stream of lines; each gets a command id of its own unless it has one."""
        lines = []
        for draft in drafts:
            self.given += 1
            numbered = {"command_id": str(uuid5(NAMESPACE_URL, f"dossier:{self.given}")), **draft}
            lines.append(json.dumps(numbered, ensure_ascii=False))
        answered = io.StringIO()
        apply(io.BytesIO("".join(line + "\n" for line in lines).encode()), answered, self.application.gateway)
        return [json.loads(line) for line in answered.getvalue().split("\n") if line]

    def must(self, drafts: Sequence[Draft]) -> list[Answer]:
        """Give drafts that have to be accepted."""
        answers = self.submit(drafts)
        for draft, answer in zip(drafts, answers, strict=True):
            assert answer["ok"], f"{draft['command']} on {draft['on']}: {answer['error']}"
        return answers

    def stored(self) -> list[Stored]:
        """The whole event log, byte for byte."""
        log = self.application.log
        return [
            (found.id, str(found.originator_id), found.originator_version, found.topic, found.state)
            for found in log.read(0, 0, 1_000_000)
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.application.close()
