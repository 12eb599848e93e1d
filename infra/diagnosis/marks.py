"""What the doctor has named stays named: an index or a read model that differs from the log is not served again.

A mark is a small file, of an index beside its own, of a read model in the folder of state. It goes when the doctor, or
a comparison, finds that all is as the log says, and when what it is about was made anew.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from infra.diagnosis.findings import RowsDiffer
from infra.log.last_rows import mark_of
from infra.state_files import read_state, remove_state, write_state

_ROWS: Final = "rows-differ-{}.json"


def mark_index(path: Path, position: int | None) -> None:
    """Note the first position in which an index differs; None: it does not. Raises StateUnusable."""
    if position is None:
        remove_state(mark_of(path))
    else:
        write_state(mark_of(path), json.dumps({"position": position}))


def mark_rows(folder: Path, projection: str, found: RowsDiffer | None) -> None:
    """Note how the rows of a read model differ; None: they do not. Raises StateUnusable."""
    path = folder / _ROWS.format(projection)
    if found is None:
        remove_state(path)
    else:
        write_state(path, json.dumps(found.details))


def check_rows(folder: Path) -> None:
    """Raises RowsDiffer for a read model that was named and not made anew, StateUnusable."""
    for path in sorted(folder.glob(_ROWS.format("*"))):
        contents = read_state(path)
        if contents is not None:
            raise RowsDiffer(**json.loads(contents))
