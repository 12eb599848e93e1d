"""The public decisions of a log in memory, as those who deliver them read them."""

from __future__ import annotations

from consumers.cloudevents import DecisionSerializer
from consumers.feed import DecisionFeed
from infra.views.sqlite import SQLiteViews
from projections.engine.engine import Engine
from projections.public_decisions.read_model import DECISIONS
from schemas.avro.codec import decode_event
from tests.support.event_builders import FakeLog
from tests.support.units import UNITS


def decisions_of(log: FakeLog, views: SQLiteViews) -> DecisionFeed:
    """The feed of a log, with its read model in a store."""
    engine = Engine(views, log, decode_event, (DECISIONS,))
    return DecisionFeed(engine, log.partitions, DecisionSerializer(log.log_id, UNITS))
