"""What a JSON Schema validator found, in words for people in both languages."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final, NamedTuple

from jsonschema_rs import Draft202012Validator, ValidationError

from schemas.text_checks import path_of, shown

DAY: Final = "day"
_MOST: Final = 10
_DAY_PATTERN: Final = "^[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}$"


class Problem(NamedTuple):
    """One place: its JSON path, what was expected there, and for a bad day (`kind` is DAY) its text."""

    path: str
    en: str
    vi: str
    value: Any
    kind: str = ""


_WORDS: Final[dict[str, tuple[str, str]]] = {
    "type": ("must be of type {types}", "phải có kiểu {types}"),
    "enum": ("must be one of {options}", "phải là một trong {options}"),
    "const": ("must be {expected_value}", "phải là {expected_value}"),
    "pattern": ("must have the form {pattern}", "phải có dạng {pattern}"),
    "format": ("must be a {format}", "phải có dạng {format}"),
    "minLength": ("must have at least {limit} character(s)", "phải có ít nhất {limit} ký tự"),
    "maxLength": ("must have at most {limit} characters", "chỉ được có tối đa {limit} ký tự"),
    "minItems": ("must have at least {limit} item(s)", "phải có ít nhất {limit} mục"),
    "maxItems": ("must have at most {limit} items", "chỉ được có tối đa {limit} mục"),
    "minProperties": ("must have at least {limit} entry", "phải có ít nhất {limit} mục"),
    "maxProperties": ("must have at most {limit} entries", "chỉ được có tối đa {limit} mục"),
    "minimum": ("must be {limit} or more", "phải từ {limit} trở lên"),
    "maximum": ("must be {limit} or less", "phải từ {limit} trở xuống"),
    "required": ("is missing", "còn thiếu"),
    "additionalProperties": ("is not known here", "không được dùng ở đây"),
    "propertyNames": ("has a key that is not allowed", "có khóa không hợp lệ"),
}


def problems(validator: Draft202012Validator, value: Any) -> list[Problem]:
    """Up to ten problems of a value that the validator does not accept, in its order."""
    return list(islice((found for error in validator.iter_errors(value) for found in _of(error)), _MOST))


def _of(error: ValidationError) -> Iterator[Problem]:
    keyword, details = error.kind.name, error.kind.as_dict()
    path = error.instance_path
    if keyword == "anyOf":
        yield from _of(_closest(details["context"]))
        return
    if keyword == "format" or details.get("pattern") == _DAY_PATTERN:
        yield Problem(path_of(path), *_WORDS["format"], error.instance, DAY)
        return
    en, vi = _WORDS[keyword]
    said = {name: _said(detail) for name, detail in details.items()}
    for step in [details["property"]] if keyword == "required" else details.get("unexpected", [None]):
        at = path if step is None else [*path, step]
        yield Problem(path_of(at), en.format_map(said), vi.format_map(said), None)


def _closest(branches: list[list[ValidationError]]) -> ValidationError:
    """Of the branches of an anyOf the one that was meant: it fails deepest inside the value."""
    first = [branch[0] for branch in branches]
    return max(first, key=lambda error: (error.kind.name != "type", len(error.instance_path)))


def _said(detail: Any) -> str:
    if isinstance(detail, list):
        return ", ".join(str(item) for item in detail)
    return shown(detail) if isinstance(detail, str) and not detail.startswith("^") else str(detail)
