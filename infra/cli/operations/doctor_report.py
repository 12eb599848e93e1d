"""What `dossier doctor` found, for people: tables of what there is, then each thing that must be mended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from consumers.commands.recording_clock import shown
from infra.cli.support.reporting import note, tell_error, where_more
from infra.cli.support.session import Session
from infra.cli.support.tables import print_heading, print_line, print_pairs, print_table
from infra.diagnosis.findings import ProcessHalted
from infra.diagnosis.report import Report, Wrong

_SHOWN: Final = 5


def show(session: Session, report: Report) -> None:
    """Print it: what there is on stdout, what is wrong on stderr."""
    facts, text = report.facts, session.text
    print_pairs(
        (
            (text("Log"), facts["log"]),
            (text("Cluster"), facts.get("cluster")),
            *((name, f"{topic['id']}, P = {topic['partitions']}") for name, topic in facts.get("topics", {}).items()),
        )
    )
    print_heading(text("Partitions"))
    if "topics" in facts:
        _show_partitions(session, facts)
        _show_passed_over(session, facts)
    else:
        print_pairs((text("Position"), each["position"]) for each in facts["partitions"])
    _show_behind(session, facts.get("behind", {}))
    if "groups" in facts:
        print_heading(text("Processes"))
        print_pairs(
            (group, "; ".join(f"{member}: {partitions}" for member, partitions in members.items()) or text("none"))
            for group, members in facts["groups"].items()
        )
    print_heading(text("Machine"))
    _show_machine(session, facts)
    for wrong in report.wrong:
        _tell(session, wrong)


def _show_partitions(session: Session, facts: Mapping[str, Any]) -> None:
    text = session.text
    headings = (
        "",
        text("Record"),
        text("Position"),
        text("Read to"),
        text("Late"),
        text("Foreign"),
        text("Orphans"),
        text("Commands waiting"),
        text("Oldest since"),
    )
    print_table(
        headings,
        (
            (
                each["partition"],
                each["record"],
                each["position"],
                each["read_to"],
                each["ignored"]["late"],
                each["ignored"]["foreign"],
                f"{len(each['orphans'])} ({each['ignored']['orphans']})",
                each["commands_waiting"],
                shown(each["oldest_waiting"]["since"]) if each["oldest_waiting"] else None,
            )
            for each in facts["partitions"]
        ),
    )


def _show_passed_over(session: Session, facts: Mapping[str, Any]) -> None:
    text = session.text
    print_heading(text("Answers"))
    headings = (
        "",
        text("Dead letters waiting"),
        text("Records that are no letters"),
        text("Replies read"),
        text("Lines that are not believed"),
    )
    print_table(headings, (each.values() for each in facts["passed_over"]))


def _show_behind(session: Session, behind: Mapping[str, Mapping[int, int]]) -> None:
    if not behind:
        return
    text = session.text
    print_heading(text("Read models"))
    headings = (text("Read model"), text("Partition"), text("Events behind"))
    print_table(headings, ((name, at, missing) for name, each in behind.items() for at, missing in each.items()))


def _show_machine(session: Session, facts: Mapping[str, Any]) -> None:
    text = session.text
    print_pairs(
        (
            (text("This computer's clock"), shown(facts["clock"]["now"])),
            *(
                (text("Free disk"), text("{disk}: {free} MB", disk=disk, free=free))
                for disk, free in facts["disks"].items()
            ),
        )
    )
    doubtful = facts.get("doubtful_moments", ())
    for each in doubtful[:_SHOWN]:
        print_line(
            text(
                "position {partition}/{position}: the recorded moment {moment} cannot be right; a wrong clock said it",
                partition=each["partition"],
                position=each["position"],
                moment=shown(each["recorded_at"]),
            )
        )

    if len(doubtful) > _SHOWN:
        print_line(text("and {count} more", count=len(doubtful) - _SHOWN))


def _tell(session: Session, wrong: Wrong) -> None:
    error, language = wrong.error, session.language
    names = {
        "topic": session.text("topic"),
        "partition": session.text("partition"),
        "offset": session.text("offset"),
        "position": session.text("position"),
    }
    place = ", ".join(f"{names[name]} {value}" for name, value in wrong.place.items())
    message = error.message(language)
    tell_error(session, error.code, f"{place}: {message}" if place else message, error.clause, error.hint(language))
    more = where_more(session, str(error.details["error"])) if isinstance(error, ProcessHalted) else None
    if more is not None:
        note(f"  {more}")
