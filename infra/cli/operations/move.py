"""`dossier log move`: the log to another tape, and this one closed."""

# ruff: noqa: PLC0415  # what reads a log is needed only once it is asked

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from domain.i18n import pair
from infra.cli.operations.backup import check_form
from infra.cli.support.errors import BadOption
from infra.cli.support.key_folders import root_keys
from infra.cli.support.reporting import new_read_models, note, print_json, take_up_queue
from infra.cli.support.session import Session

if TYPE_CHECKING:
    from infra.bootstrap import Application
    from infra.moving.move import Moved
    from infra.moving.target import Target
    from infra.settings import Settings


@dataclass(frozen=True, slots=True)
class MoveOptions:
    """What a person asks for: `to` is the URL of the target, `roots` are folders with root keys.

    The rest says what somebody must agree to (`infra.moving.move_anew`), and whether a new log is begun in any case.
    """

    to: str | None
    roots: list[Path] = field(default_factory=list)
    instead: bool = False
    new_log: bool = False
    writer_lost: bool = False
    decisions_again: bool = False


def move(session: Session, asked: MoveOptions) -> None:
    """Move the log. Raises BadOption, MoveRefused, LogUnusable."""
    from infra.moving.move import move_log, moving
    from infra.moving.move_anew import NewLogOptions, move_anew
    from infra.settings import load

    if asked.to is None:
        raise BadOption(reason=pair("--to says where the log goes"))
    there = load(log=asked.to, language=session.lang)
    with session.application() as application:
        check_form(application)
        sources = application.sources()
        target = _target(there)
        address = sources[0].address
        other_shape = (target.app, target.partitions) != (address.app, address.partitions)
        is_new = other_shape or asked.new_log or asked.writer_lost
        with moving(application.settings.state_dir / "moving"):
            roots = root_keys(sources[0], asked.roots)
            if is_new:
                options = NewLogOptions(asked.writer_lost, asked.decisions_again, asked.instead)
                done = move_anew(sources, target, roots, options)
            else:
                done = move_log(sources, target, roots, instead=asked.instead)
        _show(session, target, done, _next(session, application, target, done, is_new=is_new))


def _target(settings: Settings) -> Target:
    if isinstance(settings.log, Path):
        from infra.log.keys import KeyFolder, LogKeys
        from infra.log.sqlite.source import SQLiteSource
        from infra.moving.embedded_target import EmbeddedTarget

        keys = LogKeys(KeyFolder(settings.keys), makes_own=False) if settings.keys is not None else None
        return EmbeddedTarget(SQLiteSource(settings.log, lock_seconds=settings.lock_timeout, keys=keys))
    from infra.moving.kafka_target import KafkaTarget

    return KafkaTarget(settings.log)


def _show(session: Session, target: Target, done: Moved, steps: list[str]) -> None:
    from infra.cli.support.tables import print_pairs, print_table

    text, keys = session.text, done.states[0].keys
    identity = keys.identity.hex() if keys is not None else None
    if session.json:
        partitions = [
            {"partition": at, "records": state.number, "head": state.head.hex(), "added": done.added[at]}
            for at, state in enumerate(done.states)
        ]
        moved = {"moved": True, "to": target.name, "identity": identity, "partitions": partitions}
        print_json({**moved, "other_moments": done.moments, "commands_topic": done.commands, "next": steps})
        return
    print_pairs(((text("Identity"), identity), (text("Goes on at"), target.name)))
    rows = [[at, state.number, state.head.hex(), done.added[at]] for at, state in enumerate(done.states)]
    print_table([text("Partition"), text("Records"), text("Head"), text("New")], rows)
    if done.moments:
        note(text("{count} records bear another moment than they had", count=done.moments))
    for step in steps:
        note(step)


def _next(session: Session, application: Application, target: Target, done: Moved, *, is_new: bool) -> list[str]:
    """What to type next."""
    text = session.text
    steps = [text("name the new place in DOSSIER_LOG everywhere; here the log is closed, and can be read")]
    folder = target.keys.folder
    if not folder.has_writer():
        steps.append(
            text("to write there, put this host's keys into {folder}: `dossier keys list`", folder=folder.path)
        )
    if is_new:
        steps.append(text("it is a new log with the same roots: keep its identity, and copy its keys"))
    if done.commands is not None and not is_new and _has_handled(application):
        steps.append(take_up_queue(session, done.commands))
    elif done.commands is not None:
        steps.append(text("begin workers with `dossier worker`"))
    if not isinstance(application.settings.log, Path):
        steps.append(text("commands that nobody has handled here are given again there by whoever gave them"))
    steps.append(new_read_models(session))
    steps.append(text("look at the whole with `dossier doctor --whole`"))
    return steps


def _has_handled(application: Application) -> bool:
    """Whether the log knows of commands of a queue."""
    if isinstance(application.settings.log, Path):
        return False
    log = application.kafka_reader
    return any(log.last_handled(partition) is not None for partition in log.partitions)
