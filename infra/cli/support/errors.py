"""What can be wrong with what a person types or names, before any command is made of it (exit code 2), and around it.

InvalidInput
├── UnreadableFile    a file that cannot be opened
├── WrongFileType     a file of another type than JSON
├── JsonArray         one JSON array where JSON Lines are read
├── EmptyFile         nothing in a file
├── BadDocument       a document that is not written as DOC
├── NoSuchDocument    a document whose file does not exist
├── BadEntry          one of several parts that is not written as its help says
└── BadOption         an option, or several together, that make no sense
InfrastructureError
└── OutputUnwritable  no room for what is to be said
"""

from __future__ import annotations

from domain.errors import InfrastructureError, InvalidInput


class UnreadableFile(InvalidInput):
    """A file that cannot be opened or read."""

    code = "FILE_UNREADABLE"


class WrongFileType(InvalidInput):
    """A file of another type."""

    code = "WRONG_FILE_TYPE"


class JsonArray(InvalidInput):
    """One JSON array where JSON Lines are read."""

    code = "JSON_ARRAY"


class EmptyFile(InvalidInput):
    """A file with nothing in it."""

    code = "EMPTY_FILE"


class BadDocument(InvalidInput):
    """A document that is not written as DOC."""

    code = "BAD_DOCUMENT"


class NoSuchDocument(InvalidInput):
    """A document whose file does not exist."""

    code = "NO_SUCH_DOCUMENT"


class BadEntry(InvalidInput):
    """One of several parts that is not written as its help says."""

    code = "BAD_ENTRY"


class BadOption(InvalidInput):
    """An option, or several together, that make no sense."""

    code = "BAD_OPTION"


class OutputUnwritable(InfrastructureError):
    """Standard output is a file that cannot be written."""

    code = "OUTPUT_UNWRITABLE"
