"""Which texts the code asks the message catalogues for, found in its syntax trees without running it.

A text must stand as a literal in a call of a marker (`text`, `pair`, `translatable`, `say`, `session.text`), so that it
can be found, or come from a dictionary of the module whose values are all marked so. What is passed on instead is a
fault, unless `PASSED_ON` says where its literals stand.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Formatter
from typing import Final

PACKAGES: Final = ("domain", "projections", "consumers", "schemas", "infra")
PARAGRAPH: Final = "\n\n"

_MARKERS: Final = {
    "domain.i18n": frozenset({"text", "pair", "translatable"}),
    "infra.cli.support.i18n": frozenset({"say"}),
}
_BY_PARAGRAPH: Final = frozenset({"say"})
"""Markers whose texts are looked up paragraph by paragraph."""
_LATER: Final = frozenset({"say", "translatable"})
"""Markers that fill no placeholder: that is done where the text is looked up."""
_OWNERS: Final = frozenset({"session", "_session"})

PASSED_ON: Final[Mapping[tuple[str, str], str]] = {
    ("infra/cli/support/session.py", "english"): "the marker `session.text` itself",
    ("infra/cli/support/i18n.py", "paragraph"): "what `say` marked",
    ("infra/cli/support/i18n.py", "event"): "the names of the events: `infra.dev.catalogues.used_names`",
    ("infra/cli/support/input_files.py", "kind"): "_MAGIC, in the same file",
    ("infra/cli/queries/audit.py", "meaning"): "projections.audit.FLAGS",
    ("infra/cli/operations/lost.py", "command.reason.text"): "the reasons in infra/recovery/lost.py",
    ("infra/demo/report.py", "english"): "the marker `self._text` itself",
    ("infra/demo/report.py", "FLAGS[flag]"): "projections.audit.FLAGS",
    ("schemas/command_derivation.py", "english"): "the types of the commands: `schemas.command_schemas.command_texts`",
    ("domain/dossier/assessment.py", "form"): "the callers of `not_a_finding`",
    ("domain/dossier/assessment.py", "what"): "the callers of `complete_over`",
    ("domain/dossier/preconditions.py", "name"): "the callers of `part` and `document`, with a literal or a constant",
    ("domain/dossier/preconditions.py", "what"): "the callers of `reason`",
    ("domain/dossier/reception.py", "name"): "the forms in domain/dossier/preconditions.py",
    ("domain/step.py", "self.why"): "the orders in domain/procedure.py",
}
"""(file, argument) → where the literals stand."""


@dataclass(frozen=True, slots=True)
class Use:
    """A text that is asked for, and where: a path with slashes and a line."""

    text: str
    path: str
    line: int


@dataclass(slots=True)
class Extraction:
    """What was found in some files."""

    uses: list[Use] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    passed_on: set[tuple[str, str]] = field(default_factory=set)


def source_files(root: Path) -> Iterator[tuple[str, ast.Module]]:
    """Every module below the packages of `root`, as (path with slashes, tree)."""
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            yield path.relative_to(root).as_posix(), ast.parse(path.read_bytes())


def extract(root: Path, passed_on: Mapping[tuple[str, str], str] = PASSED_ON) -> Extraction:
    """The texts of all modules below `root`."""
    found = Extraction()
    for path, tree in source_files(root):
        names = marker_names(tree)
        tables = _tables(tree, names)
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or (marker := marker_of(node, names)) is None:
                continue
            if not (node.args and _is_of_table(node.args[0], tables)):
                _take_call(found, path, node, marker, passed_on)
    for path, argument in sorted(passed_on.keys() - found.passed_on):
        found.faults.append(f"{path}: {argument!r} is listed as passed on, and is not")
    return found


def marker_names(tree: ast.Module) -> dict[str, str]:
    """Name in a module → marker: imported ones, and what `session.text` was assigned to."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if alias.name in _MARKERS.get(node.module or "", ()):
                    names[alias.asname or alias.name] = alias.name
        elif isinstance(node, ast.Assign):
            names.update(dict.fromkeys(_names_of_session_text(node.targets[0], node.value), "text"))
    return names


def marker_of(call: ast.Call, names: Mapping[str, str]) -> str | None:
    """The marker that is called, or None for any other function."""
    if isinstance(call.func, ast.Name):
        return names.get(call.func.id)
    return "text" if _is_session_text(call.func) else None


def placeholders(text: str) -> set[str]:
    """The names that a text leaves open. Raises ValueError for one that is malformed."""
    found: set[str] = set()
    for _, name, specification, _ in Formatter().parse(text):
        # What is no name, as in JSON, is no placeholder.
        if name is not None and name.isidentifier():
            found.add(name)
            found |= placeholders(specification or "")
    return found


def _names_of_session_text(target: ast.expr, value: ast.expr) -> Iterator[str]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for one, its_value in zip(target.elts, value.elts, strict=True):
            yield from _names_of_session_text(one, its_value)
    elif isinstance(target, ast.Name) and _is_session_text(value):
        yield target.id


def _is_session_text(node: ast.expr) -> bool:
    if not isinstance(node, ast.Attribute):
        return False
    owner = node.value
    if node.attr == "_text":
        return isinstance(owner, ast.Name) and owner.id == "self"
    if node.attr != "text":
        return False
    return (isinstance(owner, ast.Name) and owner.id in _OWNERS) or (
        isinstance(owner, ast.Attribute) and owner.attr in _OWNERS
    )


def _tables(tree: ast.Module, names: Mapping[str, str]) -> set[str]:
    """The dictionaries of a module whose values are all marked themselves, by name."""
    found = set()
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if isinstance(target, ast.Name) and isinstance(value, ast.Dict):
            marked = (isinstance(each, ast.Call) and marker_of(each, names) is not None for each in value.values)
            if all(marked):
                found.add(target.id)
    return found


def _is_of_table(node: ast.expr, tables: set[str]) -> bool:
    return isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id in tables


def _take_call(
    found: Extraction, path: str, call: ast.Call, marker: str, passed_on: Mapping[tuple[str, str], str]
) -> None:
    where = f"{path}:{call.lineno}"
    if not call.args:
        found.faults.append(f"{where}: {marker}() without a text")
        return
    texts = list(_literals(call.args[0]))
    if None in texts:
        place = (path, ast.unparse(call.args[0]))
        if place in passed_on:
            found.passed_on.add(place)
        else:
            found.faults.append(f"{where}: {marker}({place[1]}) is no literal, so its text cannot be found")
        return
    filled = {keyword.arg for keyword in call.keywords}
    for text in filter(None, texts):
        found.faults.extend(f"{where}: {fault}" for fault in _unfilled(text, filled, marker))
        pieces = text.split(PARAGRAPH) if marker in _BY_PARAGRAPH else [text]
        found.uses.extend(Use(piece, path, call.lineno) for piece in pieces)


def _literals(node: ast.expr) -> Iterator[str | None]:
    """The texts that an argument can be; None for one that only running the code would tell."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _literals(node.body)
        yield from _literals(node.orelse)
    else:
        yield None


def _unfilled(text: str, filled: set[str | None], marker: str) -> Iterator[str]:
    if marker in _LATER or None in filled:
        return
    try:
        wanted = placeholders(text)
    except ValueError as error:
        if filled:
            yield f"{text!r}: {error}"
        return
    # Braces of a text that is not filled are just braces.
    if filled and wanted != filled:
        yield f"{text!r} is filled with {sorted(map(str, filled))}"
    elif wanted and not filled:
        yield f"{text!r} is not filled"
