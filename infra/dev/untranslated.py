"""Literals that people would read and that go past the message catalogues.

A literal is a fault when it is Vietnamese, in any module, unless it stands in a call of a marker. In the command line
it is one as well when it is handed to something that shows it (`echo`, `print_line`, `help=` …), or when it reads as
prose wherever it stands. What is the same in every language, such as examples and names, and what is stored as it is,
is listed with its reason.
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
        *("write_line", "print", "note", "confirm", "prompt", "add_column", "add_row", "Text", "Table"),
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
    ("infra/cli/support/usage.py", "Value error, "): "what Typer says, by which it is known",
    ("infra/cli/support/usage.py", "Missing "): "the same",
    ("infra/cli/support/usage.py", "Option '"): "the same",
    ("infra/cli/support/usage.py", "Invalid value for '"): "the same",
    ("infra/demo/report.py", "  export DOSSIER_LOG="): "a line for a shell",
    ("infra/demo/report.py", " --lang vi"): "an option",
    ("domain/catalogue/answers.py", "Biểu 04"): "a form by its title, as a clause that errors hold",
    ("domain/catalogue/criteria.py", "Biểu 04"): "the same",
    ("domain/refusals.py", "Biểu 0"): "the same",
    ("domain/dossier/preconditions.py", "Biểu 02"): "the same",
    ("domain/policy/support.py", "60/2022/NQ-HĐND"): "a resolution by its number",
    ("domain/commands.py", "The letter (Tờ trình)"): "the description of a type, whose translation the catalogue has",
    ("domain/shapes.py", "The code of a criterion in Biểu 04"): "the same",
    ("domain/shapes.py", "In what capacity the decision was signed"): "the same",
    (
        "projections/public_decisions/fold.py",
        "Hướng dẫn số 02/HD-UBND",
    ): "a public decision's legal basis, in Vietnamese",
    ("projections/public_decisions/fold.py", "Nghị quyết số "): "the same",
    ("projections/public_decisions/fold.py", "Điều 1"): "an article of a public decision, in Vietnamese",
    ("schemas/asyncapi.py", "How a Vietnamese province"): "the public description, in English, with a place's name",
    ("schemas/avro/samples.py", "Xã Tú Lệ"): "a sample of what an event holds",
    ("infra/demo/application.py", ""): "papers of dossiers that the demo makes up",
    ("infra/demo/appraisal.py", ""): "the same",
    ("infra/demo/decisions.py", ""): "the same",
    ("infra/demo/documents.py", ""): "the same",
    ("infra/demo/figures.py", ""): "the same",
    ("infra/demo/scenarios.py", ""): "the same",
    ("infra/demo/people.py", ""): "names of people that the demo makes up",
    ("infra/dev/untranslated.py", ""): "this list, and the letters themselves",
}
"""(file or folder, how the literal begins) → why it is not translated."""


def untranslated(root: Path, allowed: Mapping[tuple[str, str], str] = SAME_IN_EVERY_LANGUAGE) -> list[str]:
    """The faults of all modules below `root`, and what is allowed without need."""
    faults: list[str] = []
    needed: set[tuple[str, str]] = set()
    for path, tree in source_files(root):
        for line, literal, why in _found(tree, command_line=path.startswith(COMMAND_LINE)):
            reasons = {key for key in allowed if path.startswith(key[0]) and literal.startswith(key[1])}
            needed |= reasons
            if not reasons:
                faults.append(f"{path}:{line}: {literal!r} {why}")
    faults.extend(
        f"{path}: {literal!r} is listed as untranslated, and is not there" for path, literal in allowed.keys() - needed
    )
    return faults


def _found(tree: ast.Module, *, command_line: bool) -> Iterator[tuple[int, str, str]]:
    literals = _Literals(tree)
    for node, shown in literals.all():
        literal = str(node.value)
        if _VIETNAMESE.search(literal):
            yield node.lineno, literal, "is Vietnamese outside the catalogues"
        elif not command_line:
            continue
        elif shown and _WORD.search(literal):
            yield node.lineno, literal, "is shown and is no text of the catalogues"
        elif _PROSE.search(literal) and not _EXAMPLE.match(literal):
            yield node.lineno, literal, "reads as prose and is no text of the catalogues"


class _Literals:
    """The literals of a module, docstrings and the texts of markers left out."""

    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree
        self._names = marker_names(tree)

    def all(self) -> Iterator[tuple[ast.Constant, bool]]:
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
