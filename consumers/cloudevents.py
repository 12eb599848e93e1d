"""A public decision as subscribers get it: with names of units and levels, as CloudEvents 1.0, in Avro or JSON."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from domain.agencies import UnknownAgency, agency
from domain.catalogue import Level, UnitKind
from domain.units import Units, UnknownUnit
from projections.engine.table import canonical
from projections.public_decisions.tables import PublicDecision
from schemas.public_decision import from_json, newest

SOURCE: Final = "/dossier/decisions"
TYPE_PREFIX: Final = "dossier.decision."
JSON_TYPE: Final = "application/cloudevents+json; charset=utf-8"
REPLAY: Final = "replay"
"""The CloudEvents attribute that marks a replay; its value names it."""


class DecisionSerializer:
    """Makes public records of decisions. `log_id` names the log, `units` says what units are called.

    `former`: what the log was called where it stood before it was moved; what was published there is of this log too.

    A unit that the settings no longer know is called by its agency's name, or else by its id.
    """

    def __init__(self, log_id: str, units: Units, *, former: Collection[str] = ()) -> None:
        self.log_id = log_id
        self._former = frozenset(former)
        self._units = units

    def is_of(self, log_id: str) -> bool:
        """Whether a decision that names this log stems from this one."""
        return log_id == self.log_id or log_id in self._former

    def record(self, decision: PublicDecision) -> PublicDecision:
        """The record of the public schema, its days and moments as the decision has them."""
        unit = decision["unit"]
        kind, district = UnitKind(unit["kind"]), unit["district"]
        return {
            **decision,
            "unit": {
                "id": unit["id"],
                "code": None if kind is UnitKind.DEPARTMENT else unit["id"],
                "kind": kind.value,
                "kind_name": kind.text.vi,
                "name": self._name(unit["id"]),
                "district_code": district,
                "district_name": self._name(district) if district else None,
            },
            "level_name": Level(decision["level"]).text.vi,
            "log": {**decision["log"], "log_id": self.log_id},
        }

    @staticmethod
    def typed(record: PublicDecision) -> PublicDecision:
        """A record that was stored as JSON, with days as `date` and moments in UTC."""
        parsed: PublicDecision = from_json(newest().schema, record)
        return parsed

    def attributes(self, record: PublicDecision, **more: str) -> dict[str, str]:
        """The CloudEvents attributes of a record, without those of its data; `more` are further extensions."""
        found = {
            "specversion": "1.0",
            "id": record["id"],
            "source": SOURCE,
            "type": TYPE_PREFIX + record["kind"],
            "subject": record["unit"]["id"],
            "time": _moment(record["recorded_at"]),
            "partitionkey": record["unit"]["id"],
            "sequence": str(record["sequence"]),
        }
        if record["previous_id"] is not None:
            found["previousid"] = record["previous_id"]
        return found | more

    def json(self, record: PublicDecision, **more: str) -> str:
        """The record as a CloudEvent in JSON (structured mode), one line.

        `timestamp` repeats `time` under the name that Standard Webhooks gives it.
        """
        attributes = self.attributes(record, **more)
        event: Mapping[str, Any] = {
            **attributes,
            "timestamp": attributes["time"],
            "datacontenttype": "application/json",
            "data": record,
        }
        return canonical(event)

    def _name(self, unit_id: str) -> str:
        try:
            return self._units.get(unit_id).name
        except UnknownUnit:
            pass
        try:
            return agency(unit_id).name
        except UnknownAgency:
            return unit_id


def _moment(value: datetime | str) -> str:
    """RFC 3339 in UTC."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
