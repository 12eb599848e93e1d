"""Whether what a run left behind is as it must be. Independent of the code that it checks.

Each check has a number; the planted faults of `test_planted_faults` say which one finds them:

    1  the body of a record has as many events as its header says, so that positions are dense, but for void ones
    2  the versions of every dossier go 1, 2, 3, …
    3  an id is bound once within its unit; the events of a command carry its id, and no other append has them
    4  offsets of commands strictly grow
    5  every command up to the last handled one was handled
    6  whoever was answered finds his answer in the log: none is lost, none was told otherwise
    7  a reply is the answer in the log of the command at that offset, and none is missing
    8  a refusal or a dead command has no events, and an accepted answer names the last event of its own append
    9  no orphan is open
    10 the command that stands in the queue is the one that was handled: the same id
    13 the log begins at offset 0, and the bodies of all accepted records can be read
    14 at rest, no command waits (`check_rest`)

11 and 12 are about the read models, see `read_models`.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from domain.errors import InfrastructureError
from schemas.avro.codec import decode
from tests.fault.evidence import Accepted, Evidence, accepted, answers_of

_BINDING = ("EVENTS", "REFUSED")


@dataclass(slots=True)
class Findings:
    """What was counted in one partition, and what is wrong, each in words that begin with the check's number."""

    outcomes: Counter[str] = field(default_factory=Counter)
    events: int = 0
    ignored: int = 0
    writers: list[str] = field(default_factory=list)
    """Of the accepted records, in order."""
    wrong: list[str] = field(default_factory=list)


def check(evidence: Evidence) -> Findings:
    """All checks on one partition."""
    found = Findings()
    records, orphans = accepted(evidence)
    found.ignored = len(evidence.log) - len(records)
    found.writers = [record.writer for record in records]
    if evidence.begins:
        found.wrong.append(f"13 the log begins at offset {evidence.begins}")
    found.wrong += [f"13 offset {record.offset}: the body cannot be read" for record in records if not record.readable]
    found.wrong += [f"9 an orphan is open at offset {offset}" for offset in orphans]
    _check_events(records, found)
    by_id, by_offset = _check_commands(records, found)
    _check_queue(evidence, by_offset, found)
    _check_told(evidence, by_id, found)
    _check_replies(evidence, by_offset, found)
    return found


def check_rest(evidence: Evidence) -> list[str]:
    """What still waits, in words that begin with the check's number: for a system that has had its time."""
    sources = [append["source"] for record in accepted(evidence)[0] for append in record.appends]
    last = max((source["offset"] for source in sources if source is not None), default=-1)
    return [f"14 the command at offset {offset} waits" for offset, _ in evidence.commands if offset > last]


def _check_events(records: list[Accepted], found: Findings) -> None:
    versions: Counter[str] = Counter()
    for place, record in enumerate(records):
        events = [event for append in record.appends for event in append["events"]]
        found.events += len(events)
        following = record.position + record.counted
        if place + 1 < len(records):
            following = records[place + 1].position - records[place + 1].empty
        if record.position + len(events) != following or len(events) != record.counted:
            found.wrong.append(f"1 offset {record.offset}: {len(events)} events from position {record.position}")
        for event in events:
            originator = _originator(event["originator"])
            versions[originator] += 1
            if event["version"] != versions[originator]:
                found.wrong.append(f"2 offset {record.offset}: {originator} has {event['version']} out of order")


def _check_commands(
    records: list[Accepted], found: Findings
) -> tuple[dict[str, dict[str, Any]], dict[tuple[str, int], dict[str, Any]]]:
    """Append by id, of those that bind one; and by commands topic and offset, of all."""
    bound: set[tuple[bytes, bytes]] = set()
    acted: dict[str, int] = {}
    by_id: dict[str, dict[str, Any]] = {}
    by_offset: dict[tuple[str, int], dict[str, Any]] = {}
    last: dict[str, int] = {}
    for record in records:
        position = record.position
        for append in record.appends:
            found.outcomes[append["outcome"]] += 1
            position += len(append["events"])
            command, source = append["command"], append["source"]
            if source is not None:
                topic_id = str(UUID(bytes=source["topic_id"]))
                if source["offset"] <= last.get(topic_id, -1):
                    found.wrong.append(f"4 offset {record.offset}: command {source['offset']} after {last[topic_id]}")
                last[topic_id] = source["offset"]
                by_offset[topic_id, source["offset"]] = append
            if command is None:
                continue
            if append["outcome"] in _BINDING:
                key = (command["scope"], command["id"])
                if key in bound:
                    found.wrong.append(f"3 offset {record.offset}: {UUID(bytes=command['id'])} is bound again")
                bound.add(key)
                by_id[str(UUID(bytes=command["id"]))] = append
            _check_events_of(append, position - 1, acted, record.offset, found)
    return by_id, by_offset


def _check_events_of(append: dict[str, Any], last: int, acted: dict[str, int], offset: int, found: Findings) -> None:
    command_id = str(UUID(bytes=append["command"]["id"]))
    try:
        answer = json.loads(append["command"]["answer"])
        told = [decode(event["topic"], event["state"])["command_id"] for event in append["events"]]
    except (InfrastructureError, EOFError, LookupError, TypeError, ValueError) as error:
        found.wrong.append(f"13 offset {offset}: {command_id}: {error!r}")
        return
    if bool(append["events"]) is not (append["outcome"] == "EVENTS"):
        found.wrong.append(f"8 offset {offset}: {append['outcome']} with {len(append['events'])} events")
    if append["outcome"] == "EVENTS" and (not answer.get("ok") or answer.get("position") != last):
        found.wrong.append(f"8 offset {offset}: {command_id} acted up to {last}, its answer is {answer}")
    for other in told:
        if other != command_id:
            found.wrong.append(f"3 offset {offset}: an event of {command_id} says that it is of {other}")
    if append["events"]:
        if command_id in acted:
            found.wrong.append(f"3 offset {offset}: {command_id} acted at {acted[command_id]} already")
        acted[command_id] = last


def _check_queue(evidence: Evidence, by_offset: dict[tuple[str, int], dict[str, Any]], found: Findings) -> None:
    handled = {each for (_, offset), append in by_offset.items() for each in _offsets_of(append, offset)}
    commands = dict(evidence.commands)
    for offset in sorted(commands):
        if offset <= max(handled, default=-1) and offset not in handled:
            found.wrong.append(f"5 the command at offset {offset} was passed over")
    for (_, offset), append in by_offset.items():
        if append["outcome"] == "DEAD":
            continue
        # What the queue lost is known by what the operator was shown.
        standing = evidence.lost.get(offset) or _command_id(commands.get(offset))
        if standing != str(UUID(bytes=append["command"]["id"])):
            found.wrong.append(f"10 the command at offset {offset} is {standing}, another one was handled")


def _command_id(line: bytes | None) -> str | None:
    """None for what is no command, as what a queue is filled with that lost its end."""
    try:
        return str(json.loads(line or b"{}").get("command_id"))
    except ValueError:
        return None


def _offsets_of(append: dict[str, Any], offset: int) -> range:
    """The offsets that an outcome is about: of records that hold no commands it is one for many."""
    error = json.loads(append["command"]["answer"]).get("error") or {}
    joined = error["details"] if error.get("code") == "UNREADABLE_RECORDS" else {}
    return range(joined.get("first", offset), joined.get("last", offset) + 1)


def _check_told(evidence: Evidence, by_id: dict[str, dict[str, Any]], found: Findings) -> None:
    for line in evidence.told:
        answer = json.loads(line)
        error = answer.get("error") or {}
        if error.get("code") == "COMMAND_ID_REUSED":
            continue
        append = by_id.get(answer["command_id"])
        if append is None:
            found.wrong.append(f"6 {answer['command_id']} was answered, and is not in the log")
        elif append["command"]["answer"] != line:
            found.wrong.append(f"6 {answer['command_id']} was told {line}, the log says {append['command']['answer']}")


def _check_replies(evidence: Evidence, by_offset: dict[tuple[str, int], dict[str, Any]], found: Findings) -> None:
    replied: set[tuple[str, int]] = set()
    for topic_id, offset, text in answers_of(evidence.replies):
        replied.add((topic_id, offset))
        append = by_offset.get((topic_id, offset))
        if append is None:
            found.wrong.append(f"7 the command at offset {offset} was answered, and is not in the log")
        elif append["command"]["answer"] != text:
            found.wrong.append(f"7 the command at offset {offset} was answered {text}, the log says otherwise")
    found.wrong += [f"7 the command at offset {offset} has no reply" for _, offset in by_offset.keys() - replied]


def _originator(value: bytes | str) -> str:
    return value.hex() if isinstance(value, bytes) else value
