"""Tables and headings for people. Programs read --json."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from infra.terminal.console import console
from infra.terminal.escapes import visible


def print_table(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table; None is shown as nothing. Values are text, never markup; a list of texts has a line for each."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for heading in headings:
        table.add_column(_cell(heading), overflow="fold")
    for row in rows:
        table.add_row(*map(_cell, row))
    console().print(table)


def print_pairs(pairs: Iterable[tuple[str, Any]]) -> None:
    """Names and values, one pair a line; what is None or empty is left out."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in pairs:
        if value is not None and value != "":
            table.add_row(_cell(name), _cell(value))
    console().print(table)


def print_heading(text: str) -> None:
    """A heading, after an empty line."""
    console().print()
    console().print(Text(visible(text), style="bold"))


def print_line(text: str) -> None:
    """One line of text."""
    console().print(_cell(text))


def _cell(value: Any) -> Text:
    """A value as text of one line, or of a line for each of a list: it is as wide as it is measured."""
    lines = value if isinstance(value, list) else ["" if value is None else str(value)]
    return Text("\n".join(map(visible, lines)))
