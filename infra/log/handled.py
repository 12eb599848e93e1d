"""The last command of a queue that a partition of the log has handled, as the log's own record has it."""

from __future__ import annotations

from collections.abc import Callable

from consumers.commands.ports import LastHandled, QueuePosition
from infra.log.acceptance import ChainState
from infra.log.format import decode_body, last_handled_in
from infra.log.partition_client import PartitionClient


def find_last_handled(
    commands: QueuePosition,
    state: ChainState,
    last_appends: Callable[[int], tuple[int, int, int] | None],
    client: PartitionClient,
) -> LastHandled:
    """Look for it in the log, from its end on. `last_appends` is the index's. Raises what reading raises."""
    before = state.number + 1
    while (found := last_appends(before)) is not None:
        number, offset, _ = found
        void = next((void for void in state.voids if void.first <= number <= void.last), None)
        before = void.first if void is not None else number
        if void is not None:
            continue
        fetched = next(iter(client.read(offset)), None)
        value = fetched.records[0].value if fetched and fetched.records else None
        handled = last_handled_in(decode_body(value).appends) if value is not None else None
        if handled is not None:
            # Whoever fills an index may be further than the head that was read of it.
            return handled if handled.source == commands else LastHandled(commands, None)
    return LastHandled(commands, None)
