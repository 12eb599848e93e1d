"""`dossier keys`: the keys of a log, which writers it has, and who is one no longer."""

# ruff: noqa: PLC0415  # what reads a log is needed only once it is asked

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from domain.i18n import pair
from infra.cli.support.arguments import OPERATION
from infra.cli.support.errors import BadOption
from infra.cli.support.framework import subcommand
from infra.cli.support.i18n import say
from infra.cli.support.key_folders import ROOTS_HELP, root_keys
from infra.cli.support.reporting import print_json, tell_done
from infra.cli.support.session import Session, session_of
from infra.terminal.output import write_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.log.acceptance import ActiveKeys
    from infra.log.partition_source import PartitionSource

_KEY: Final = re.compile(r"[0-9a-f]{64}")


def register(app: typer.Typer) -> None:
    """Add this subcommand."""
    subcommand(
        app,
        "keys",
        panel=OPERATION,
        help=say(
            "The keys of the log. init makes what this host lacks: a new log's root keys and its first record, else "
            "this host's own key; list shows who may write; add-writer and retire change that; rotate-root puts new "
            "root keys in place of the old ones; backup copies this host's keys.\n\nNote the identity that init "
            "shows: whoever names it (identity= in the log's URL) takes no other log for this one."
        ),
        examples=(
            "dossier keys init",
            "dossier keys list",
            "dossier keys add-writer 3f9c…",
            "dossier keys retire 3f9c…",
            "dossier keys rotate-root --into /media/root-keys --count 2",
            "dossier keys backup /media/backup",
        ),
    )(keys)


@dataclass(frozen=True, slots=True)
class _RootsAsked:
    """How many root keys to make, how many of them must sign, and where they are put."""

    count: int
    threshold: int | None
    into: Path | None

    @property
    def must_sign(self) -> int:
        """Raises BadOption."""
        threshold = self.threshold or self.count
        if threshold > self.count:
            raise BadOption(reason=pair("--threshold is at most --count"))
        return threshold


def keys(
    ctx: typer.Context,
    what: Annotated[
        Literal["init", "list", "add-writer", "retire", "rotate-root", "backup"],
        typer.Argument(
            metavar="init|list|add-writer|retire|rotate-root|backup", show_default=False, help=say("What to do.")
        ),
    ],
    subject: Annotated[
        str | None,
        typer.Argument(
            metavar="KEY|FOLDER",
            show_default=False,
            help=say(
                "The writer's public key, as list shows it (add-writer, retire); the folder for the copy (backup)."
            ),
        ),
    ] = None,
    *,
    count: Annotated[int, typer.Option("--count", min=1, max=255, help=say("How many root keys to make."))] = 1,
    threshold: Annotated[
        int | None,
        typer.Option("--threshold", min=1, max=255, help=say("How many of them must sign; else all.")),
    ] = None,
    into: Annotated[
        Path | None,
        typer.Option("--into", metavar="FOLDER", help=say("Where new root keys are put; else beside this host's key.")),
    ] = None,
    roots: Annotated[list[Path] | None, typer.Option("--roots", metavar="FOLDER", help=ROOTS_HELP)] = None,
) -> None:
    """Show the keys, or change them."""
    session = session_of(ctx)
    if (subject is not None) is not (what in ("add-writer", "retire", "backup")):
        raise BadOption(reason=pair("add-writer and retire name a key, backup a folder, and the others nothing"))
    with session.application(create=what == "init") as application:
        sources = application.sources()
        asked = _RootsAsked(count, threshold, into)
        match what:
            case "init":
                _init(session, sources, asked)
            case "list":
                _list(session, sources)
            case "backup":
                _backup(session, sources[0], Path(subject or ""))
            case "rotate-root":
                _rotate(session, sources, asked, roots or [])
            case "add-writer" | "retire":
                _state_writer(session, sources, _public_key(subject or ""), roots or [], add=what == "add-writer")


def _public_key(text: str) -> bytes:
    if not _KEY.fullmatch(text):
        raise BadOption(reason=pair("a public key has 64 hexadecimal digits in lower case"))
    return bytes.fromhex(text)


def _init(session: Session, sources: Sequence[PartitionSource], asked: _RootsAsked) -> None:
    """Make the keys and found the log; or make this host's key alone, where others have founded it."""
    from infra.log.founding import new_genesis
    from infra.log.key_statements import opened
    from infra.log.keys import KeyFolder

    folder = sources[0].keys.folder
    writer = folder.make_writer()
    founder = sources[0].founder()
    found = founder.read(0)
    if found is None:
        at = KeyFolder(asked.into) if asked.into is not None else folder
        roots = at.roots() or [at.add_root() for _ in range(asked.count)]
        threshold = min(asked.must_sign, len(roots))
        found = new_genesis(founder.app, founder.partitions, roots, threshold, writer, founder.continues)
    genesis = found
    sources[0].provide_schemas(required=True)
    if writer.public in genesis.writers:
        for source in sources:
            founder.found(source.address.partition, lambda: genesis, writer)
    with opened(sources[0]) as partition:
        active = partition.keys
    registered = active.writers.get(writer.key_id) == writer.public
    if session.json:
        print_json({"identity": active.identity.hex(), "writer": writer.public.hex(), "registered": registered})
        return
    write_line(session.text("identity of the log: {identity}", identity=active.identity.hex()))
    write_line(session.text("this host's key: {key}", key=writer.public.hex()))
    if not registered:
        write_line(session.text("where the root keys are: dossier keys add-writer {key}", key=writer.public.hex()))


def _list(session: Session, sources: Sequence[PartitionSource]) -> None:
    from infra.cli.support.tables import print_heading, print_pairs, print_table
    from infra.log.key_statements import opened

    found = []
    for source in sources:
        with opened(source) as partition:
            found.append(partition.keys)
    own = _own_key(sources[0])
    if session.json:
        print_json([_as_json(each, own) for each in found])
        return
    text = session.text
    for number, active in enumerate(found):
        print_heading(text("Partition {number}", number=number))
        print_pairs(
            (
                (text("Identity"), active.identity.hex()),
                (text("Statements"), active.statements),
                (text("Root keys that must sign"), f"{active.roots.threshold} / {len(active.roots.keys)}"),
            )
        )
        rows = [(public.hex(), text("root")) for public in active.roots.keys]
        rows += [
            (public.hex(), text("this host's writer") if public == own else text("writer"))
            for public in active.writers.values()
        ]
        print_table((text("Public key"), text("Is")), rows)


def _own_key(source: PartitionSource) -> bytes | None:
    return source.keys.folder.writer().public if source.keys.folder.has_writer() else None


def _as_json(active: ActiveKeys, own: bytes | None) -> dict[str, Any]:
    return {
        "identity": active.identity.hex(),
        "statements": active.statements,
        "threshold": active.roots.threshold,
        "roots": [public.hex() for public in active.roots.keys],
        "writers": [public.hex() for public in active.writers.values()],
        "own": own and own.hex(),
    }


def _state_writer(
    session: Session, sources: Sequence[PartitionSource], public: bytes, roots: list[Path], *, add: bool
) -> None:
    from infra.log.control_records import StatementKind
    from infra.log.key_statements import opened, state_keys
    from infra.log.keys import is_weak

    if is_weak(public):
        raise BadOption(reason=pair("anybody can sign with that key"))
    kind = StatementKind.ADD_WRITER if add else StatementKind.RETIRE_WRITER
    if not add:
        with opened(sources[0]) as partition:
            if {*partition.keys.writers.values()} == {public}:
                raise BadOption(reason=pair("it is the last writer: nobody could add another one any more"))
    number = state_keys(sources, kind, public, root_keys(sources[0], roots), sources[0].keys.writer())
    text = session.text
    if add:
        line = text("{key} may write, by statement {number}", key=public.hex(), number=number)
    else:
        line = text("{key} writes no longer, by statement {number}", key=public.hex(), number=number)
    tell_done(session, {"statement": number, "key": public.hex(), "writes": add}, line)


def _rotate(session: Session, sources: Sequence[PartitionSource], asked: _RootsAsked, roots: list[Path]) -> None:
    """New root keys, and a statement of the old ones that these sign from now on."""
    from infra.log.control_records import Roots, StatementKind
    from infra.log.key_statements import state_keys
    from infra.log.keys import KeyFolder

    if asked.into is None:
        raise BadOption(reason=pair("--into names a folder for the new root keys"))
    old = root_keys(sources[0], roots)
    into = KeyFolder(asked.into)
    # After a run that was broken off they are there already.
    new = into.roots() or [into.add_root() for _ in range(asked.count)]
    if {root.public for root in new} & {root.public for root in old}:
        raise BadOption(reason=pair("--into names a folder for the new root keys"))
    fresh = Roots(min(asked.must_sign, len(new)), tuple(root.public for root in new))
    number = state_keys(sources, StatementKind.ROTATE_ROOTS, fresh, old, sources[0].keys.writer())
    roots_now = [public.hex() for public in fresh.keys]
    line = session.text("the root keys in {folder} sign, by statement {number}", folder=into.path, number=number)
    tell_done(session, {"statement": number, "roots": roots_now, "threshold": fresh.threshold}, line)


def _backup(session: Session, source: PartitionSource, folder: Path) -> None:
    from infra.log.keys import KeyFolder

    copied = source.keys.folder.copy_to(KeyFolder(folder))
    line = session.text("copied into {folder}: {names}", folder=folder, names=", ".join(copied) or "—")
    tell_done(session, {"copied": copied}, line)
