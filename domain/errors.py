"""The one tree of errors. Every error says what was wrong, where, and what to do, in English and Vietnamese.

    DossierError
    ├── InvalidInput      the command or query is malformed: nothing was decided, its command id stays free
    ├── Refused           a rule of the guidance or of the procedure refuses a well-formed command
    └── InfrastructureError  the log, a read model or a file could not be used
        └── ProgramTooOld       a newer release wrote what is to be read

An error is known by its code, which no other has. Its texts stand in the message catalogues as `error.<CODE>` and
`error.<CODE>.hint`. `infra/errors.md` shows the whole tree.

`details` hold what the message was made from, so that a reader in another language can make it again. A detail that is
a Text is held in each language, under NAME_en and NAME_vi.
"""

from __future__ import annotations

from typing import ClassVar, Self

from domain.i18n import Language, Text, by_key


class DossierError(Exception):
    """Base of all errors. `code` is the key of its texts in the catalogues; `details` fill their placeholders."""

    code: ClassVar[str] = "DOSSIER_ERROR"
    clause: str | None = None

    def __init__(self, *, clause: str | None = None, **details: object) -> None:
        self.details: dict[str, object] = {}
        for name, value in details.items():
            self.details.update(value.details(name) if isinstance(value, Text) else {name: value})
        if clause is not None:
            self.clause = clause
        super().__init__(self.message())

    @classmethod
    def message_template(cls, language: Language = "en") -> str:
        """The text, its placeholders open; that of the more general error where this one has none of its own."""
        return cls._template("error.{}", language)

    @classmethod
    def hint_template(cls, language: Language = "en") -> str:
        """The hint, its placeholders open; empty where there is none."""
        return cls._template("error.{}.hint", language)

    def message(self, language: Language = "en") -> str:
        """The text with its details filled in."""
        return self.message_template(language).format_map(self.details)

    def hint(self, language: Language = "en") -> str:
        """What to do about it; empty when the message says it all."""
        return self.hint_template(language).format_map(self.details)

    @classmethod
    def _template(cls, key: str, language: Language) -> str:
        for kind in cls.__mro__:
            if issubclass(kind, DossierError):
                found = by_key(key.format(kind.code), language)
                if found is not None:
                    return found
        return ""


class InvalidInput(DossierError):
    """Malformed input (exit code 2)."""

    code = "INVALID_INPUT"


class Refused(DossierError):
    """Refused by a rule (exit code 3). `clause` names the clause of the guidance that asks for it."""

    code = "REFUSED"


class InfrastructureError(DossierError):
    """The world outside failed (exit code 4)."""

    code = "INFRASTRUCTURE"


class ProgramTooOld(InfrastructureError):
    """A newer release wrote what is to be read: whoever meets it stops there, and goes on once it is that release."""

    code = "PROGRAM_TOO_OLD"

    def at(self, **place: object) -> Self:
        """The same error, with more about where it is."""
        return type(self)(clause=None, **{**self.details, **place})
