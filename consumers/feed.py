"""The public decisions of an installation as one feed per partition, whatever the log: read, start anywhere, replay."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time
from typing import Any, NamedTuple
from uuid import UUID

from consumers.cloudevents import DecisionSerializer
from domain.context import VIETNAM
from domain.errors import InfrastructureError, InvalidInput
from projections.engine.engine import Engine
from projections.public_decisions import read_model as decisions
from projections.public_decisions.read_model import BEGINNING, FeedPosition, StoredDecision

_BATCH = 500
_POSITION = re.compile(r"(?:(?P<partition>\d{1,6}):)?(?P<position>\d{1,18})")


class InvalidStart(InvalidInput):
    """A start that names no position in the feed."""

    code = "BAD_BEGINNING"


class FeedDiverged(InfrastructureError):
    """What was published before is not what the log leads to now."""

    code = "FEED_DIVERGED"


class FeedEntry(NamedTuple):
    """A decision where it stands: `record` has the public schema's shape, days and moments as text."""

    partition: int
    feed_position: FeedPosition
    record: dict[str, Any]


Cursor = Mapping[int, FeedPosition]
"""Partition → the position of the last decision that was read."""


class DecisionFeed:
    """Reads the public decisions. `engine` keeps the read model "decisions"; threads may share the object."""

    def __init__(self, engine: Engine, partitions: range, serializer: DecisionSerializer) -> None:
        self._engine = engine
        self.partitions = partitions
        self.serializer = serializer

    def after(self, cursor: Cursor, limit: int = _BATCH) -> list[FeedEntry]:
        """At most `limit` decisions a partition that come after a cursor, each partition's in the order of the log."""
        self._engine.catch_up()
        with self._engine.serving() as views:
            return [
                self._entry(stored)
                for partition in self.partitions
                for stored in decisions.after(views, partition, cursor.get(partition, BEGINNING), limit)
            ]

    def all_after(self, cursor: Cursor) -> Iterator[FeedEntry]:
        """Every decision after a cursor that was stored before the end was reached."""
        at = dict(cursor)
        while found := self.after(at):
            for each in found:
                at[each.partition] = each.feed_position
                yield each

    def entry_at(self, partition: int, position: FeedPosition) -> FeedEntry | None:
        """The decision at a position; None where there is none."""
        with self._engine.serving() as views:
            found = decisions.after(views, partition, position._replace(ordinal=position.ordinal - 1), 1)
        return self._entry(found[0]) if found and found[0].feed_position == position else None

    def cursor_at(self, start: str) -> Cursor:
        """The cursor before what `start` names. Raises InvalidStart.

        beginning, now        the ends of the stream
        2024-08-15            the first decision recorded on that day in Vietnam, or later
        17, or 3:17           the first decision of that position or a later one, in one partition or in each
        a decision's id       that decision: those after it are read, in its partition; in others all
        """
        if start == "beginning":
            return {}
        self._engine.catch_up()
        with self._engine.serving() as views:
            if start == "now":
                return {partition: decisions.last_position(views, partition) for partition in self.partitions}
            position = _POSITION.fullmatch(start)
            if position is not None:
                return self._cursor_at_position(position["partition"], int(position["position"]), start)
            if _is_id(start):
                stored = decisions.by_id(views, start)
                if stored is None:
                    raise InvalidStart(beginning=start)
                return {stored.partition: stored.feed_position}
            moment = _midnight(start)
            return {partition: decisions.position_before(views, partition, moment) for partition in self.partitions}

    def of_unit(self, unit_id: str, start: str, last: int | None = None) -> list[FeedEntry]:
        """A unit's decisions from a start to a sequence number, or to the last one that there is now.

        `start` is a sequence number or anything that `cursor_at` knows, but a position. Raises InvalidStart.
        """
        self._engine.catch_up()
        highest = 2**62 if last is None else last
        if start.isdecimal():
            with self._engine.serving() as views:
                return [self._entry(stored) for stored in decisions.of_unit(views, unit_id, int(start), highest)]
        cursor = self.cursor_at(start)
        with self._engine.serving() as views:
            found = decisions.of_unit(views, unit_id, 1, highest)
        return [
            self._entry(stored) for stored in found if stored.feed_position > cursor.get(stored.partition, BEGINNING)
        ]

    def _cursor_at_position(self, partition: str | None, position: int, start: str) -> Cursor:
        before = FeedPosition(position, -1)
        if partition is None:
            return dict.fromkeys(self.partitions, before)
        if int(partition) not in self.partitions:
            raise InvalidStart(beginning=start)
        return {int(partition): before}

    def _entry(self, stored: StoredDecision) -> FeedEntry:
        return FeedEntry(stored.partition, stored.feed_position, self.serializer.record(stored.record))


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _midnight(day: str) -> str:
    """The beginning of a day in Vietnam, as the read model writes moments. Raises InvalidStart."""
    try:
        found = date.fromisoformat(day)
    except ValueError:
        raise InvalidStart(beginning=day) from None
    moment = datetime.combine(found, time(), tzinfo=UTC) - VIETNAM
    return moment.isoformat(timespec="microseconds")
