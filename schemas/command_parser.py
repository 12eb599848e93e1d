"""Commands from JSON, strictly: one line in, one command out, or a MalformedCommand that says what is wrong where."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from functools import cache
from hashlib import sha256
from threading import Lock
from typing import Any, Final, NamedTuple, NoReturn
from unicodedata import is_normalized

from jsonschema_rs import Draft202012Validator
from msgspec import ValidationError, convert

from domain.catalogue.answers import LARGEST
from domain.commands import COMMAND_TYPES, NO_DIGEST, Command
from domain.errors import InvalidInput
from domain.i18n import pair
from domain.shapes import DecimalText
from schemas.command_errors import (
    ByteOrderMark,
    CommandTooLarge,
    DuplicateKey,
    EmptyCommand,
    InvalidCommand,
    InvalidDate,
    MalformedCommand,
    NotAnInteger,
    NotANumber,
    NotJson,
    NotUtf8,
    NulCharacter,
    NumberTooLarge,
    TooDeep,
    UnknownCommand,
)
from schemas.command_schemas import command_schemas, example
from schemas.text_checks import BAD, DEEPEST, check_depth, check_texts, shown
from schemas.validation_messages import DAY, Problem, problems

__all__ = [
    "LARGEST_COMMAND",
    "MalformedMessage",
    "command_from",
    "command_schemas",
    "example",
    "is_command",
    "line_of",
    "parse_message",
    "read_command",
]

LARGEST_COMMAND: Final = 4 * 2**20
"""The most bytes that one command may have."""

_COMMAND_ID: Final = re.compile(
    r'"command_id"\s*:\s*"([0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})"'
)
_DIGITS: Final = len(str(LARGEST))


@dataclass(frozen=True, slots=True)
class MalformedMessage:
    """Input that is no command, or none that can be handled: its error, and its command id where that could be read.

    `digest` (32 bytes) is the SHA-256 of its bytes, or that of the content of a command that could not be handled.
    """

    command_id: str | None
    error: InvalidInput
    digest: bytes = NO_DIGEST


def parse_message(line: bytes) -> Command | MalformedMessage:
    """The command on a line of JSON, or what is wrong with it."""
    try:
        return read_command(line)
    except MalformedCommand as error:
        return MalformedMessage(error.command_id, error, sha256(line).digest())


def is_command(line: bytes, digest: bytes, command_id: str | None) -> bool:
    """Whether a line is the one that a digest was taken of: by its content and its command id, or by its bytes.

    What a command must look like does not matter: a line that one release refuses may be a command to another one.
    """
    if sha256(line).digest() == digest:
        return True
    try:
        envelope = _parsed(_text(line))
        named = envelope.pop("command_id", None) if isinstance(envelope, dict) else None
        content = sha256(_canonical(envelope).encode("utf-8", "surrogatepass")).digest()
    except (MalformedCommand, RecursionError):
        return False
    return content == digest and command_id in (None, named)


def read_command(line: bytes | str) -> Command:
    """The command on one line of JSON; a line end is allowed. Raises MalformedCommand."""
    text = _text(line)
    try:
        return _command(text)
    except MalformedCommand as error:
        error.command_id = _command_id(text)
        raise


def command_from(envelope: dict[str, Any]) -> Command:
    """The command of an envelope built in Python (days may be `date`), by the same checks. Raises MalformedCommand."""
    return read_command(line_of(envelope))


def line_of(envelope: dict[str, Any]) -> str:
    """An envelope built in Python (days may be `date`) as a line of JSON without its end. Raises MalformedCommand."""
    try:
        return json.dumps(envelope, ensure_ascii=False, default=_day_text)
    except (TypeError, ValueError) as error:
        raise NotJson(position=0, reason=str(error)) from error
    except RecursionError:
        raise TooDeep(deepest=DEEPEST) from None


def _text(line: bytes | str) -> str:
    if isinstance(line, str):
        # Half a surrogate pair passes here, to be refused below with the position of its byte.
        line = line.encode("utf-8", "surrogatepass")
    if len(line) > LARGEST_COMMAND:
        raise CommandTooLarge(size=len(line), largest=LARGEST_COMMAND)
    try:
        return line.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        malformed = NotUtf8(position=error.start + 1)
        malformed.command_id = _command_id(line.decode("utf-8", "replace"))
        raise malformed from None


def _command(text: str) -> Command:
    envelope = _parsed(text)
    if "\\" in text or BAD.search(text) or not is_normalized("NFC", text):
        check_texts(envelope)
    name = _name(envelope)
    form = _form(name)
    if not form.accepts(envelope):
        _refuse(form, envelope)
    command_id = envelope.pop("command_id")
    digest = sha256(_canonical(envelope).encode()).digest()
    del envelope["command"]
    fields = {**envelope.pop("data"), **envelope, "command_id": command_id, "digest": digest}
    return convert(fields, _type(name), dec_hook=_typed)


_LEARNING: Final = Lock()


@cache
def _type(name: str) -> type[Command]:
    """The type of a command, which msgspec has learnt: two threads that did so at once would end the process."""
    with _LEARNING, suppress(ValidationError):
        convert({}, COMMAND_TYPES[name], dec_hook=_typed)
    return COMMAND_TYPES[name]


def _parsed(text: str) -> Any:
    if not text or text.isspace():
        raise EmptyCommand
    if text[0] == "\ufeff":
        raise ByteOrderMark
    if (nul := text.find("\0")) >= 0:
        raise NulCharacter(position=nul + 1)
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise NotJson(position=error.pos + 1, reason=error.msg) from None
    except RecursionError:
        raise TooDeep(deepest=DEEPEST) from None


def _name(envelope: Any) -> str:
    if not isinstance(envelope, dict):
        raise _invalid([Problem("$", pair("must be an object"), None)])
    name = envelope.get("command")
    if not isinstance(name, str):
        raise _invalid([Problem("$.command", pair("must name a command"), None)])
    if name not in command_schemas():
        close = get_close_matches(name[:64], command_schemas())
        raise UnknownCommand(name=shown(name), close=", ".join(close) or "-")
    return name


class _Form(NamedTuple):
    accepts: Callable[[Any], bool]
    validator: Draft202012Validator


@cache
def _form(name: str) -> _Form:
    """The compiled form of one command, made when it is first read."""
    validator = Draft202012Validator(command_schemas()[name], validate_formats=True)
    return _Form(validator.is_valid, validator)


def _typed(kind: type[DecimalText], value: str) -> DecimalText:
    """A value of the one type of ours that JSON has no form for."""
    return kind(value)


def _refuse(form: _Form, envelope: Any) -> NoReturn:
    # No form is deep, so only what was refused can be.
    check_depth(envelope)
    found = problems(form.validator, envelope)
    for problem in found:
        if problem.kind == DAY:
            raise InvalidDate(path=problem.path, day=shown(problem.value))
    raise _invalid(found)


def _invalid(found: list[Problem]) -> InvalidCommand:
    return InvalidCommand(
        problems=[{"path": problem.path, **problem.expected._asdict()} for problem in found],
        problems_en="; ".join(f"{problem.path} {problem.expected.en}" for problem in found),
        problems_vi="; ".join(f"{problem.path} {problem.expected.vi}" for problem in found),
    )


def _command_id(text: str) -> str | None:
    """The id by its text, since what is malformed has no other form; None unless there is exactly one."""
    found = set(_COMMAND_ID.findall(text))
    return found.pop() if len(found) == 1 else None


def _day_text(value: Any) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is no JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise DuplicateKey(key=shown(key))
            seen.add(key)
    return found


def _whole_number(text: str) -> int:
    # The length first: int() of a million digits takes its time.
    if len(text) > _DIGITS + 1 or abs(number := int(text)) > LARGEST:
        raise NumberTooLarge(number=shown(text), largest=LARGEST)
    if text == "-0":
        raise NotAnInteger(number=text)
    return number


def _no_fraction(text: str) -> NoReturn:
    raise NotAnInteger(number=shown(text))


def _no_number(text: str) -> NoReturn:
    raise NotANumber(number=text)


# Not strict: a control character inside a text is found below, where its path can be said.
_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=_whole_number,
    parse_float=_no_fraction,
    parse_constant=_no_number,
    strict=False,
)
_canonical: Final = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode
