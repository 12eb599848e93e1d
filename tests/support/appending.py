"""What a process does that appends to a log, and notes what was acknowledged."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID, uuid4

from eventsourcing.persistence import IntegrityError, StoredEvent

from infra.log.recorder import LogApplicationRecorder


def append_and_note(recorder: LogApplicationRecorder, acknowledged: Path, count: int, shared: str) -> None:
    """Append so many events; a line "position originator version" is written for each once it is acknowledged.

    With a shared id that is not empty all are of that one dossier: whoever loses a race takes the next version.
    """
    with acknowledged.open("a", encoding="ascii", buffering=1) as file:
        for _ in range(count):
            originator_id = UUID(shared) if shared else uuid4()
            while True:
                last = recorder.select_events(originator_id, desc=True, limit=1)
                version = last[0].originator_version + 1 if last else 1
                try:
                    (position,) = recorder.insert_events(  # type: ignore[misc]
                        [StoredEvent(originator_id, version, "Happened", b"state")]
                    )
                except IntegrityError:
                    continue
                break
            file.write(f"{position} {originator_id.hex} {version}\n")
