"""The decisions of an installation as one stream per partition, whatever the log: read on, begin anywhere, replay."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time
from typing import Any, NamedTuple
from uuid import UUID

from consumers.cloudevents import DecisionSerializer
from domain.context import VIETNAM
from domain.errors import InvalidInput
from projections.engine.engine import Engine
from projections.public_decisions import read_model as decisions
from projections.public_decisions.read_model import BEGINNING, FeedPosition, StoredDecision

_BATCH = 500
_POSITION = re.compile(r"(?:(?P<partition>\d{1,6}):)?(?P<position>\d{1,18})")


class InvalidStart(InvalidInput):
    """A beginning that names no place in the stream."""

    code = "BAD_BEGINNING"


class FeedEntry(NamedTuple):
    """A decision where it stands: `record` has the public schema's shape, days and moments as text."""

    partition: int
    place: FeedPosition
    record: dict[str, Any]


Cursor = Mapping[int, FeedPosition]
"""Partition → the place of the last decision that was read."""


class DecisionFeed:
    """Reads the public decisions. `engine` keeps the read model "decisions"; threads may share the object."""

    def __init__(self, engine: Engine, partitions: range, publication: DecisionSerializer) -> None:
        self._engine = engine
        self.partitions = partitions
        self.publication = publication

    def after(self, cursor: Cursor, limit: int = _BATCH) -> list[FeedEntry]:
        """At most `limit` decisions a partition that come after a cursor, each partition's in the order of the log."""
        self._engine.catch_up()
        with self._engine.reading() as views:
            return [
                self._published(made)
                for partition in self.partitions
                for made in decisions.after(views, partition, cursor.get(partition, BEGINNING), limit)
            ]

    def all_after(self, cursor: Cursor) -> Iterator[FeedEntry]:
        """Every decision after a cursor that was made before the end was reached."""
        at = dict(cursor)
        while found := self.after(at):
            for each in found:
                at[each.partition] = each.place
                yield each

    def begin(self, beginning: str) -> Cursor:
        """The cursor before what `beginning` names. Raises InvalidStart.

        beginning, now        the ends of the stream
        2024-08-15            the first decision recorded on that day in Vietnam, or later
        17, or 3:17           the first decision of that position or a later one, in one partition or in each
        a decision's id       that decision: those after it are read, in its partition; in others all
        """
        if beginning == "beginning":
            return {}
        self._engine.catch_up()
        with self._engine.reading() as views:
            if beginning == "now":
                return {partition: decisions.last_place(views, partition) for partition in self.partitions}
            position = _POSITION.fullmatch(beginning)
            if position is not None:
                return self._at(position["partition"], int(position["position"]), beginning)
            if _is_id(beginning):
                made = decisions.by_id(views, beginning)
                if made is None:
                    raise InvalidStart(beginning=beginning)
                return {made.partition: made.place}
            moment = _midnight(beginning)
            return {partition: decisions.place_before(views, partition, moment) for partition in self.partitions}

    def of_unit(self, unit_id: str, beginning: str, last: int | None = None) -> list[FeedEntry]:
        """A unit's decisions from a beginning to a sequence number, or to the last one that there is now.

        `beginning` is a sequence number or anything that `begin` knows, but a position. Raises InvalidStart.
        """
        self._engine.catch_up()
        highest = 2**62 if last is None else last
        if beginning.isdecimal():
            with self._engine.reading() as views:
                return [self._published(made) for made in decisions.of_unit(views, unit_id, int(beginning), highest)]
        cursor = self.begin(beginning)
        with self._engine.reading() as views:
            found = decisions.of_unit(views, unit_id, 1, highest)
        return [self._published(made) for made in found if made.place > cursor.get(made.partition, BEGINNING)]

    def _at(self, partition: str | None, position: int, beginning: str) -> Cursor:
        before = FeedPosition(position, -1)
        if partition is None:
            return dict.fromkeys(self.partitions, before)
        if int(partition) not in self.partitions:
            raise InvalidStart(beginning=beginning)
        return {int(partition): before}

    def _published(self, made: StoredDecision) -> FeedEntry:
        return FeedEntry(made.partition, made.place, self.publication.record(made.record))


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
