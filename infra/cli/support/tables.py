"""Tables and headings for people. Programs read --json."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

_WIDTH_OF_A_PIPE: Final = 200


def console(*, stderr: bool = False) -> Console:
    """A console as wide as the terminal; wide enough for every table where there is none."""
    made = Console(stderr=stderr, highlight=False)
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = _WIDTH_OF_A_PIPE
    return made


def print_table(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table; None is shown as nothing. Values are text, never markup."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for heading in headings:
        table.add_column(Text(heading), overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if value is None else str(value)) for value in row))
    console().print(table)


def print_pairs(pairs: Iterable[tuple[str, Any]]) -> None:
    """Names and values, one pair a line; what is None or empty is left out."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in pairs:
        if value is not None and value != "":
            table.add_row(Text(name), Text(str(value)))
    console().print(table)


def print_heading(text: str) -> None:
    """A heading, after an empty line."""
    console().print()
    console().print(Text(text, style="bold"))


def print_line(text: str) -> None:
    """One line of text."""
    console().print(Text(text))
