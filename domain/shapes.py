"""What a command's value must look like beyond its Python type, as annotations; the JSON Schemas are made from them.

`Annotated[str, Shape("Text", "A text.", max_length=4000)]` is a named shape, shared by all commands that use it;
`Annotated[Document | None, Purpose("The report.")]` says what one field of one command is for. Descriptions are English
texts of the message catalogue. Nothing here checks anything: a command is checked against its schema.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal, Self, TypeAlias

from domain.catalogue.enums import Level


@dataclass(frozen=True, slots=True)
class Shape:
    """The keywords of JSON Schema that a type alone does not say; with a name, a shape of its own under `$defs`."""

    name: str = ""
    description: str = ""
    format: str | None = None
    pattern: str | None = None
    min_length: int | None = None
    max_length: int | None = None
    minimum: int | None = None
    maximum: int | None = None


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a field is for."""

    description: str


@dataclass(frozen=True, slots=True)
class AtLeastOne:
    """An object that must have an entry."""


@dataclass(frozen=True, slots=True)
class EitherOf:
    """One of several shapes where Python's type cannot tell them apart."""

    alternatives: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Computed:
    """A key that the system fills in: events hold it, no command may give it."""


class DecimalText(str):
    """A decimal number as text with a point, for example "81.82"; a comma that was written becomes the point."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        return super().__new__(cls, text.replace(",", "."))


CommandId: TypeAlias = Annotated[
    str,
    Shape(
        "CommandId",
        "The command's own id: a UUID of any version (RFC 9562) in lower-case text. The same one again for the same "
        "unit gets the first answer and acts once.",
        pattern="^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$",
    ),
]
Day: TypeAlias = Annotated[
    date,
    Shape(
        "Day",
        "A day in Vietnam's calendar, YYYY-MM-DD, as the document has it.",
        format="date",
        pattern="^[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}$",
    ),
]
Time: TypeAlias = Annotated[str, Shape("Time", "A time of day, HH:MM.", pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Percent: TypeAlias = Annotated[
    DecimalText,
    Shape(
        "Percent",
        "A stated percentage, for example 81.82 or 81,82: a point or a comma, up to six decimals.",
        pattern="^[0-9]{1,3}([.,][0-9]{1,6})?$",
    ),
]
Text: TypeAlias = Annotated[
    str, Shape("Text", "A text of 1 to 4000 characters in Unicode NFC.", min_length=1, max_length=4000)
]
Reason: TypeAlias = Annotated[
    str, Shape("Reason", "A reason in words. The procedure refuses a blank one by name.", max_length=4000)
]
CriterionCode: TypeAlias = Annotated[
    str,
    Shape(
        "CriterionCode",
        "The code of a criterion in Biểu 04 of the unit's kind: group and number, for example I.1.",
        min_length=1,
        max_length=40,
    ),
]
BodyId: TypeAlias = Annotated[
    str,
    Shape(
        "BodyId",
        "The id of an agency (so-tttt), of a unit (04630), ubnd-tinh, or council.",
        min_length=1,
        max_length=64,
    ),
]
LevelName: TypeAlias = Annotated[Level, Shape("Level", "The level applied for: basic, or advanced.")]
Capacity: TypeAlias = Annotated[
    Literal["chairman", "deputy"],
    Shape("Capacity", "In what capacity the decision was signed: chairman, or deputy (KT. CHỦ TỊCH)."),
]
FactVersion: TypeAlias = Annotated[
    int,
    Shape("FactVersion", "The version in the dossier's history of the fact that is corrected.", minimum=1),
]
Sha256: TypeAlias = Annotated[str, Shape(pattern="^[0-9a-f]{64}$")]
"""64 hexadecimal digits in lower case."""
Count: TypeAlias = Annotated[int, Shape(minimum=0)]
Year: TypeAlias = Annotated[int, Shape(minimum=1000, maximum=9999)]
