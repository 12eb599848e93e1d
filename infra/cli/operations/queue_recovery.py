"""`dossier log recover queue`: bring a queue back that lost its end."""

# ruff: noqa: PLC0415  # the clients of Kafka are needed only once it is asked

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from domain.i18n import pair
from infra.cli.support.errors import BadOption
from infra.cli.support.reporting import print_json, tell_done
from infra.cli.support.session import Session

if TYPE_CHECKING:
    from infra.bootstrap import Application
    from infra.queue.recovery import QueueExamination

_SHOWN: Final = 20


def recover_queue(session: Session, application: Application, partition: int, handled: int | None) -> None:
    """Show what recovering the queue would do, or do it: `handled` names the last handled offset, as it was shown.

    Raises BadOption, LogUnusable.
    """
    from infra.queue.recovery import recovering

    if partition >= application.kafka.partitions:
        raise BadOption(reason=pair("--partition is one of 0 to {most}", most=application.kafka.partitions - 1))
    with recovering(application, partition) as queue:
        found = queue.examine()
        if handled is None or not found.is_needed:
            _show(session, found)
            return
        if handled != found.handled:
            raise BadOption(
                reason=pair("the last handled offset is {handled} by now: look again", handled=found.handled)
            )
        done = queue.recover(found)
    put = [each.command_id for each in done.waiting]
    line = session.text("the queue is whole again; commands that were put into it again: {count}", count=len(put))
    # A worker that had fetched more may have handled it since it was looked.
    tell_done(session, {"recovered": put, "lost": _lost(done)}, line)


def _show(session: Session, found: QueueExamination) -> None:
    from infra.cli.support.tables import print_line, print_pairs

    if session.json:
        print_json(_as_json(found))
        return
    text = session.text
    if not found.is_needed:
        print_line(text("the queue holds all that the log says: there is nothing to be recovered"))
        return
    reused = found.reused
    print_pairs(
        (
            (text("Last handled offset"), found.handled),
            (text("End of the queue"), found.end),
            (text("Handled commands that the queue lost"), len(found.lost)),
            (text("Their ids"), _some(session, [each.command_id or f"@{each.offset}" for each in found.lost])),
            (text("Commands at offsets given out twice"), _some(session, [each.command_id for each in reused])),
            (
                text("Other commands without an answer"),
                _some(session, [each.command_id for each in found.waiting if each not in reused]),
            ),
            (text("Records that are no commands"), found.others),
        )
    )
    print_line(
        text(
            "the answers of the lost commands are in the log, and nobody loses one; --handled {handled} fills the "
            "queue up to there and puts the commands without an answer behind it again, with their ids: each acts once",
            handled=found.handled,
        )
    )


def _some(session: Session, ids: list[str]) -> str:
    more = session.text("and {count} more: --json shows all", count=len(ids) - _SHOWN) if len(ids) > _SHOWN else ""
    return ", ".join([*ids[:_SHOWN], *([more] if more else [])])


def _as_json(found: QueueExamination) -> dict[str, Any]:
    return {
        "needed": found.is_needed,
        "handled": found.handled,
        "end": found.end,
        "lost": _lost(found),
        "waiting": [{"offset": each.offset, "command_id": each.command_id} for each in found.waiting],
        "no_commands": found.others,
    }


def _lost(found: QueueExamination) -> list[dict[str, Any]]:
    return [{"offset": each.offset, "command_id": each.command_id} for each in found.lost]
