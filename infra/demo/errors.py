"""What can go wrong in the demonstration."""

from __future__ import annotations

from domain.errors import InfrastructureError, InvalidInput


class DemoDiffers(InfrastructureError):
    """A simulated command was answered in another way than it was made for."""

    code = "DEMO_DIFFERS"


class NotADemoLog(InvalidInput):
    """The log that should be replaced was not made by the demonstration."""

    code = "NOT_A_DEMO_LOG"


class DemoRunning(InfrastructureError):
    """Another demonstration makes its log at the same place."""

    code = "DEMO_RUNNING"


class CommandsNotWritten(InfrastructureError):
    """The file for the commands could not be written."""

    code = "COMMANDS_NOT_WRITTEN"
