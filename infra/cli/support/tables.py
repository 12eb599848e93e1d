"""Tables and headings for people. Programs read --json."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from rich import box
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from infra.terminal.console import console
from infra.terminal.escapes import visible

_GAP: Final = 3
"""Between two columns."""
_NARROW: Final = 5
"""As wide as every column is at least."""


def print_table(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table; None is shown as nothing. Values are text, never markup; a list of texts has a line for each.

    Where the lines are narrow, what has no blanks, as a dossier's number or a day, is broken last.
    """
    table, target = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False), console()
    cells = [[*map(_cell, row)] for row in rows]
    heads = [_cell(heading) for heading in headings]
    columns = [[row[at] for row in cells] for at in range(len(heads))]
    for heading, width in zip(heads, _widths(heads, columns, target.width), strict=True):
        table.add_column(heading, overflow="fold", width=width)
    for row in cells:
        table.add_row(*row)
    target.print(table)


def _widths(heads: Sequence[Text], columns: Sequence[Sequence[Text]], width: int) -> list[int]:
    """How wide each column is: as its widest line where there is room for all, else as its longest word, if it can be.

    What is left goes to those that need it most.
    """
    whole = [[head, *column] for head, column in zip(heads, columns, strict=True)]
    widest = [max(cell_len(line) for text in texts for line in text.plain.split("\n")) for texts in whole]
    room = width - _GAP * (len(heads) - 1)
    if sum(widest) <= room:
        return widest
    longest = [max(cell_len(word) for text in texts for word in ["", *text.plain.split()]) for texts in whole]
    has_blanks = [any(len(text.plain.split()) > 1 for text in column) for column in columns]
    found = [min(each, _NARROW) for each in longest]
    for at in sorted(range(len(heads)), key=lambda at: (has_blanks[at], longest[at])):
        if sum(found) - found[at] + longest[at] <= room:
            found[at] = longest[at]
    for _ in range(room - sum(found)):
        needy = max(range(len(heads)), key=lambda at: widest[at] / max(found[at], 1))
        found[needy] += 1
    return found


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
