"""One partition, for whoever writes to it: read to its end, with the own record that is on its way.

Everything here is for the thread that holds the committer's lead. What was accepted is known at once, in memory; the
index may be one record behind, and catches up before anybody is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from consumers.commands.ports import LastHandled
from infra.log.acceptance import Verdict, accept
from infra.log.format import Append, Body, decode_body, read_header
from infra.log.handled import find_last_handled
from infra.log.index import Applied, Index, RecordRefused
from infra.log.partition_client import PartitionClient
from infra.log.partition_knowledge import PartitionAddress
from infra.log.partition_reading import PartitionReading
from infra.log.usable import stopped_at


class Partition(PartitionReading):
    """One partition: its client and its index. Made, it has read the log to the end.

    `listeners` are called after events have reached the index. How it is read: `partition_reading`.
    """

    def __init__(self, address: PartitionAddress, client: PartitionClient, index: Index) -> None:
        super().__init__(address, client, index)
        self._recovering(self._catch_up)
        self._check_stopped()
        self._is_open = True

    def prepare(self, value: bytes, appends: Sequence[Append], writer: str) -> None:
        """Make the index ready for an own record that was signed and sent, should it come next in the log.

        The time until it is acknowledged is good for nothing else. The index must be at the head.
        """
        offset, header = self.head.next_offset, read_header(value)
        state, verdict = accept(self.state, offset, value, self._recorded, own=True)
        if header is None or verdict is not Verdict.ACCEPTED:
            raise AssertionError(f"an own record on the head was judged {verdict}")
        record = self._applied(offset, header, state, Body(writer, list(appends)))
        head = self._after(record, state)
        try:
            self._index.begin([record], head)
        except RecordRefused as refused:
            stop = stopped_at(header, offset, str(refused), writer=writer)
            raise stop.error(self.address.name) from refused
        self._prepared = record, head

    def discard(self) -> None:
        """The own record did not come next, or it is not known whether it did."""
        self._prepared = None
        if self._uncommitted is None:
            self._index.roll_back()

    def accept(self) -> None:
        """The own record came next. It is known from now on; the index shows it after `write_index`.

        Raises LogChanged where what had been read is not in the log that it came to.
        """
        if self._prepared is None:
            raise AssertionError("nothing was prepared")
        self._compare()
        (self._uncommitted, self.head), self._prepared = self._prepared, None
        self._remember(self._uncommitted.appends)
        self._commands.update(
            command.key for append in self._uncommitted.appends if (command := append.bound) is not None
        )
        self._notify_observers(self._uncommitted)

    def last_handled(self) -> LastHandled | None:
        """See `consumers.commands.ports.CommandLog`. What is not known of this process's own reading is looked up."""
        commands = self.head.commands
        if commands is None:
            return None
        if self._last_handled is None or self._last_handled.source != commands:
            self._last_handled = find_last_handled(commands, self.state, self._index.last_appends, self.client)
        return self._last_handled

    def last_accepted(self) -> Applied | None:
        """The last accepted record of appends that is not void, read from the log; None before the first."""
        before = self.state.number + 1
        while (found := self._index.last_appends(before)) is not None:
            number, offset, position = found
            void = next((void for void in self.voids if void.first <= number <= void.last), None)
            if void is None:
                break
            before = void.first
        else:
            return None
        fetched = next(iter(self.client.read(offset)), None)
        value = fetched.records[0].value if fetched and fetched.records else None
        if value is None:
            return None
        body = decode_body(value)
        return Applied(offset, body.writer, position, body.appends, number, sha256(value).digest(), value[0])
