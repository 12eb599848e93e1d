"""`dossier log dismiss`: leave behind records that were built on one which was altered or lost, or that are forged."""

# ruff: noqa: PLC0415  # what reads a log is needed only once it is asked

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from domain.i18n import pair
from infra.cli.support.errors import BadOption
from infra.cli.support.reporting import note, print_json, tell_done
from infra.cli.support.session import Session

if TYPE_CHECKING:
    from infra.log.partition_source import PartitionSource

_SHOWN: Final = 20


def check_named_whole(offset: int | None, digest: str | None, *, every: bool) -> None:
    """Raises BadOption where what is to be dismissed is named in part."""
    if (offset is not None and every) or (offset is not None or every) is not (digest is not None):
        raise BadOption(reason=pair("--hash goes with --offset, or with --all"))


def dismiss(session: Session, source: PartitionSource, offset: int | None, digest: str | None) -> None:
    """Show the open orphans, or dismiss the one with this offset and hash, or all with this hash. Raises BadOption."""
    from infra.log.control_records import Orphan
    from infra.log.repair import open_orphans, repaired

    found = open_orphans(source)
    if digest is None:
        _show(session, found)
        if not found:
            name_partition(session, source)
        return
    chosen = _chosen(found, offset, digest)
    with repaired(source) as partition:
        orphans = [Orphan(each["offset"], bytes.fromhex(each["hash"])) for each in chosen]
        partition.dismiss(orphans, source.keys.writer())
    if offset is None:
        line = session.text("records that are left behind: {count}", count=len(chosen))
    else:
        line = session.text("the record at offset {offset} is left behind", offset=offset)
    tell_done(session, {"dismissed": [each["offset"] for each in chosen]}, line)


def name_partition(session: Session, source: PartitionSource) -> None:
    """Say that one partition was looked at, where there are others in which something may be wrong."""
    address = source.address
    if address.partitions > 1:
        note(
            session.text(
                "that is partition {partition} of {partitions}, from 0 on: --partition names another one",
                partition=address.partition,
                partitions=address.partitions,
            )
        )


def _chosen(found: Sequence[dict[str, Any]], offset: int | None, digest: str) -> Sequence[dict[str, Any]]:
    """Raises BadOption for a hash that is not the one shown: others may have come since."""
    from infra.log.repair import hash_of_all

    if offset is None:
        if not found or hash_of_all(found) != digest:
            raise BadOption(reason=pair("the open records have another hash by now: look at them again"))
        return found
    chosen = [each for each in found if (each["offset"], each["hash"]) == (offset, digest)]
    if not chosen:
        raise BadOption(
            reason=pair("there is no open orphan at offset {offset} with that hash", offset=offset),
        )
    return chosen


def _show(session: Session, found: Sequence[dict[str, Any]]) -> None:
    from infra.cli.support.tables import print_line, print_pairs
    from infra.log.repair import hash_of_all

    if session.json:
        print_json({"orphans": found, "hash": hash_of_all(found)})
        return
    text = session.text
    if not found:
        print_line(text("no record is open"))
        return
    for each in found[:_SHOWN]:
        print_pairs(
            (
                (text("Offset"), each["offset"]),
                (text("Hash"), each["hash"]),
                (text("Number"), each["number"]),
                (text("Key"), each.get("key")),
                (text("Writer"), each.get("writer")),
                (
                    text("Events"),
                    ", ".join(f"{event['dossier']}/{event['version']} {event['event']}" for event in each["events"])
                    if each.get("events")
                    else None,
                ),
                (text("Commands"), ", ".join(each.get("commands", ()))),
            )
        )
    if len(found) > _SHOWN:
        print_line(text("and {count} more: --json shows all", count=len(found) - _SHOWN))
    print_pairs(((text("Open records"), len(found)), (text("Hash of all"), hash_of_all(found))))
