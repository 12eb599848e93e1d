"""What can be wrong with a command before it reaches the domain. Nothing was decided, and its id stays free.

InvalidInput
└── MalformedCommand
    ├── EmptyCommand, CommandTooLarge, NotUtf8, ByteOrderMark, NulCharacter     the bytes
    ├── NotJson, DuplicateKey, TooDeep                                          the JSON
    ├── NotANumber, NotAnInteger, NumberTooLarge                                its numbers
    ├── NotNfc, BadText                                                         its texts
    └── UnknownCommand, InvalidDate, InvalidCommand                             the command
"""

from __future__ import annotations

from domain.errors import InvalidInput


class MalformedCommand(InvalidInput):
    """Base. `command_id` is the command's id where it could be read, so that the answer can carry it."""

    code = "MALFORMED_COMMAND"
    command_id: str | None = None


class EmptyCommand(MalformedCommand):
    """A line with nothing on it."""

    code = "EMPTY_COMMAND"


class CommandTooLarge(MalformedCommand):
    """More bytes than a command may have."""

    code = "COMMAND_TOO_LARGE"


class NotUtf8(MalformedCommand):
    """Bytes that are no UTF-8, as a file of another type or encoding has."""

    code = "NOT_UTF8"


class ByteOrderMark(MalformedCommand):
    """A byte order mark before the JSON."""

    code = "BYTE_ORDER_MARK"


class NulCharacter(MalformedCommand):
    """A NUL, as binary files and UTF-16 have."""

    code = "NUL_CHARACTER"


class NotJson(MalformedCommand):
    """Text that is no JSON."""

    code = "NOT_JSON"


class DuplicateKey(MalformedCommand):
    """The same key twice in one object: which of the two is meant?"""

    code = "DUPLICATE_KEY"


class TooDeep(MalformedCommand):
    """Nested deeper than any command is."""

    code = "TOO_DEEP"


class NotANumber(MalformedCommand):
    """NaN or an infinity, which JSON does not have."""

    code = "NOT_A_NUMBER"


class NotAnInteger(MalformedCommand):
    """A fraction, an exponent or a negative zero; a command has whole numbers only."""

    code = "NOT_AN_INTEGER"


class NumberTooLarge(MalformedCommand):
    """A whole number beyond 2**53, which not every JSON reader keeps exactly."""

    code = "NUMBER_TOO_LARGE"


class NotNfc(MalformedCommand):
    """A text or key that is not in Unicode Normalization Form C: two spellings of one word would differ."""

    code = "NOT_NFC"


class BadText(MalformedCommand):
    """A control character, half a surrogate pair or a code point that is no character."""

    code = "BAD_TEXT"


class UnknownCommand(MalformedCommand):
    """A command of a name that there is not."""

    code = "UNKNOWN_COMMAND"


class InvalidDate(MalformedCommand):
    """A day that the calendar does not have, or one in another form than YYYY-MM-DD."""

    code = "INVALID_DATE"


class InvalidCommand(MalformedCommand):
    """Not of the form that the command's JSON Schema gives. `problems` holds path, en and vi of up to ten places."""

    code = "INVALID_COMMAND"
