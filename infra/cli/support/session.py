"""What one run of the command line was told, and the installation that it works on."""

# ruff: noqa: PLC0415  # an installation takes half of the start-up time, and --help needs none

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import typer

from domain.i18n import Language, text

if TYPE_CHECKING:
    from infra.bootstrap import Application
    from infra.settings import Settings


@dataclass(slots=True)
class Given:
    """Who gives a command, for which day, under which id; what is None has a default."""

    person: str | None = None
    role: str | None = None
    agency: str | None = None
    on: str | None = None
    command_id: str | None = None


@dataclass(slots=True)
class Session:
    """The options that stand before or after a subcommand."""

    log: str | None = None
    views: str | None = None
    lang: Language | None = None
    json: bool = False
    given: Given = field(default_factory=Given)

    @property
    def language(self) -> Language:
        """The language of messages."""
        return self.lang or "en"

    def text(self, english: str, **values: object) -> str:
        """A text in the language of the run; values fill its placeholders."""
        return text(english, self.language, **values)

    def settings(self) -> Settings:
        """The settings with what was told on the command line. Raises BadSetting."""
        from infra.settings import load

        return load(log=self.log, views=self.views, language=self.lang)

    @contextmanager
    def application(self, *, create: bool = False, long_running: bool = False) -> Iterator[Application]:
        """The installation, open. `create`: a log that does not exist yet is made. `following`: see Installation."""
        from infra.bootstrap import Application

        with Application(self.settings(), create=create, long_running=long_running) as application:
            yield application


def session_of(ctx: typer.Context) -> Session:
    """The session of a run."""
    return ctx.find_root().ensure_object(Session)


def today() -> date:
    """The day in Vietnam."""
    from domain.context import VIETNAM

    return (datetime.now(UTC) + VIETNAM).date()
