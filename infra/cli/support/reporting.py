"""Errors and results as people and programs read them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from domain.errors import DossierError, InfrastructureError, InvalidInput
from domain.i18n import Language
from infra.cli.support.i18n import clause_text
from infra.cli.support.session import Session
from infra.runbook.pages import page
from infra.terminal.output import write_line

MALFORMED, REFUSED, INFRASTRUCTURE = 2, 3, 4


def exit_code(error: DossierError) -> int:
    """2 for malformed input, 4 for infrastructure, 3 for what a rule refuses."""
    if isinstance(error, InvalidInput):
        return MALFORMED
    return INFRASTRUCTURE if isinstance(error, InfrastructureError) else REFUSED


def report(error: DossierError, session: Session) -> None:
    """An error that is no answer of the log: the text on stderr; with --json an object on stdout as well."""
    language = session.language
    if session.json:
        described = {
            "code": error.code,
            "message": error.message(language),
            "hint": error.hint(language),
            "language": language,
            "clause": error.clause,
            "details": error.details,
        }
        print_json({"ok": False, "error": described})
    tell_error(session, error.code, error.message(language), error.clause, error.hint(language))


def report_answer(error: dict[str, Any], session: Session) -> None:
    """The error of an answer, on stderr."""
    message, hint = _texts(error, session.language)
    tell_error(session, error["code"], message, error["clause"], hint)


def tell_error(session: Session, code: str, message: str, clause: str | None, hint: str) -> None:
    """Code, message, clause and hint on stderr."""
    text = session.text
    write_line(message, label=f"{text('error')} {code}", style="bold red", err=True)
    if clause:
        note(f"  {text('clause')}: {clause_text(clause, session.language)}")
    if hint:
        note(f"  {text('hint')}: {hint}")
    more = where_more(session, code)
    if more is not None:
        note(f"  {more}")


def where_more(session: Session, code: str) -> str | None:
    """Where what to do about a code is told at length; None where it has no page."""
    if page(code, session.language) is None:
        return None
    return session.text("more: dossier explain {code}", code=code)


def note(text: str) -> None:
    """A remark on stderr."""
    write_line(text, err=True)


def take_up_queue(session: Session, topic: UUID) -> str:
    """What to type where a log has another queue than the one whose commands it handled."""
    return session.text(
        "the queue is a new one: start the workers once with `dossier worker --take-up-queue {topic}`", topic=topic
    )


def new_read_models(session: Session) -> str:
    """What becomes of the read models of a log that stands at a new place."""
    return session.text(
        "read models are made anew by the first question, or by `dossier rebuild --all`; where the store holds some of "
        "the log at its place before, `dossier explain VIEWS_OF_ANOTHER_LOG` says what becomes of them"
    )


def tell_done(session: Session, answer: Mapping[str, Any], line: str) -> None:
    """What was done, on stdout: the line, or with --json the answer as an object."""
    if session.json:
        print_json(answer)
    else:
        write_line(line)


def print_json(value: Any, *, indent: int | None = None) -> None:
    """One line of JSON on stdout, or several with `indent`: days in ISO form, moments in UTC."""
    for each in json.dumps(value, ensure_ascii=False, default=plain, indent=indent).split("\n"):
        write_line(each)


def plain(value: object) -> Any:
    """A value that JSON does not have, as one that it has."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (set, frozenset, tuple)):
        return sorted(value)
    return str(value)


def _texts(error: dict[str, Any], language: Language) -> tuple[str, str]:
    """Message and hint of an answer's error, made again from its details; as answered where no class fits.

    An answer that is older than an error's present code is known by its message.
    """
    details = error["details"]
    for kind in sorted(_kinds(DossierError), key=lambda kind: kind.code != error["code"]):
        if _filled(kind.message_template(), details) == error["message"]:
            message, hint = kind.message_template(language), kind.hint_template(language)
            return _filled(message, details) or error["message"], _filled(hint, details) or ""
    return error["message"], ""


def _filled(text: str, details: dict[str, Any]) -> str | None:
    """A text with its placeholders filled, or None where the details are another error's."""
    try:
        return text.format_map(details)
    except KeyError:
        return None


def _kinds(base: type[DossierError]) -> Iterator[type[DossierError]]:
    for kind in base.__subclasses__():
        yield kind
        yield from _kinds(kind)
