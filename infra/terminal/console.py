"""Rich's console behind the door: for tables, headings and progress."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import Final, TextIO, cast

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from infra.terminal.escapes import visible_lines
from infra.terminal.streams import ColouredStream

_WIDTH_OF_A_PIPE: Final = 200


class TerminalConsole(Console):
    """A console whose texts are escaped wherever they come from; what Rich itself tells the terminal stays."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible_lines(segment.text), segment.style)


def console(*, err: bool = False) -> TerminalConsole:
    """A console as wide as the terminal; wide enough for every table where there is none.

    Texts are taken as they are: no markup, no emoji, nothing highlighted.
    """
    stream = cast("TextIO", ColouredStream(sys.stderr if err else sys.stdout))
    made = TerminalConsole(file=stream, markup=False, emoji=False, highlight=False)
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = _WIDTH_OF_A_PIPE
    return made
