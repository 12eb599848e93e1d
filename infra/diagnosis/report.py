"""What the doctor has to say: what there is, and what a person must mend, each with its place and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from domain.errors import DossierError, InfrastructureError


class Wrong(NamedTuple):
    """An error, and where it is: topic, partition, offset or position, as far as they are known."""

    error: DossierError
    place: dict[str, str | int]

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        error = self.error
        return {"code": error.code, "message": error.message(), "hint": error.hint(), **error.details, **self.place}


@dataclass(slots=True)
class Report:
    """`facts` are plain values by name; `wrong` is empty when all is well."""

    facts: dict[str, Any] = field(default_factory=dict)
    wrong: list[Wrong] = field(default_factory=list)

    def add(self, error: DossierError, **place: str | int) -> None:
        """Something that must be mended; what several looks find is named once."""
        if not any((each.error.code, each.error.details) == (error.code, error.details) for each in self.wrong):
            self.wrong.append(Wrong(error, place))

    @contextmanager
    def taking(self, **place: str | int) -> Iterator[None]:
        """Around a look that may end in an error: that is what was found, and the other looks go on."""
        try:
            yield
        except InfrastructureError as error:
            self.add(error, **place)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {**self.facts, "wrong": [each.as_json() for each in self.wrong]}
