"""Checks of the texts and the depth of a parsed JSON value, with the JSON path of what is wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final
from unicodedata import is_normalized

from schemas.command_errors import BadText, NotNfc, TooDeep

DEEPEST: Final = 32
"""The most levels of objects and arrays; the deepest command has nine."""

BAD: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
"""Control characters, halves of surrogate pairs, and code points that are no characters."""

_SHOWN: Final = 80
_PLAIN_KEY: Final = re.compile("[A-Za-z_][A-Za-z0-9_]*")


def check_texts(value: Any) -> None:
    """Raises BadText or NotNfc for the first text or key that is not fit to be kept."""
    for path, text in _texts(value):
        bad = BAD.search(text)
        if bad is not None:
            raise BadText(path=path_of(path), character=f"U+{ord(bad[0]):04X}")
        if not is_normalized("NFC", text):
            raise NotNfc(path=path_of(path), text=shown(text))


def check_depth(value: Any) -> None:
    """Raises TooDeep for a value nested deeper than DEEPEST."""
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return
    raise TooDeep(deepest=DEEPEST)


def path_of(steps: Sequence[str | int]) -> str:
    """The JSON path of steps from the root, for example `$.data.claims["I.1"].evidence[0]`."""
    return "$" + "".join(_step(step) for step in steps)


def shown(text: str) -> str:
    """A text as an error may show it: short, in quotes, and escaped where it could not be told apart or printed."""
    cut = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return json.dumps(cut, ensure_ascii=not (cut.isprintable() and is_normalized("NFC", cut)))


def _step(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if len(step) <= _SHOWN and _PLAIN_KEY.fullmatch(step) else f"[{shown(step)}]"


def _texts(value: Any) -> Iterator[tuple[tuple[str | int, ...], str]]:
    # Without recursion: what is checked here may be nested as deep as the JSON reader goes.
    stack: list[tuple[tuple[str | int, ...], Any]] = [((), value)]
    while stack:
        path, value = stack.pop()
        if isinstance(value, str):
            yield path, value
        elif isinstance(value, dict):
            for key, inner in value.items():
                yield (*path, key), key
                stack.append(((*path, key), inner))
        elif isinstance(value, list):
            stack.extend(((*path, index), inner) for index, inner in enumerate(value))


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [inner for inner in value.values() if isinstance(inner, (dict, list))]
    return [inner for inner in value if isinstance(inner, (dict, list))] if isinstance(value, list) else []
