"""Literals of the command line that people would read and that go past the message catalogues.

A literal is a fault when it is handed to something that shows it (`echo`, `print_line`, `help=` …), when it reads as
prose wherever it stands, or when it is Vietnamese, unless it stands in a call of a marker. What is the same in every
language, such as examples and names, is listed with its reason.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from infra.dev.text_extraction import marker_names, marker_of, source_files

COMMAND_LINE: Final = ("infra/cli/", "infra/demo/report.py", "infra/demo/run.py", "infra/demo/on_kafka.py")

_SHOWN_BY: Final = frozenset(
    {
        *("echo", "secho", "style", "print", "note", "confirm", "prompt", "add_column", "add_row", "Text", "Table"),
        *("print_line", "print_heading", "print_table", "print_pairs", "tell_error", "_heading", "_print"),
    }
)
"""Functions and methods whose positional arguments people read."""
_SHOWN_AS: Final = frozenset({"help", "short_help", "epilog", "panel", "rich_help_panel", "title", "prompt"})
"""Keywords that people read."""
_AS_IT_IS: Final = frozenset(
    {"metavar", "examples", "envvar", "style", "fg", "bg", "justify", "overflow", "key", "end"}
)
"""Keywords whose values are the same in every language."""

_WORD: Final = re.compile(r"[^\W\d_]{2,}")
_PROSE: Final = re.compile(r"[^\W\d_]{2,}[,:;]? +[^\W\d_]{2,}")
_VIETNAMESE: Final = re.compile("[ăâđêôơưàáảãạằắẳẵặầấẩẫậèéẻẽẹềếểễệìíỉĩịòóỏõọồốổỗộờớởỡợùúủũụừứửữựỳýỷỹỵ]", re.IGNORECASE)
_EXAMPLE: Final = re.compile(r"dossier [a-z]")

SAME_IN_EVERY_LANGUAGE: Final[Mapping[tuple[str, str], str]] = {
    ("infra/cli/main.py", "dossier "): "the program's name",
    ("infra/cli/procedure/chairman.py", "--"): "options of an example",
    ("infra/cli/procedure/submit.py", " --command-id "): "an option",
    ("infra/cli/queries/catalogue.py", "Hướng dẫn số 02"): "the guidance by its title",
    ("infra/cli/queries/commands.py", "JSON Schema:"): "the standard's name",
    ("infra/cli/queries/commands.py", "  data."): "a path in a command",
    ("infra/demo/report.py", "  export DOSSIER_LOG="): "a line for a shell",
    ("infra/demo/report.py", " --lang vi"): "an option",
}
"""(file or folder, how the literal begins) → why it is not translated."""


def untranslated(root: Path, allowed: Mapping[tuple[str, str], str] = SAME_IN_EVERY_LANGUAGE) -> list[str]:
    """The faults of all modules below `root`, and what is allowed without need."""
    faults: list[str] = []
    needed: set[tuple[str, str]] = set()
    for path, tree in source_files(root):
        if not path.startswith(COMMAND_LINE):
            continue
        for line, literal, why in _found(tree):
            reasons = {key for key in allowed if path.startswith(key[0]) and literal.startswith(key[1])}
            needed |= reasons
            if not reasons:
                faults.append(f"{path}:{line}: {literal!r} {why}")
    faults.extend(
        f"{path}: {literal!r} is listed as untranslated, and is not there" for path, literal in allowed.keys() - needed
    )
    return faults


def _found(tree: ast.Module) -> Iterator[tuple[int, str, str]]:
    reader = _Reader(tree)
    for node, shown in reader.literals():
        literal = str(node.value)
        if _VIETNAMESE.search(literal):
            yield node.lineno, literal, "is Vietnamese outside of the catalogues"
        elif shown and _WORD.search(literal):
            yield node.lineno, literal, "is shown and is no text of the catalogues"
        elif _PROSE.search(literal) and not _EXAMPLE.match(literal):
            yield node.lineno, literal, "reads as prose and is no text of the catalogues"


class _Reader:
    """The literals of a module, docstrings and the texts of markers left out."""

    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree
        self._names = marker_names(tree)

    def literals(self) -> Iterator[tuple[ast.Constant, bool]]:
        """Every string literal, and whether it is handed to something that shows it."""
        yield from self._below(self._tree, shown=False)

    def _below(self, node: ast.AST, *, shown: bool) -> Iterator[tuple[ast.Constant, bool]]:
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str):
                yield node, shown
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return
        elif isinstance(node, ast.Call):
            yield from self._of_call(node, shown=shown)
        elif isinstance(node, ast.Subscript):
            # The key is no text.
            yield from self._below(node.value, shown=shown)
            yield from self._below(node.slice, shown=False)
        elif isinstance(node, ast.Compare):
            for child in ast.iter_child_nodes(node):
                yield from self._below(child, shown=False)
        else:
            for child in ast.iter_child_nodes(node):
                yield from self._below(child, shown=shown)

    def _of_call(self, call: ast.Call, *, shown: bool) -> Iterator[tuple[ast.Constant, bool]]:
        marked = marker_of(call, self._names) is not None
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        yield from self._below(call.func, shown=shown)
        # What follows a marker's text is its language.
        for argument in () if marked else call.args:
            yield from self._below(argument, shown=name in _SHOWN_BY)
        for keyword in call.keywords:
            if keyword.arg not in _AS_IT_IS:
                yield from self._below(keyword.value, shown=keyword.arg in _SHOWN_AS or (shown and marked))
