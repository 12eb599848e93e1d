"""The table of tamperings: what each is, what the doctor says of it, and what the other commands say then.

Down stand the tamperings, across the commands. Every tampering is made three times: with the index as it was, with an
index that was tampered alike so that it agrees with the tape, and with one that is made anew from the tape; and each of
these with the read models kept and deleted.

    index kept      what was read before is compared with what stands there now
    index alike     nothing but the signatures tells that the tape was changed
    index anew      nothing but the signatures, and what was made of the log before
    views kept      they know how far the log went, and the hash of what they folded
    views deleted   nothing was kept

Two tamperings need more than all that, a checkpoint that is kept outside, and what is seen of them without one is what
an index, read models or a folder of published decisions remember:

    the tail cut        in tape and index alike, where no read model is left
    stolen keys         history written anew, with signatures that are right, where neither index nor read model is left
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final, Literal, TypeAlias

from infra.log.format import Place
from infra.log.keys import Signer
from tests.fault import tape_edits as edits
from tests.fault.tape_edits import Edit, Tape, TapeRecord
from tests.support.signing import ROOT, STRANGER
from tests.support.terminal import Terminal

Index: TypeAlias = Literal["kept", "alike", "anew"]
INDEXES: Final[tuple[Index, ...]] = ("kept", "alike", "anew")
VIEWS: Final = ("views kept", "views deleted")

CHAIN: Final = frozenset({"LOG_BROKEN"})
END: Final = frozenset({"RECORDS_UNSIGNED"})
INDEX: Final = frozenset({"OWN_INDEX_DIFFERS", "INDEX_DIFFERS", "LOG_CHANGED"})
"""The last where an index had read what the log does not hold: nobody can tell which of them was changed."""
AHEAD: Final = frozenset({"VIEWS_AHEAD_OF_LOG"})
FOLDED: Final = frozenset({"OTHER_EVENTS_FOLDED"})
_INSERT_EVENT: Final = (
    "INSERT INTO stored_events (rowid, originator_id, originator_version, topic, state) VALUES (?,?,?,?,?)"
)
UNSEEN: Final[frozenset[str]] = frozenset()
"""Only a checkpoint that is kept outside would tell."""


@dataclass(frozen=True)
class Row:
    """One tampering: the codes by which the doctor names it, for each index, with views kept and with views deleted.

    One of them is enough; it comes with the first bad position, or with the offset of the first bad record.
    """

    edit: Edit
    kept: tuple[frozenset[str], frozenset[str]]
    alike: tuple[frozenset[str], frozenset[str]]
    anew: tuple[frozenset[str], frozenset[str]]

    def codes(self, index: Index, views: str) -> frozenset[str]:
        """By which the doctor names it; none where it cannot."""
        cells: Mapping[Index, tuple[frozenset[str], frozenset[str]]]
        cells = {"kept": self.kept, "alike": self.alike, "anew": self.anew}
        return cells[index][VIEWS.index(views)]


def _same(codes: frozenset[str]) -> tuple[frozenset[str], frozenset[str]]:
    return codes, codes


def _broken(edit: Edit) -> Row:
    """What stands behind it was built on another record."""
    return Row(edit, kept=_same(CHAIN), alike=_same(CHAIN), anew=_same(CHAIN))


def _unsigned(edit: Edit) -> Row:
    """Nothing was built on what was changed: its own signature tells."""
    return Row(edit, kept=_same(END), alike=_same(END), anew=_same(END))


def table(place: Place, writer: Signer) -> dict[str, Row]:
    """All of it, for a log at a place whose writer's key may be stolen."""
    middle = edits.at_middle
    return {
        "a finding": _broken(middle(edits.finding)),
        "a person": _broken(middle(edits.person)),
        "all moments": _unsigned(edits.all_moments),
        "an event deleted": _broken(middle(edits.event_deleted)),
        "an event deleted and counted": _broken(middle(edits.event_deleted_and_counted)),
        "a record deleted": _broken(edits.record_deleted),
        "the same closed up": _broken(edits.closed_up),
        "a dossier gone": _broken(edits.dossier_gone),
        "two records swapped": _broken(edits.swapped),
        "an answer changed": _broken(middle(edits.answer_changed)),
        "an answer deleted": _broken(middle(edits.answer_deleted)),
        "the last record altered": _unsigned(edits.last_altered),
        "forged as by the last writer": _unsigned(edits.forged(place)),
        "forged with an unregistered key": _unsigned(edits.forged(place, STRANGER)),
        "another log's records": _broken(edits.written_anew(place, STRANGER, [ROOT])),
        "the tail cut": Row(edits.tail_cut, kept=_same(INDEX), alike=(AHEAD, UNSEEN), anew=(AHEAD, UNSEEN)),
        "history with stolen keys": Row(
            edits.written_anew(place, writer), kept=_same(INDEX), alike=(FOLDED, UNSEEN), anew=(FOLDED, UNSEEN)
        ),
    }


NAMES: Final = tuple(table(Place("", 1, 0), STRANGER))


@dataclass
class Questions:
    """The commands across, asked about one dossier, and what each said while the log was whole."""

    number: str
    truth: dict[str, Any] = field(default_factory=dict)

    def commands(self, terminal: Terminal) -> dict[str, tuple[str, ...]]:
        """Each by its name in the table."""
        return {
            "replay": ("replay", self.number, "--json"),
            "audit": ("audit", self.number, "--json"),
            "views verify": ("views", "verify", "--json"),
            "rebuild --check": ("rebuild", "--all", "--check", "--json"),
            "decisions files": ("decisions", "files", str(terminal.folder / "feed"), "--json"),
        }

    def learn(self, terminal: Terminal) -> None:
        """Ask all of them of a log that is whole."""
        for name, words in self.commands(terminal).items():
            self.truth[name] = _answer(terminal.run(*words).json)

    def check_refused(self, terminal: Terminal) -> None:
        """No command serves anything with exit code 0."""
        for name, words in self.commands(terminal).items():
            assert terminal.ask(*words).code == 4, name

    def check_true(self, terminal: Terminal) -> None:
        """No command serves anything but the truth."""
        for name, words in self.commands(terminal).items():
            assert _answer(terminal.run(*words).json) == self.truth[name], name


def _answer(said: Any) -> Any:
    """What was answered, without when, how far, and how fast."""
    if not isinstance(said, dict):
        return None
    return {key: _timeless(value) for key, value in said.items() if key not in ("freshness", "written", "folder")}


def _timeless(value: Any) -> Any:
    """Without the marks of moments that are far from a broker's."""
    if isinstance(value, list):
        return [_timeless(each) for each in value]
    if isinstance(value, dict):
        return {key: _timeless(each) for key, each in value.items() if "doubtful" not in key}
    return value


def doctor(terminal: Terminal) -> list[dict[str, Any]]:
    """What `dossier doctor --whole` finds wrong."""
    said = terminal.ask("doctor", "--whole", "--json")
    wrong: list[dict[str, Any]] = json.loads(said.out)["wrong"]
    assert (said.code == 4) == bool(wrong)
    # Nobody takes commands while a table is filled, and its facts are older than the topic that they were copied to.
    return [each for each in wrong if each["code"] not in ("NO_WORKER", "MOMENT_WRONG")]


def check_named(wrong: Sequence[Mapping[str, Any]], codes: frozenset[str], before: Tape, after: Tape) -> None:
    """By one of these codes, at the first bad position; with a hint of what to do."""
    bad = edits.first_wrong(before, after)
    position, offset = _place(before, after, bad)
    named = [each for each in wrong if each["code"] in codes]
    assert named, (codes, [each["code"] for each in wrong])
    assert all(each["hint"] for each in wrong)
    if codes & FOLDED:
        # A read model knows its hash at marks alone.
        assert any(each["first"] <= position <= each["last"] for each in named), named
        return
    assert any(each.get("position") == position or each.get("offset") == offset for each in named), named


def _place(before: Tape, after: Tape, bad: TapeRecord | None) -> tuple[int, int]:
    """The first bad position, and the offset of the first bad record."""
    if bad is not None:
        return bad.header.position, bad.offset
    header = before[-1].header
    return header.position + header.events, after[-1].offset


def agree(connection: sqlite3.Connection, tape: Tape) -> None:
    """Rewrite the tables of an index as if every record of a tape had been accepted."""
    for name in ("stored_events", "answers", "accepted_records"):
        connection.execute(f"DELETE FROM {name}")  # noqa: S608
    position = 1
    for record in tape:
        accepted = (record.header.number, record.offset, sha256(record.value).digest(), position, record.header.format)
        connection.execute("INSERT INTO accepted_records VALUES (?,?,?,?,?,0)", accepted)
        for event in record.events:
            connection.execute(_INSERT_EVENT, (position, *event))
            position += 1
        for append in record.body.appends:
            if (bound := append.bound) is not None:
                row = (bound.key.scope, bound.key.command_id.bytes, bound.digest, bound.answer)
                connection.execute("INSERT INTO answers VALUES (?,?,?,?)", row)
    last = tape[-1]
    connection.execute(
        "UPDATE head SET next_offset = ?, record_offset = ?, hash = ?, number = ?, position = ?",
        (last.offset + 1, last.offset, sha256(last.value).digest(), last.header.number, position),
    )
