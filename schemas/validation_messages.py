"""What a JSON Schema validator found, as texts for people in both languages."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final, NamedTuple

from jsonschema_rs import Draft202012Validator, ValidationError

from domain.i18n import Text, pair, translatable
from schemas.excerpt import count_values, excerpt, pointer
from schemas.text_checks import path_of, shown

DAY: Final = "day"
_MOST: Final = 10
_MOST_VALUES: Final = 10_000
"""No command that an official sends has as many."""
_DAY_PATTERN: Final = "^[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}$"


class Problem(NamedTuple):
    """One place: its JSON path, what was expected there, and for a bad day (`kind` is DAY) its text."""

    path: str
    expected: Text
    value: Any
    kind: str = ""


_EXPECTED: Final = {
    "type": translatable("must be of type {types}"),
    "enum": translatable("must be one of {options}"),
    "const": translatable("must be {expected_value}"),
    "pattern": translatable("must have the form {pattern}"),
    "minLength": translatable("must have at least {limit} character(s)"),
    "maxLength": translatable("must have at most {limit} characters"),
    "minItems": translatable("must have at least {limit} item(s)"),
    "maxItems": translatable("must have at most {limit} items"),
    "minProperties": translatable("must have at least {limit} entry"),
    "maxProperties": translatable("must have at most {limit} entries"),
    "minimum": translatable("must be {limit} or more"),
    "maximum": translatable("must be {limit} or less"),
    "required": translatable("is missing"),
    "additionalProperties": translatable("is not known here"),
    "propertyNames": translatable("has a key that is not allowed"),
}


def problems(validator: Draft202012Validator, value: Any) -> list[Problem]:
    """Up to ten problems of a value that the validator does not accept, in its order."""
    if count_values(value, _MOST_VALUES) > _MOST_VALUES:
        expected = pair("has a fault, and more than {limit} values: too many to say where", limit=str(_MOST_VALUES))
        return [Problem("$", expected, None)]
    part, places = excerpt(validator, value, _MOST)
    errors = [_meant(error) for error in validator.iter_errors(part)]
    # What was left out may seem to be missing.
    told = [error for error in errors if pointer(error.instance_path) in places] or errors
    return list(islice((problem for error in told for problem in _of(error)), _MOST))


def _meant(error: ValidationError) -> ValidationError:
    """Of the faults that a value has by each of several forms the one by the form that was meant."""
    while error.kind.name == "anyOf":
        error = _closest(error.kind.as_dict()["context"])
    return error


def _of(error: ValidationError) -> Iterator[Problem]:
    keyword, details = error.kind.name, error.kind.as_dict()
    path = error.instance_path
    if keyword == "format" or details.get("pattern") == _DAY_PATTERN:
        yield Problem(path_of(path), pair("must be a date"), error.instance, DAY)
        return
    expected = pair(_EXPECTED[keyword], **{name: _shown_detail(detail) for name, detail in details.items()})
    for step in [details["property"]] if keyword == "required" else details.get("unexpected", [None]):
        at = path if step is None else [*path, step]
        yield Problem(path_of(at), expected, None)


def _closest(branches: list[list[ValidationError]]) -> ValidationError:
    """Of the branches of an anyOf the one that was meant: it fails deepest inside the value."""
    first = [branch[0] for branch in branches]
    return max(first, key=lambda error: (error.kind.name != "type", len(error.instance_path)))


def _shown_detail(detail: Any) -> str:
    if isinstance(detail, list):
        return ", ".join(str(item) for item in detail)
    return shown(detail) if isinstance(detail, str) and not detail.startswith("^") else str(detail)
