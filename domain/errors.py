"""The one tree of errors. Every error says what was wrong, where, and what to do, in English and Vietnamese.

    DossierError
    ├── InvalidInput      the command or query is malformed: nothing was decided, its command id stays free
    ├── Refused           a rule of the guidance or of the procedure refuses a well-formed command
    └── InfrastructureError  the log, a read model or a file could not be used

`details` hold what the message was made from, so that a reader in another language can make it again.
"""

from __future__ import annotations

from typing import Any, ClassVar

from domain.i18n import Language


class DossierError(Exception):
    """Base of all errors. Class attributes hold the code and the texts; `details` fill their placeholders."""

    code: ClassVar[str] = "DOSSIER_ERROR"
    en: ClassVar[str] = "something went wrong"
    vi: ClassVar[str] = "đã xảy ra lỗi"
    hint_en: ClassVar[str] = ""
    hint_vi: ClassVar[str] = ""
    clause: str | None = None

    def __init__(self, *, clause: str | None = None, **details: Any) -> None:
        self.details = details
        if clause is not None:
            self.clause = clause
        super().__init__(self.message())

    def message(self, language: Language = "en") -> str:
        """The text with its details filled in."""
        return (self.vi if language == "vi" else self.en).format_map(self.details)

    def hint(self, language: Language = "en") -> str:
        """What to do about it; empty when the message says it all."""
        return (self.hint_vi if language == "vi" else self.hint_en).format_map(self.details)


class InvalidInput(DossierError):
    """Malformed input (exit code 2)."""

    code = "INVALID_INPUT"


class Refused(DossierError):
    """Refused by a rule (exit code 3). `clause` names the clause of the guidance that asks for it."""

    code = "REFUSED"


class InfrastructureError(DossierError):
    """The world outside failed (exit code 4)."""

    code = "INFRASTRUCTURE"
