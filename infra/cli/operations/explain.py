"""`dossier explain CODE`: what a code means, and what to do about it."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated

import typer

from domain.errors import InvalidInput
from domain.i18n import by_key
from infra.cli.support.arguments import OPERATION
from infra.cli.support.framework import subcommand
from infra.cli.support.i18n import say
from infra.cli.support.reporting import print_json
from infra.cli.support.session import Session, session_of
from infra.runbook.pages import codes, page, title
from infra.terminal.output import write_line


class UnknownCode(InvalidInput):
    """No error has this code."""

    code = "UNKNOWN_CODE"


def register(app: typer.Typer) -> None:
    """Add this subcommand."""
    subcommand(
        app,
        "explain",
        panel=OPERATION,
        help=say(
            "Explain a code that a command, a process or `dossier doctor` has named: what it means, what still works, "
            "what to do step by step, and what may be lost. Without a code: the list of pages."
        ),
        examples=("dossier explain", "dossier explain LOG_BROKEN", "dossier explain KEY_MISSING --lang vi"),
    )(explain)


def explain(
    ctx: typer.Context,
    code: Annotated[
        str | None, typer.Argument(metavar="[CODE]", show_default=False, help=say("The code, as it was named."))
    ] = None,
) -> None:
    """Print a page of the runbook. It opens no log."""
    session = session_of(ctx)
    if code is None:
        _list(session)
    else:
        _explain(session, code.upper())


def _list(session: Session) -> None:
    found = {each: title(page(each, session.language) or "") for each in codes(session.language)}
    if session.json:
        print_json({"pages": [{"code": code, "title": text} for code, text in found.items()]})
        return
    for code, text in found.items():
        write_line(f"{code}: {text}")


def _explain(session: Session, code: str) -> None:
    message = by_key(f"error.{code}", session.language)
    text = page(code, session.language)
    if message is None and text is None:
        close = get_close_matches(code, codes(session.language), n=3)
        raise UnknownCode(given=code, close=", ".join(close) or "–")
    hint = by_key(f"error.{code}.hint", session.language) or ""
    if session.json:
        print_json({"code": code, "message": message, "hint": hint, "page": text})
        return
    for line in (text or _without_page(session, code, message or "", hint)).rstrip("\n").split("\n"):
        write_line(line)


def _without_page(session: Session, code: str, message: str, hint: str) -> str:
    """What the error itself says, its placeholders open."""
    lines = [f"{code}: {message}"]
    if hint:
        lines.append(f"{session.text('hint')}: {hint}")
    return "\n".join(lines)
