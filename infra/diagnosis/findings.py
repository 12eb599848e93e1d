"""What the doctor finds beside the errors of log, queue and read models. None of these is ever raised.

InfrastructureError
└── DoctorFinding
    ├── NoWorker            nobody takes commands from the queue
    ├── CommandsWaiting     a command waits longer than it may
    ├── ProcessHalted       a worker, projector, publisher or dispatcher of webhooks halted, and has not gone on
    ├── DiskLow             little room is left beside a log, its indexes or read models
    ├── MomentWrong         a fact says that it was recorded at another time than it was
    ├── IndexDiffers        an index holds something else than the log
    │   └── OwnIndexDiffers so does the index of an embedded log
    ├── PositionsMissing    positions of the log are empty
    ├── DossiersParked      dossiers are not shown as they stand
    └── RowsDiffer          rows of a read model are not what the log leads to
"""

from __future__ import annotations

from domain.errors import InfrastructureError


class DoctorFinding(InfrastructureError):
    """Something that a person must mend."""

    code = "DOCTOR_FINDING"


class NoWorker(DoctorFinding):
    """Nobody takes commands from the queue."""

    code = "NO_WORKER"


class CommandsWaiting(DoctorFinding):
    """A command waits longer than it may."""

    code = "COMMANDS_WAITING"


class ProcessHalted(DoctorFinding):
    """A process halted, and has not gone on."""

    code = "PROCESS_HALTED"


class DiskLow(DoctorFinding):
    """Little room is left on a disk."""

    code = "DISK_LOW"


class MomentWrong(DoctorFinding):
    """A fact says that it was recorded at another time than it was."""

    code = "MOMENT_WRONG"


class IndexDiffers(DoctorFinding):
    """An index holds something else than the log."""

    code = "INDEX_DIFFERS"


class OwnIndexDiffers(IndexDiffers):
    """The index in the file of an embedded log holds something else than its records."""

    code = "OWN_INDEX_DIFFERS"


class PositionsMissing(DoctorFinding):
    """Positions of the log are empty: events were taken out."""

    code = "POSITIONS_MISSING"


class DossiersParked(DoctorFinding):
    """Dossiers are not shown as they stand."""

    code = "DOSSIERS_PARKED"


class RowsDiffer(DoctorFinding):
    """Rows of a read model are not what the log leads to."""

    code = "ROWS_DIFFER"
