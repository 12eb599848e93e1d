"""Answers to commands: a line of JSON each, the same from every log and every way in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from eventsourcing.persistence import StoredEvent

from domain.errors import DossierError, InvalidInput

_ACCEPTED = '"ok":true,'
_LONGEST = 100_000
_SHORTENED = 1_000


class Answer(NamedTuple):
    """One answer: a line of JSON without its end, and what became of the command."""

    line: str
    outcome: Literal["accepted", "refused", "malformed"]


def refused(command_id: str | None, partition: int | None, position: int | None, error: DossierError) -> Answer:
    """The answer to a command that was not accepted. Without a partition: it never came to the log.

    It fits into the log whatever the command was: what would be far too long is shortened, and has no details.
    """
    reason = {"code": error.code, "message": error.message(), "clause": error.clause, "details": error.details}
    answer = {"command_id": command_id, "ok": False, "partition": partition, "position": position, "error": reason}
    line = _dump(answer)
    if len(line) > _LONGEST:
        reason |= {"message": error.message()[:_SHORTENED], "details": {}}
        line = _dump(answer)
    return Answer(line, "malformed" if isinstance(error, InvalidInput) else "refused")


def accepted(command_id: str, partition: int, position: int, stored: Sequence[StoredEvent]) -> Answer:
    """The answer to a command that led to events; `position` is that of the last one."""
    line = _dump(
        {
            "command_id": command_id,
            "ok": True,
            "dossier": str(stored[-1].originator_id),
            "version": stored[-1].originator_version,
            "partition": partition,
            "position": position,
            "events": [event.topic for event in stored],
        }
    )
    return Answer(line, "accepted")


def first_answer(line: str) -> Answer:
    """An answer that a log has kept: those of malformed commands are never kept."""
    return Answer(line, "accepted" if _ACCEPTED in line else "refused")


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str).encode


def _dump(answer: dict[str, Any]) -> str:
    return _encode(answer)
