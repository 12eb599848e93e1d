"""On which day each step of a case took place: what the case says, the default days moved around that."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from tests.acceptance.cases import DEFAULT_DAYS, Case

_SAID = {
    "complete_on": "received",
    "forwarded_on": "forwarded_to_members",
    "approved_on": "approved",
    "rejected_on": "approved",
    "announced_on": "announced",
    "submitted_on": "submitted",
    "summed_up_on": "summed_up",
    "council_met_on": "council_met",
    "proposed_on": "proposed",
    "verified_on": "verified",
}
_YEAR = 2024


class Timeline:
    """The day of each step of a case's path."""

    def __init__(self, case: Case) -> None:
        self.days = _default_days(case)
        said = _said(case)
        for step, day in said.items():
            at = case.path.index(step)
            self.days[step] = day
            for earlier in case.path[:at]:
                if earlier not in said:
                    self.days[earlier] = min(self.days[earlier], day)
            for later in case.path[at + 1 :]:
                if later not in said:
                    self.days[later] = max(self.days[later], day)

    def day(self, step: str) -> str:
        """The day of a step of the path."""
        return self.days[step].isoformat()

    def day_of_act(self, case: Case, last: str) -> str:
        """The day of what a case does: as it says, else the step's default, never before the `last` day."""
        said = case.data.get("on")
        if said is not None:
            return str(said)
        usual = _BESIDE.get(case.step, case.step)
        default = self.days[usual].isoformat() if usual in self.days else last
        return max(default, last)


_BESIDE = {"criterion_verified": "verified", "rejected": "approved"}


def _default_days(case: Case) -> dict[str, date]:
    shift = timedelta(days=(date(int(case.given.get("year", _YEAR)), 1, 1) - date(_YEAR, 1, 1)).days)
    days = {step: date.fromisoformat(DEFAULT_DAYS[step]) for step in case.path}
    return {step: day + shift for step, day in days.items()}


def _said(case: Case) -> dict[str, date]:
    """The days that a case states, first ones where a step comes again."""
    said: dict[str, Any] = {
        step: case.given[key] for key, step in _SAID.items() if key in case.given and step in case.path
    }
    for step, day in case.given.get("history", []):
        if step in case.path:
            said.setdefault(step, day)
    for held in case.given.get("recognitions", []):
        if held["level"] == case.level and case.given["done_up_to"] == "approved":
            said["approved"] = held["decided"]
    return {step: date.fromisoformat(day) for step, day in said.items()}
