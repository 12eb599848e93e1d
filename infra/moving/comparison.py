"""An old log and the new one that took it over, compared: each dossier's events byte by byte, and every answer."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Final

from domain.i18n import pair
from infra.log.format import Append, EventRow
from infra.moving.errors import MoveDiffers
from infra.moving.new_log import without_place
from infra.moving.old_log import OldRecord

_MODULUS: Final = 1 << 256


class Contents:
    """What a log holds, whatever partitions it has: a running hash of each dossier, and one number for all commands."""

    def __init__(self, records: Iterable[OldRecord] = ()) -> None:
        self.dossiers: dict[str, bytes] = {}
        self.events = 0
        self.commands = 0
        self._sum = 0
        """The sum of the hashes of all commands: the same in any order."""
        for record in records:
            self.add(record.appends)

    def add(self, appends: Iterable[Append]) -> None:
        """Take in what was appended."""
        for append in appends:
            for event in append.events:
                originator = event[0]
                self.dossiers[originator] = _after(self.dossiers.get(originator, b""), event)
                self.events += 1
            if append.command is not None:
                self.commands += 1
                self._sum = (self._sum + int.from_bytes(_of_command(append))) % _MODULUS

    def check_same(self, other: Contents, target: str) -> None:
        """Raises MoveDiffers where the other one does not hold the same."""
        if self.dossiers != other.dossiers:
            wrong = next(
                each
                for each in sorted({*self.dossiers, *other.dossiers})
                if self.dossiers.get(each) != other.dossiers.get(each)
            )
            raise MoveDiffers(target=target, reason=pair("the events of {dossier} are other ones", dossier=wrong))
        if (self.commands, self._sum) != (other.commands, other._sum):
            raise MoveDiffers(target=target, reason=pair("the answers of commands are other ones"))


def _after(before: bytes, event: EventRow) -> bytes:
    _, version, topic, state = event
    return sha256(b"".join((before, f"{version}/{len(topic)}/{topic}/".encode(), state))).digest()


def _of_command(append: Append) -> bytes:
    if append.command is None:
        raise AssertionError("an append without a command")
    key, digest, answer = append.command
    said = without_place(answer) or answer
    fixed = key.scope + key.command_id.bytes + digest
    return sha256(b"".join((append.commit_id, fixed, f"{append.outcome.name}/{said!r}".encode()))).digest()
