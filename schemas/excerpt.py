"""The part of a malformed value that is enough to say what is wrong with it.

A validator describes every fault of a value at once, with all that could have been meant: a tenth of a millisecond and
ten kilobytes for each. Where a value has thousands, as one made to do harm has, that takes many seconds for the few
that anybody is told of. So the places of the faults are found first, which is quick, and the rest is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from jsonschema_rs import Draft202012Validator

_FEW: Final = 64
"""So many keys any object of ours may have: it is left as it is, so that nothing seems to be missing."""


def count_values(value: Any, most: int) -> int:
    """How many values a JSON value is made of, itself included; counted no further than past `most`."""
    count, rest = 0, [value]
    while rest and count <= most:
        found = rest.pop()
        count += 1
        if isinstance(found, dict):
            rest.extend(found.values())
        elif isinstance(found, list):
            rest.extend(found)
    return count


def excerpt(validator: Draft202012Validator, value: Any, faults: int) -> tuple[Any, frozenset[str]]:
    """A value with the same first faults and few others, and the JSON pointers of those: at most `faults`."""
    places = list(dict.fromkeys(error["instanceLocation"] for error in validator.evaluate(value).errors()))
    told = frozenset(places[:faults])
    return _Cut(frozenset(_above(places)), frozenset(_above(places[:faults]))).of(value, ""), told


def pointer(path: list[str | int]) -> str:
    """The JSON pointer of a path."""
    return "".join(f"/{_escaped(step)}" for step in path)


class _Cut:
    """`faulty` are the places of all faults and of what they are in, `told` those of the first faults."""

    def __init__(self, faulty: frozenset[str], told: frozenset[str]) -> None:
        self._faulty = faulty
        self._told = told

    def of(self, value: Any, place: str) -> Any:
        if place not in self._faulty:
            return value
        if isinstance(value, dict):
            few = len(value) <= _FEW
            places = {key: f"{place}/{_escaped(key)}" for key in value}
            return {key: self.of(value[key], at) for key, at in places.items() if few or self._is_kept(at)}
        if isinstance(value, list):
            kept = [index for index in range(len(value)) if self._is_kept(f"{place}/{index}")]
            end = kept[-1] + 1 if kept else 0
            return [self.of(inner, f"{place}/{index}") for index, inner in enumerate(value[:end])]
        return value

    def _is_kept(self, place: str) -> bool:
        return place in self._told or place not in self._faulty


def _above(places: list[str]) -> Iterator[str]:
    """The places, and those that they are in."""
    yield ""
    for place in places:
        end = len(place)
        while end > 0:
            yield place[:end]
            end = place.rfind("/", 0, end)


def _escaped(step: str | int) -> str:
    return str(step).replace("~", "~0").replace("/", "~1")
