"""Nothing is printed past the door."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGES = ("domain", "projections", "consumers", "schemas", "infra")
DOOR = "infra/terminal/"
PROGRAMS = {
    "infra/dev/": "servers and checks of the repository, for its developers",
    "schemas/asyncapi.py": "the same: it says whether a file of the repository is current",
    "schemas/command_schemas.py": "the same",
    "schemas/release.py": "the same",
}
"""Who prints by itself although it is not the door, and why. None of it belongs to the command line."""

_SYS = frozenset({"stdout", "stderr", "__stdout__", "__stderr__", "displayhook"})
_TYPER = frozenset(
    {"echo", "secho", "style", "get_text_stream", "get_binary_stream", "prompt", "confirm", "progressbar", "clear"}
)
_NAMES = frozenset({"print", "input", "breakpoint"})
_CALLS = frozenset({"Console", "print_exc", "print_exception", "StreamHandler", "basicConfig", "print_stack"})
_MODULES = frozenset({"click", "typer._click", "rich.console", "getpass"})


def printing(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """What reaches a terminal by itself: (line, how)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            of, name = node.value.id, node.attr
            if (of == "sys" and name in _SYS) or (of == "typer" and name in _TYPER) or (of == "os" and name == "write"):
                yield node.lineno, f"{of}.{name}"
        elif isinstance(node, ast.ImportFrom):
            names = {alias.name for alias in node.names}
            if (
                node.module in _MODULES
                or (node.module == "sys" and names & _SYS)
                or (node.module == "rich" and "print" in names)
                or (node.module == "typer" and names & _TYPER)
            ):
                yield node.lineno, f"from {node.module}"
        elif isinstance(node, ast.Import) and {alias.name for alias in node.names} & _MODULES:
            yield node.lineno, "import"
        if isinstance(node, ast.Call):
            called = node.func
            if isinstance(called, ast.Name) and called.id in _NAMES:
                yield node.lineno, called.id
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            if name in _CALLS or (name == "Progress" and "console" not in {each.arg for each in node.keywords}):
                yield node.lineno, name


def test_nothing_prints_past_the_door() -> None:
    found = {}
    excused = set()
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            ways = list(printing(ast.parse(path.read_bytes())))
            why = [each for each in PROGRAMS if name.startswith(each)]
            if ways and why:
                excused.update(why)
            elif ways and not name.startswith(DOOR):
                found[name] = ways
    assert found == {}
    assert excused == set(PROGRAMS), "who is excused prints by itself"


@pytest.mark.parametrize(
    "source",
    [
        "print(name)",
        "sys.stdout.write(name)",
        "to = sys.stderr",
        "sys.__stdout__.buffer.write(name)",
        "from sys import stdout",
        "from rich import print",
        "from rich.console import Console",
        "import click",
        "typer.echo(name)",
        "from typer import secho",
        "os.write(1, name)",
        "logging.basicConfig()",
        "logging.StreamHandler()",
        "traceback.print_exc()",
        "Progress(bar)",
    ],
)
def test_the_check_finds_who_prints(source: str) -> None:
    assert list(printing(ast.parse(source)))
