"""What the doctor has named stays named: an index or a read model that differs from the log is not served again.

A mark is a small file, of an index beside its own, of a read model in the folder of state. It goes when the doctor, or
a comparison, finds that all is as the log says, and when what it is about was made anew.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from domain.errors import InfrastructureError
from infra.diagnosis.findings import RowsDiffer
from infra.log.last_rows import mark_of
from infra.state_files import StateUnusable, read_state, remove_state, write_state
from projections.engine.errors import ViewsAheadOfLog, ViewsOfAnotherHistory
from projections.engine.verification import FAULTS

_KINDS: Final = {kind.code: kind for kind in (RowsDiffer, ViewsAheadOfLog, ViewsOfAnotherHistory, *FAULTS)}
_ROWS: Final = "rows-differ-{}.json"


def mark_index(path: Path, position: int | None) -> None:
    """Note the first position in which an index differs; None: it does not. Raises StateUnusable."""
    if position is None:
        remove_state(mark_of(path))
    else:
        write_state(mark_of(path), json.dumps({"position": position}))


def mark_rows(folder: Path, projection: str, found: InfrastructureError | None) -> None:
    """Note how a read model differs from the log: RowsDiffer, ViewsAheadOfLog, ViewsOfAnotherHistory or a Fault.

    None: it does not.

    Raises StateUnusable.
    """
    path = folder / _ROWS.format(projection)
    if found is None:
        remove_state(path)
    else:
        write_state(path, json.dumps({"code": found.code, "details": found.details}))


def check_rows(folder: Path, *, log_alone: bool = False) -> None:
    """Raises what was noted of a read model that has not been made anew since, StateUnusable.

    `log_alone`: whether nothing but the log will be read. Rows that differ do not matter then; a log that holds other
    events than a read model had folded, or fewer, may be the one that is wrong.
    """
    for path in sorted(folder.glob(_ROWS.format("*"))):
        contents = read_state(path)
        if contents is None:
            continue
        try:
            found = json.loads(contents)
            error = _KINDS[found["code"]](**found["details"])
        except (ValueError, KeyError, TypeError) as wrong:
            raise StateUnusable(path=str(path), reason=str(wrong)) from wrong
        if not (log_alone and isinstance(error, RowsDiffer)):
            raise error
