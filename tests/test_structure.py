"""What the tests owe the code: a module of tests for every module with rules, and none without an assertion.

And what the code owes its readers: one name for one thing.
"""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parent
_ASSERTING = frozenset({"raises", "refused", "then"})
"""pytest's own, and the ends of given/when/then."""
_CONTRACT = "self.optional_test_"
"""A test of the library's contract that is not collected by itself."""


_FOR_TOOLS = {
    "CHANGELOG.md",
    "Dockerfile",
    "LICENSE",
    "Makefile",
    "README.md",
    "SECURITY.md",
    "compose.yaml",
    "pyproject.toml",
    "requirements.lock",
}
PACKAGES = ("domain", "projections", "consumers", "schemas", "infra")

Helpers = dict[str, ast.FunctionDef]


def _functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


@cache
def _functions_of(module: str) -> Helpers:
    """The functions of another module of the tests."""
    path = TESTS.parent.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return {function.name: function for function in _functions(ast.parse(path.read_text(encoding="utf-8")))}


def _helpers(tree: ast.Module) -> Helpers:
    """The functions that a module of tests has, and those that it takes from others."""
    found = {function.name: function for function in _functions(tree) if not function.name.startswith("test")}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tests"):
            theirs = _functions_of(node.module or "")
            found |= {name.asname or name.name: theirs[name.name] for name in node.names if name.name in theirs}
    return found


def _asserts(function: ast.FunctionDef, helpers: Helpers) -> bool:
    """Whether a function asserts by itself, or by a helper."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call):
            called = node.func
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            helper = helpers.get(name)
            if name in _ASSERTING or ast.unparse(called).startswith(_CONTRACT):
                return True
            if helper is not None and helper is not function and _asserts(helper, {}):
                return True
    return False


def _without_assertion(source: str) -> list[str]:
    tree = ast.parse(source)
    helpers = _helpers(tree)
    tests = [function for function in _functions(tree) if function.name.startswith("test")]
    return [function.name for function in tests if not _asserts(function, helpers)]


def test_the_top_level_holds_what_was_agreed() -> None:
    """Beside the folders only what tools expect there."""
    listed = subprocess.run(["git", "ls-files"], cwd=TESTS.parent, check=True, capture_output=True, text=True).stdout
    names = {line.split("/")[0] for line in listed.splitlines()}
    assert {name for name in names if not name.startswith(".")} - _FOR_TOOLS == {*PACKAGES, "tests"}


def test_every_test_asserts_something() -> None:
    """By `assert`, `pytest.raises`, or given/when/then; a run that merely ends proves nothing."""
    found = {
        path.relative_to(TESTS).as_posix(): names
        for path in TESTS.rglob("test_*.py")
        if (names := _without_assertion(path.read_text(encoding="utf-8")))
    }
    assert found == {}


def test_the_check_finds_a_test_that_asserts_nothing() -> None:
    source = """
def helper(): assert 1
def idle(): pass
def test_by_helper(): helper()
def test_by_idle_helper(): idle()
def test_calls_only(): str(1)
def test_raises():
    with pytest.raises(KeyError): {}[1]
"""
    assert _without_assertion(source) == ["test_by_idle_helper", "test_calls_only"]


RULES = ("domain", "consumers")
ELSEWHERE = {"consumers/webhook_dispatcher.py": "infra/delivery/test_webhooks.py"}
"""Modules whose rules show only together with a real receiver, and where they are tested."""
_FEW = 3
_BRANCHES = (ast.If, ast.Match, ast.IfExp, ast.BoolOp, ast.For, ast.While, ast.comprehension)


def _has_rules(path: Path) -> bool:
    """Whether a module decides more than a few things."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return sum(isinstance(node, _BRANCHES) for node in ast.walk(tree)) > _FEW


def _own_tests(module: Path) -> Path:
    return TESTS / module.parent / f"test_{module.name}"


def test_every_module_with_rules_has_its_module_of_tests() -> None:
    """`tests/` mirrors the tree: `domain/policy/support.py` is tested in `tests/domain/policy/test_support.py`."""
    root = TESTS.parent
    modules = [
        path.relative_to(root)
        for top in RULES
        for path in sorted((root / top).rglob("*.py"))
        if path.name != "__init__.py" and _has_rules(path)
    ]
    assert Path("domain/policy/support.py") in modules
    untested = [
        module.as_posix()
        for module in modules
        if not _own_tests(module).exists() and module.as_posix() not in ELSEWHERE
    ]
    assert untested == []
    assert [place for place in ELSEWHERE.values() if not (TESTS / place).exists()] == []
    assert [module for module in ELSEWHERE if _own_tests(Path(module)).exists()] == []


def _classes_of_one_name(root: Path) -> dict[str, list[str]]:
    """Name → the modules that have a class of that name, where there are several."""
    places: dict[str, list[str]] = {}
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef):
                    places.setdefault(node.name, []).append(path.relative_to(root).as_posix())
    return {name: found for name, found in places.items() if len(found) > 1}


def test_no_two_classes_have_one_name() -> None:
    """A reader who meets a class in one module need not ask which of several it is."""
    assert _classes_of_one_name(TESTS.parent) == {}


def test_the_check_finds_two_classes_of_one_name(tmp_path: Path) -> None:
    for module, source in {"domain/one.py": "class Step: ...", "infra/two.py": "def f():\n    class Step: ..."}.items():
        path = tmp_path / module
        path.parent.mkdir()
        path.write_text(source, encoding="utf-8")
    assert _classes_of_one_name(tmp_path) == {"Step": ["domain/one.py", "infra/two.py"]}
