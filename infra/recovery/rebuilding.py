"""A command had back from the fact that it led to, proven by the digest that the log kept of it.

A fact holds what its command said, under the same names, and more that followed from it. What it does not hold is in
which of a few ways the same was said: a dossier by its id, its number or its unit; a part that was left out, or null;
a conclusion stated, or left to the system. Each of these is tried until the digest is the one of the command that was
answered. Where none is, the command was another one, and is not given again by guess.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date
from itertools import chain, combinations, product
from typing import Any, Final, NamedTuple

from msgspec.structs import fields

from domain.commands import COMMAND_TYPES, CorrectFact, ForwardToCouncil
from domain.council.aggregate import CouncilEvent
from domain.dossier.aggregate import DossierCreated
from domain.identity import COUNCIL_UNIT
from domain.procedure import PROCEDURE
from domain.recorded_event import RecordedEvent
from schemas.command_parser import is_command, line_of

_ENVELOPE: Final = frozenset({"command_id", "dossier", "on", "actor", "digest"})
_COMPUTED: Final = frozenset({"communes", "not_applicable"})
"""Keys of a finding that no command states."""
_CONCLUDED: Final = "met"
_DEFAULTED: Final = frozenset({"catalogue_version", "system"})
"""Parts that the system fills in where a command leaves them out."""
_DECIMALS: Final = frozenset({"percent", "minutes_approved_percent"})
"""Keys of numbers that may be stated with a decimal comma, and are recorded with a point."""
_MOST_NULLS: Final = 6
"""Keys without a value of which every choice is tried: 64 of them."""
COMMANDS: Final = {step.event.__name__: step.name for step in PROCEDURE}
"""Event → the command that leads to it."""


class Beginning(NamedTuple):
    """The first fact of a dossier: what its later commands may have named it by."""

    unit: str
    level: str
    year: int
    number: str


def beginning_of(event: RecordedEvent) -> Beginning | None:
    """What the first fact of a dossier says of it; None for any other fact."""
    if not isinstance(event, DossierCreated):
        return None
    return Beginning(event.unit_id, event.level, event.year, event.number)


def command_of(event: RecordedEvent) -> str:
    """The name of the command that leads to a fact."""
    return COMMANDS[type(event).__name__]


def rebuilt(event: RecordedEvent, beginning: Beginning | None, digest: bytes) -> str | None:
    """The command as a line of JSON, exactly as it was but for the order of its keys; None where none has the digest.

    `beginning`: of the fact's dossier, where it is known. `digest` (32 bytes) is what the log kept of the command.
    """
    name = command_of(event)
    references = _references(event, beginning)
    for data in _said(name, event):
        for dossier in references:
            envelope = {
                "command_id": event.command_id,
                "command": name,
                "dossier": dossier,
                "on": event.on,
                "actor": dict(event.actor),
                "data": data,
            }
            line = line_of(envelope)
            if is_command(line.encode(), digest, event.command_id):
                return line
    return None


def _references(event: RecordedEvent, beginning: Beginning | None) -> Sequence[Any]:
    """How a command may have named its dossier."""
    if isinstance(event, CouncilEvent):
        return [COUNCIL_UNIT]
    names: list[Any] = []
    if beginning is not None:
        names += [beginning.number, str(event.originator_id), beginning.number.lower()]
        names += [{"unit": beginning.unit, "level": beginning.level, "year": beginning.year}]
    return names or [str(event.originator_id)]


def _said(name: str, event: RecordedEvent) -> Iterator[dict[str, Any]]:
    """What the command may have said, the likeliest first."""
    kind = COMMAND_TYPES[name]
    stated = [each.name for each in fields(kind) if each.name not in _ENVELOPE]
    whole: dict[str, Any] = {name: getattr(event, name, None) for name in stated}
    if kind is ForwardToCouncil:
        whole["letters"] = {agency: each["letter"] for agency, each in whole["letters"].items()}
    if kind is CorrectFact:
        whole["correction"] = json.loads(whole["correction"])
    whole = _without(whole, _COMPUTED)
    optional = [key for key in whole if key in _DEFAULTED or whole[key] in ([], {})]
    nulls = sorted(_keys_with(whole, lambda _, value: value is None))[:_MOST_NULLS]
    decimals = sorted(_keys_with(whole, _has_point))
    forms = (_without(whole, {_CONCLUDED}), whole)
    for kept, commas in product([(), (*nulls,), *_choices(nulls)], [*_choices(decimals)]):
        for form, left_out in product(forms, [*_choices(optional)]):
            data = {key: value for key, value in form.items() if key not in left_out}
            yield _pruned(_with_commas(data, commas), kept)


def _choices(keys: Sequence[str]) -> Iterator[tuple[str, ...]]:
    return chain.from_iterable(combinations(keys, count) for count in range(len(keys) + 1))


def _keys_with(value: Any, is_wanted: Callable[[str, Any], bool]) -> set[str]:
    """The keys of what is wanted, at whatever depth."""
    if isinstance(value, Mapping):
        own = {key for key, each in value.items() if is_wanted(key, each)}
        return own.union(*(_keys_with(each, is_wanted) for each in value.values()))
    return set[str]().union(*(_keys_with(each, is_wanted) for each in value)) if isinstance(value, list) else set()


def _has_point(key: str, value: Any) -> bool:
    return key in _DECIMALS and isinstance(value, str) and "." in value


def _with_commas(value: Any, keys: Collection[str]) -> Any:
    """The same with a decimal comma in the numbers under these keys."""
    if not keys:
        return value
    if isinstance(value, Mapping):
        return {
            key: each.replace(".", ",") if key in keys and _has_point(key, each) else _with_commas(each, keys)
            for key, each in value.items()
        }
    return [_with_commas(each, keys) for each in value] if isinstance(value, list) else value


def _pruned(value: Any, kept: Collection[str]) -> Any:
    """The same without what has no value, but for these keys."""
    if isinstance(value, Mapping):
        return {key: _pruned(each, kept) for key, each in value.items() if each is not None or key in kept}
    return [_pruned(each, kept) for each in value] if isinstance(value, list) else value


def _without(value: Any, keys: frozenset[str] | set[str]) -> Any:
    """The same without these keys of findings."""
    if isinstance(value, Mapping):
        is_finding = _CONCLUDED in value and not isinstance(value[_CONCLUDED], date | str)
        gone = keys if is_finding else frozenset[str]()
        return {key: _without(each, keys) for key, each in value.items() if key not in gone}
    return [_without(each, keys) for each in value] if isinstance(value, list) else value
