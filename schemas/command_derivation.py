"""The JSON Schema (2020-12) of a command, derived from its type: the hints give its form, the catalogue its Vietnamese.

    str, bool, int, date    string, boolean, integer, and the shape Day
    list[X], dict[str, X]   array of at most 1000 items, object of at most 1000 entries
    X | None                anyOf X and null; a field with that default may be absent
    Literal, an enum        const or enum
    a TypedDict, a Struct   a closed object, a shape of its own named after it and described by its docstring
    Annotated               the marks of `domain.shapes`

Shapes go under `$defs` of `types.json`, where every command's schema refers to them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from inspect import cleandoc
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Final,
    Literal,
    NotRequired,
    TypeAlias,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from msgspec import NODEFAULT, Struct
from msgspec.structs import fields

from domain.authorization import Role
from domain.commands import Command
from domain.i18n import text
from domain.shapes import AtLeastOne, Computed, EitherOf, Purpose, Shape
from domain.values import Actor

Schema: TypeAlias = dict[str, Any]

TYPES: Final = "types.json"
_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_MOST: Final = 1000
"""The most items or entries that a list or map of a command may have."""

_PRIMITIVES: Final[Mapping[object, str]] = {bool: "boolean", int: "integer"}
_NULL: Final[Schema] = {"type": "null"}
_ENVELOPE: Final = ("command_id", "dossier", "on", "actor")


class Derivation:
    """Derives the schemas of commands and collects the shapes that they share, and the texts that are in them."""

    def __init__(self) -> None:
        self.texts: set[str] = set()
        self._shapes: dict[str, Schema] = {}

    def command(self, command: type[Command], example: Schema) -> Schema:
        """The schema of one command, with an example. Raises TypeError for a hint that has no JSON Schema."""
        title, description = _title_and_description(command)
        hints = get_type_hints(command, include_extras=True)
        data = [field for field in fields(command) if field.name not in Command.__struct_fields__]
        return {
            "$schema": _DRAFT,
            **self._said("title", title),
            **self._said("description", description),
            "type": "object",
            "properties": {
                "command": {"const": command.__name__},
                **{name: self._outside(self._of(hints[name])) for name in _ENVELOPE},
                "data": {
                    "type": "object",
                    "properties": {field.name: self._outside(self._of(hints[field.name])) for field in data},
                    "required": [field.name for field in data if field.default is NODEFAULT],
                    "additionalProperties": False,
                },
            },
            "required": ["command", *_ENVELOPE, "data"],
            "additionalProperties": False,
            "examples": [example],
        }

    def shared(self) -> Schema:
        """The shapes of all commands derived so far."""
        return {"$schema": _DRAFT, **self._said("title", "Shapes that commands share"), "$defs": self._shapes}

    def _outside(self, schema: Any) -> Any:
        """A schema as it stands in another file than the shapes."""
        if isinstance(schema, dict):
            return {key: f"{TYPES}{value}" if key == "$ref" else self._outside(value) for key, value in schema.items()}
        return [self._outside(inner) for inner in schema] if isinstance(schema, list) else schema

    def _of(self, hint: Any) -> Schema:
        origin, arguments = get_origin(hint), get_args(hint)
        if origin is Annotated:
            return self._marked(arguments[0], arguments[1:])
        if origin is NotRequired:
            return self._of(arguments[0])
        if origin in (Union, UnionType):
            return {"anyOf": [_NULL if branch is NoneType else self._of(branch) for branch in arguments]}
        if _is_closed(hint):
            return self._shape(hint.__name__, _title_and_description(hint)[0] + ".", hint)
        return self._plain(hint, origin, arguments)

    def _plain(self, hint: Any, origin: Any, arguments: tuple[Any, ...]) -> Schema:
        if origin is list:
            return {"type": "array", "items": self._of(arguments[0]), "maxItems": _MOST}
        if origin is dict:
            keys, values = (self._of(argument) for argument in arguments)
            return {"type": "object", "propertyNames": keys, "additionalProperties": values, "maxProperties": _MOST}
        if origin is Literal:
            return _one_of(arguments)
        if isinstance(hint, type) and issubclass(hint, StrEnum):
            return _one_of([member.value for member in hint])
        if hint in _PRIMITIVES:
            return {"type": _PRIMITIVES[hint]}
        if isinstance(hint, type) and (issubclass(hint, str) or hint.__name__ == "date"):
            return {"type": "string"}
        raise TypeError(f"no JSON Schema for {hint!r}")

    def _marked(self, hint: Any, marks: Iterable[object]) -> Schema:
        """A hint with its marks, from the innermost out."""
        schema: Schema | None = None
        for mark in marks:
            match mark:
                case Shape(name=""):
                    schema = {**self._of(hint), **_keywords(mark)}
                case Shape():
                    schema = self._shape(mark.name, mark.description, hint, mark)
                case EitherOf():
                    schema = {"anyOf": [self._of(alternative) for alternative in mark.alternatives]}
                case AtLeastOne() if schema is None:
                    # It has no name, so it stands in its place.
                    schema = {**self._body(hint), "minProperties": 1}
                case AtLeastOne():
                    schema = {"allOf": [schema], "minProperties": 1}
                case Purpose():
                    schema = {
                        **self._said("description", mark.description),
                        **(self._of(hint) if schema is None else schema),
                    }
        return self._of(hint) if schema is None else schema

    def _shape(self, name: str, description: str, hint: Any, mark: Shape | None = None) -> Schema:
        if name not in self._shapes:
            self._shapes[name] = {}
            keywords = _keywords(mark) if mark else {}
            self._shapes[name] = {**self._said("description", description), **self._body(hint), **keywords}
        return {"$ref": f"#/$defs/{name}"}

    def _body(self, hint: Any) -> Schema:
        """The schema of a hint where it stands, without a name."""
        return self._object(hint) if _is_closed(hint) else self._of(hint)

    def _said(self, keyword: str, english: str) -> Schema:
        """A title or description in both languages."""
        self.texts.add(english)
        return {keyword: english, f"x-{keyword}-vi": text(english, "vi")}

    def _object(self, hint: Any) -> Schema:
        """The fields of a TypedDict or a Struct, and nothing else."""
        hints = {
            key: inner
            for key, inner in get_type_hints(hint, include_extras=True).items()
            if Computed() not in getattr(inner, "__metadata__", ())
        }
        total = getattr(hint, "__total__", True)
        properties = {
            key: _one_of([role.value for role in Role]) if (hint, key) == (Actor, "role") else self._of(inner)
            for key, inner in hints.items()
        }
        return {
            "type": "object",
            "properties": properties,
            "required": [key for key, inner in hints.items() if total and get_origin(inner) is not NotRequired],
            "additionalProperties": False,
        }


def _is_closed(hint: Any) -> bool:
    return is_typeddict(hint) or (isinstance(hint, type) and issubclass(hint, Struct))


def _title_and_description(described: type) -> tuple[str, str]:
    """The summary of a docstring without its point, and its next paragraph."""
    summary, _, rest = cleandoc(described.__doc__ or "").partition("\n\n")
    return summary.removesuffix("."), " ".join(rest.partition("\n\n")[0].split())


def _one_of(values: Iterable[str]) -> Schema:
    options = list(values)
    return {"const": options[0]} if len(options) == 1 else {"enum": options}


def _keywords(mark: Shape) -> Schema:
    said = {
        "format": mark.format,
        "pattern": mark.pattern,
        "minLength": mark.min_length,
        "maxLength": mark.max_length,
        "minimum": mark.minimum,
        "maximum": mark.maximum,
    }
    return {keyword: value for keyword, value in said.items() if value is not None}
