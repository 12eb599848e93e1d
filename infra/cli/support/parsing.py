"""What a person types or names, as the parts of a command's data: documents, people, votes, JSON files."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from hashlib import file_digest
from pathlib import Path
from typing import Any, Final, NoReturn

from domain.i18n import pair
from infra.cli.support.errors import BadDocument, BadEntry, BadOption, NoSuchDocument
from infra.cli.support.i18n import say
from infra.cli.support.input_files import STANDARD_INPUT, contents
from schemas.command_errors import DuplicateKey, NotANumber, NotJson, NotUtf8

DOC: Final = "DOC"
DOC_HELP: Final = say(
    'DOC is "NUMBER|DATE|ISSUER|FILE" or "NUMBER|DATE|ISSUER|FILE|TITLE": the SHA-256 of FILE is '
    "recorded, or FILE is itself a SHA-256. NUMBER is empty for a document without one; DATE is "
    "YYYY-MM-DD."
)
NOTE: Final = "_"
"""Keys that begin so are for the reader of a filled-in form, and are left out."""

_SHA256: Final = re.compile("[0-9a-fA-F]{64}")
_VOTES: Final = re.compile(r"(\d+)/(\d+)=([0-9.,]+)%?")
_ONE_DOCUMENT: Final = frozenset({"minutes", "letter", "report", "decision", "corrected", "document"})
_SEVERAL_DOCUMENTS: Final = frozenset({"evidence", "documents"})
_DOCUMENT_PIECES: Final = (4, 5)


def document(text: str | None, folder: Path | None = None) -> dict[str, Any] | None:
    """A document that is written as DOC; its file is looked for in `folder`. Raises BadDocument, NoSuchDocument."""
    if text is None:
        return None
    pieces = [piece.strip() for piece in text.split("|")]
    if len(pieces) not in _DOCUMENT_PIECES:
        raise BadDocument(text=text)
    number, day, issuer, file, *title = pieces
    found: dict[str, Any] = {"date": day, "issuer": issuer, "sha256": _sha256(file, folder or Path())}
    if number:
        found["number"] = number
    if title and title[0]:
        found["title"] = title[0]
    return found


def documents(texts: Sequence[str] | None) -> list[dict[str, Any] | None] | None:
    """Several documents; None for none."""
    return [document(text) for text in texts] if texts else None


def named_documents(texts: Sequence[str] | None, option: str) -> dict[str, Any]:
    """Documents written as AGENCY=DOC. Raises BadEntry for one without its agency, or an agency that is there twice."""
    named: dict[str, Any] = {}
    for text in texts or ():
        agency, separator, rest = text.partition("=")
        if not separator or agency in named:
            raise BadEntry(option=option, text=text, form="AGENCY=DOC")
        named[agency] = document(rest)
    return named


def person(text: str | None, option: str, body: str) -> dict[str, str] | None:
    """A person written as NAME|POSITION|BODY; `body` is the key of the last. Raises BadEntry."""
    if text is None:
        return None
    pieces = [piece.strip() for piece in text.split("|")]
    keys = ("name", "position", body)
    if len(pieces) != len(keys):
        raise BadEntry(option=option, text=text, form=f"NAME|POSITION|{body.upper()}")
    return dict(zip(keys, pieces, strict=True))


def people(texts: Sequence[str] | None, option: str, body: str) -> list[dict[str, str] | None] | None:
    """Several people; None for none."""
    return [person(text, option, body) for text in texts] if texts else None


def votes(text: str | None) -> dict[str, Any] | None:
    """Votes written as IN_FAVOUR/ATTENDING=PERCENT, for example 9/11=81.82. Raises BadEntry."""
    if text is None:
        return None
    match = _VOTES.fullmatch(text)
    if match is None:
        raise BadEntry(option="--votes", text=text, form="IN_FAVOUR/ATTENDING=PERCENT (9/11=81.82)")
    return {"in_favour": int(match[1]), "attending": int(match[2]), "percent": match[3]}


def json_file(path: str | None) -> Any:
    """The JSON of a file or of the standard input; notes are left out, documents may be written as DOC.

    A file of a document is looked for beside the JSON file. Raises what `contents` and `document` raise, NotUtf8,
    NotJson, DuplicateKey, NotANumber.
    """
    if path is None:
        return None
    try:
        text = contents(path).decode()
    except UnicodeDecodeError as error:
        raise NotUtf8(position=error.start + 1) from None
    folder = Path() if path == STANDARD_INPUT else Path(path).parent
    return _filled_in(_parsed(text), folder)


def only_one(option: str, *given: object) -> None:
    """Raises BadOption when more than one of several ways to say the same is used."""
    if sum(value is not None for value in given) > 1:
        raise BadOption(reason=pair("give only one of {option}", option=option))


def _sha256(file: str, folder: Path) -> str:
    path = folder / file
    if file and path.is_file():
        try:
            with path.open("rb") as stream:
                return file_digest(stream, "sha256").hexdigest()
        except OSError:
            raise NoSuchDocument(file=file) from None
    if _SHA256.fullmatch(file):
        return file.lower()
    raise NoSuchDocument(file=file)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_without_repetition, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        raise NotJson(position=error.pos + 1, reason=error.msg) from None
    except (ValueError, RecursionError) as error:
        # A whole number of thousands of digits, or nested without end.
        raise NotJson(position=1, reason=str(error)) from None


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise DuplicateKey(key=key)
        found[key] = value
    return found


def _no_number(text: str) -> NoReturn:
    raise NotANumber(number=text)


def _filled_in(value: Any, folder: Path) -> Any:
    """A value of a form: without its notes, with each DOC as the document that it names."""
    if isinstance(value, list):
        return [_filled_in(item, folder) for item in value]
    if not isinstance(value, dict):
        return value
    filled: dict[str, Any] = {}
    for key, item in value.items():
        if key.startswith(NOTE):
            continue
        if key in _ONE_DOCUMENT and isinstance(item, str):
            filled[key] = document(item, folder)
        elif key in _SEVERAL_DOCUMENTS and isinstance(item, list):
            filled[key] = [
                document(each, folder) if isinstance(each, str) else _filled_in(each, folder) for each in item
            ]
        elif key == "letters" and isinstance(item, dict):
            filled[key] = {
                agency: document(each, folder) if isinstance(each, str) else _filled_in(each, folder)
                for agency, each in item.items()
            }
        else:
            filled[key] = _filled_in(item, folder)
    return filled
