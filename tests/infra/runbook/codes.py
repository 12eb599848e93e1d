"""The codes with exit code 4 that have no page, and those whose page is tried by another code's case, each with why."""

from __future__ import annotations

from typing import Final

_BASE: Final = "a kind of errors: what is raised has a code of its own"
_TOLD_WHOLE: Final = "nothing is lost, stopped or changed, and the hint is all that is to be done"
_PROGRAM: Final = "a fault of the program, which no operator can mend"

WITHOUT_PAGE: Final = {
    "APPEND_TOO_LARGE": "the hint is all that is to be done: the topic must take larger records",
    "CONTROL_RECORD_LOST": _TOLD_WHOLE,
    "COPY_DIFFERS": "only a disk that loses what was written makes it, and the copy is not put in place",
    "DEMO_DIFFERS": _PROGRAM,
    "DOCTOR_FINDING": _BASE,
    "INDEX_IN_USE": _TOLD_WHOLE,
    "INFRASTRUCTURE": _BASE,
    "KAFKA_PYTHON_UNSUPPORTED": _TOLD_WHOLE,
    "LOG_INCOMPLETE": _PROGRAM,
    "MOVE_DECISIONS_AGAIN": _TOLD_WHOLE,
    "MOVE_DIFFERS": "only a disk that loses what was written makes it, and the hint is all that is to be done",
    "MOVE_IN_USE": _TOLD_WHOLE,
    "MOVE_NOT_CLOSED": _TOLD_WHOLE,
    "MOVE_NOT_POSSIBLE": _TOLD_WHOLE,
    "MOVE_REFUSED": _BASE,
    "MOVE_TARGET_TAKEN": _TOLD_WHOLE,
    "NOTHING_PARKED": _TOLD_WHOLE,
    "NOT_ON_KAFKA": _TOLD_WHOLE,
    "NOT_YET_REFLECTED": _TOLD_WHOLE,
    "NO_OLD_GENERATION": _TOLD_WHOLE,
    "OLD_OF_ANOTHER_VERSION": _TOLD_WHOLE,
    "PLAIN_EVENTS_ONLY": _TOLD_WHOLE,
    "PROGRAM_TOO_OLD": _BASE,
    "READING_BEHIND": _TOLD_WHOLE,
    "READ_MODEL_FAULTY": _BASE,
    "REBUILD_SUPERSEDED": _TOLD_WHOLE,
    "RECORDS_VOIDED": "said once to a process that had built on them, which then goes on by itself",
    "RECOVERY_BY_HAND": "the hint names the code whose page is to be followed",
    "REGISTRY_UNUSABLE": _TOLD_WHOLE,
    "RESTORE_DIFFERS": "only a disk that loses what was written makes it, and the hint is all that is to be done",
    "RESTORE_REFUSED": _BASE,
}
MADE_ELSEWHERE: Final = {
    "KAFKA_REFUSED": "needs a broker that asks for passwords: tests/infra/queue/test_secured.py",
    "UNKNOWN_EVENT": "only a release that is not there yet can record it; UNKNOWN_SCHEMA is the same case",
    "UNKNOWN_EVENT_TYPE": "only a release that is not there yet can record it; UNKNOWN_SCHEMA is the same case",
}
