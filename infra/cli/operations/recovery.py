"""`dossier log recover`: lead an operator out of what the doctor found, with what will be lost said before."""

# ruff: noqa: PLC0415  # what reads a log is needed only once it is asked

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from domain.i18n import pair
from infra.cli.operations.lost import show, show_commands
from infra.cli.support.errors import BadOption
from infra.cli.support.reporting import INFRASTRUCTURE, note, print_json, tell_error
from infra.cli.support.session import Session

if TYPE_CHECKING:
    from infra.diagnosis.report import Report
    from infra.recovery.recovery import Plan, Recovered


def recover(session: Session, indexes: Sequence[Path], backups: Sequence[Path], losing: int | None) -> None:
    """Show what recovering would do; or do it, where `losing` names how many acknowledged commands stay lost.

    Raises BadOption, RecoveryByHand, and what looking and the steps raise.
    """
    from infra.clock import utc_now
    from infra.recovery.errors import RecoveryByHand
    from infra.recovery.recovery import Recovery

    recovery = Recovery(session.application, (indexes, backups))
    plan = recovery.plan()
    if plan.by_hand:
        _tell(session, plan.report)
        raise RecoveryByHand(codes=", ".join(plan.by_hand), first=plan.by_hand[0])
    if not plan.is_needed or losing is None:
        _show_plan(session, plan)
        return
    if losing != plan.losing:
        raise BadOption(
            reason=pair("acknowledged commands that stay lost: {count} by now; look again", count=plan.losing)
        )
    done = recovery.run(plan, utc_now())
    report = recovery.settled()
    _show_done(session, plan, done, report)
    if report.wrong:
        _tell(session, report)
        raise typer.Exit(INFRASTRUCTURE)


def _show_plan(session: Session, plan: Plan) -> None:
    from infra.cli.support.tables import print_line, print_pairs

    text = session.text
    if session.json:
        print_json(_as_json(plan))
        return
    if not plan.is_needed:
        print_line(text("log, indexes, read models and queue fit together: there is nothing to be recovered"))
        _tell(session, plan.report)
        return
    _tell(session, plan.report)
    show(session, plan.found)
    if plan.shown:
        print_line(text("what the read models alone know of:"))
        show_commands(session, plan.shown)
    again = sum(each.line is not None and not each.waits for each in plan.commands)
    print_pairs(
        (
            (text("Indexes to be put aside"), [str(path) for path in plan.indexes] or None),
            (text("Queues to be brought back, by partition"), ", ".join(map(str, plan.queues))),
            (text("Commands to be given again"), again),
            (text("Commands that wait in the queue"), sum(each.waits for each in plan.commands)),
            (text("Acknowledged commands that stay lost"), plan.losing),
        )
    )
    if plan.goes_on:
        print_line(text("a recovery was broken off: it goes on from what it has written down"))
    print_line(
        text(
            "nothing was changed. Is there an older index or a backup that holds more? Then name it with --index or "
            "--backup. Stop the workers and projectors of this machine; then --losing {count} agrees, and does it",
            count=plan.losing,
        )
    )


def _show_done(session: Session, plan: Plan, done: Recovered, report: Report) -> None:
    from infra.cli.support.tables import print_line, print_pairs

    text = session.text
    accepted = sum(each.outcome == "accepted" for each in done.answers)
    if session.json:
        print_json(
            {
                **_as_json(plan),
                "recovered": True,
                "folder": str(done.folder),
                "kept": [str(path) for path in done.kept],
                "rebuilt": done.rebuilt,
                "queues": done.queues,
                "accepted": accepted,
                "refused": [each.line for each in done.answers if each.outcome != "accepted"],
                "waiting": done.waiting,
                "wrong": [each.as_json() for each in report.wrong],
            }
        )
        return
    print_pairs(
        (
            (text("Lost commands by id, and those given again"), done.folder),
            (text("Indexes kept as they were"), [str(path) for path in done.kept] or None),
            (text("Read models that were made anew"), ", ".join(done.rebuilt)),
            (text("Queues brought back, by partition"), ", ".join(map(str, done.queues))),
            (text("Given again, and accepted"), accepted),
            (text("Given again, and refused"), len(done.answers) - accepted),
            (text("Put into the queue: begin a worker"), done.waiting or None),
            (text("Acknowledged commands that stay lost"), plan.losing),
        )
    )
    if not report.wrong:
        print_line(text("the doctor finds nothing wrong any more"))


def _as_json(plan: Plan) -> dict[str, Any]:
    return {
        "needed": plan.is_needed,
        "goes_on": plan.goes_on,
        "found": [each.as_json() for each in plan.report.wrong],
        "partitions": [each.as_json() for each in plan.found],
        "only_shown": [each.as_json() for each in plan.shown],
        "indexes": [str(path) for path in plan.indexes],
        "queues": plan.queues,
        "losing": plan.losing,
    }


def _tell(session: Session, report: Report) -> None:
    """What the doctor finds, on stderr, each with its page."""
    for each in report.wrong:
        error = each.error
        message, hint = error.message(session.language), error.hint(session.language)
        tell_error(session, error.code, message, error.clause, hint)
    if not report.wrong:
        note(session.text("the doctor finds nothing wrong"))
