"""What can stop a projection or a query. All are InfrastructureErrors (exit code 4).

InfrastructureError
├── ProgramTooOld
│   └── UnknownEvent    the log holds a type of event that a projection does not know
├── CannotApply         an event could not be applied, and nothing may go on behind it
├── BrokenChain         the log skips a position
├── FactMissing         the facts of a dossier skip a version
├── FactDiffers         what is shown of a fact is not what the log says of it
├── ViewsOfAnotherLog   the read models were made from another log
├── ViewsAheadOfLog     the read models know events that the log does not hold
├── ViewsOfAnotherHistory  a read model was folded from other events than the log holds by now
├── ViewsNotBuilt       a read model was asked that was never built, or by another version of the program
├── ViewsOfNewerProgram a newer version of the program built what is served
├── NotYetReflected     a read model did not reach a position in time
├── DossierParked       an event of the dossier that was asked for could not be applied
├── NothingParked       no event of such a dossier waits
├── RebuildSuperseded   another rebuild was put in place first
├── NoOldGeneration     nothing to go back to
└── OldOfAnotherVersion what was served before was built by another version of the program
"""

from __future__ import annotations

from domain.errors import InfrastructureError, ProgramTooOld


class UnknownEvent(ProgramTooOld):
    """An event of a type that the projection neither handles nor ignores: the program is older than the log."""

    code = "UNKNOWN_EVENT"


class CannotApply(InfrastructureError):
    """A projection could not apply an event. All events before it are applied, none after it."""

    code = "CANNOT_APPLY"


class BrokenChain(InfrastructureError):
    """Positions are dense: an event is missing, or the log was changed."""

    code = "BROKEN_CHAIN"


class FactMissing(InfrastructureError):
    """The facts of a dossier are numbered without a gap: one is missing, or the log was changed."""

    code = "FACT_MISSING"


class FactDiffers(InfrastructureError):
    """What a read model shows of a fact is not what the log says of it."""

    code = "FACT_DIFFERS"


class ViewsOfAnotherLog(InfrastructureError):
    """The read models belong to another log."""

    code = "VIEWS_OF_ANOTHER_LOG"


class ViewsAheadOfLog(InfrastructureError):
    """The read models have seen more than the log holds: the log lost events, or is an older copy."""

    code = "VIEWS_AHEAD_OF_LOG"


class ViewsOfAnotherHistory(InfrastructureError):
    """A read model was folded from other events than the log holds: the log, or the read model, was restored."""

    code = "VIEWS_OF_ANOTHER_HISTORY"


class ViewsNotBuilt(InfrastructureError):
    """A read model does not exist as this program's version makes it."""

    code = "VIEWS_NOT_BUILT"


class RebuildSuperseded(InfrastructureError):
    """Another rebuild of the same read model was put in place while this one ran; its rows are served."""

    code = "REBUILD_SUPERSEDED"


class ViewsOfNewerProgram(InfrastructureError):
    """What is served has a higher version than this program's: an older program must not build it back by itself."""

    code = "VIEWS_OF_NEWER_PROGRAM"


class NotYetReflected(InfrastructureError, TimeoutError):
    """The read models did not reach a position in the time that was given."""

    code = "NOT_YET_REFLECTED"


class DossierParked(InfrastructureError):
    """An answer about this dossier cannot be given: its first event could not be applied."""

    code = "DOSSIER_PARKED"


class NothingParked(InfrastructureError):
    """No event of such a dossier waits."""

    code = "NOTHING_PARKED"


class NoOldGeneration(InfrastructureError):
    """Nothing to go back to."""

    code = "NO_OLD_GENERATION"


class OldOfAnotherVersion(InfrastructureError):
    """What was served before was built by another version of the program, which alone can serve it."""

    code = "OLD_OF_ANOTHER_VERSION"
