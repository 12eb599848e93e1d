"""The state diagram in the README, made from the procedure's table.

`python -m infra.dev.state_diagram` writes it between its markers; with `--check` it writes nothing. Exits with 1 and a
line on stderr when the README has another diagram (`--check`), or lacks the markers.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Final

from domain.transitions import state_diagram

README: Final = Path(__file__).parents[2] / "README.md"

_BEGINS: Final = "<!-- state diagram, made by `python -m infra.dev.state_diagram` -->"
_ENDS: Final = "<!-- end of the state diagram -->"
_BLOCK: Final = re.compile(f"{re.escape(_BEGINS)}.*?{re.escape(_ENDS)}", re.DOTALL)


def with_diagram(page: str) -> str | None:
    """The page with the present diagram between its markers; None when it has no markers."""
    block = f"{_BEGINS}\n```mermaid\n{state_diagram()}\n```\n{_ENDS}"
    if _BLOCK.search(page) is None:
        return None
    return _BLOCK.sub(lambda _: block, page, count=1)


def main(arguments: list[str] | None = None) -> int:
    """Write the diagram, or check it."""
    parser = argparse.ArgumentParser(description="The state diagram in the README.")
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args(arguments)
    page = README.read_text(encoding="utf-8")
    made = with_diagram(page)
    if made is None:
        sys.stderr.write("README.md has no markers for the state diagram\n")
        return 1
    if options.check and made != page:
        sys.stderr.write("README.md: the state diagram is not the procedure's: python -m infra.dev.state_diagram\n")
        return 1
    if made != page:
        README.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
