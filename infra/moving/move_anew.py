"""`dossier log move` to another number of partitions, or with new writers: into a new log.

    1. Have the move for this process alone.
    2. Read the log from its beginning: it must be whole, and all of it must have a place in the new one.
    3. Close every partition: from its closing on nobody appends to it. A log whose last writer's key is lost has no
       closing; nobody can append to it anyway.
    4. Begin the new log by a genesis that names the heads of the old one, signed by the same roots.
    5. Write every append to the partition of its unit, in the order of the old log, as far as it is not there.
    6. Read the new log by the rule, and compare it with the old one: each dossier's events, and every answer.
    7. Put it in place: only now it is a log.

The old log stays readable. Whatever ends the process at any point, a second run goes on: the new log follows from the
old one alone, so it is the same again but for its genesis, which is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Final

from domain.i18n import pair
from infra.log.acceptance import ActiveKeys, ChainState, MovedTo, start
from infra.log.chain import Chain
from infra.log.control_records import Genesis
from infra.log.errors import LogNotFounded
from infra.log.format import Append, Place, decode_body
from infra.log.key_statements import signatures
from infra.log.keys import Signer
from infra.log.partition_knowledge import check_chain
from infra.log.partition_source import PartitionSource
from infra.moving.closing import check_can_close, check_not_elsewhere, close_partition
from infra.moving.comparison import Contents
from infra.moving.errors import DecisionsAgain, MoveDiffers, MoveTargetTaken
from infra.moving.move import Moved
from infra.moving.new_log import NewPartition, genesis_for, read_genesis
from infra.moving.old_log import OldRecord, continues_of, heads_of, old_records, place_of
from infra.moving.partition_move import examine
from infra.moving.target import Target
from projections.engine.batch import event_name
from projections.public_decisions.fold import DECIDING

_HEADS: Final = 2
"""The number of the record that names the heads of the old log."""


@dataclass(frozen=True, slots=True)
class NewLogOptions:
    """What somebody must agree to.

    `writer_lost`: there is no key of an active writer any more, so the old log cannot be closed. `decisions_again`: its
    public decisions are published once more, at other positions and with the same ids. `instead`: the place that it
    went on at before is given up.
    """

    writer_lost: bool = False
    decisions_again: bool = False
    instead: bool = False


def move_anew(
    sources: Sequence[PartitionSource], target: Target, roots: Sequence[Signer], options: NewLogOptions
) -> Moved:
    """Take a log over into a new one. To be called within `moving` (1).

    Raises MoveTargetTaken, MoveNotPossible, DecisionsAgain, MoveDiffers, MoveNotClosed, LogClosed, RootsMissing,
    WriterNotRegistered, and what is wrong with the log itself.
    """
    sources[0].name_tape()
    examined = [examine(source) for source in sources]  # 2
    chains, largest = [chain for chain, _ in examined], max(size for _, size in examined)
    states = [chain.state for chain in chains]
    if target.in_place():
        return _moved_before(sources, states, target)
    if target.identity is not None:
        reason = pair("settings or keys there are those of the log {identity}", identity=target.identity.hex())
        raise MoveTargetTaken(target=target.name, reason=reason)
    keys = _keys(sources[0], states[0])
    signatures(keys.roots, b"", roots)
    _check_all_has_a_place(sources, states, target.partitions, decisions_again=options.decisions_again)
    closes = not options.writer_lost or _has_active_writer(sources[0], states[0])
    if closes:
        check_can_close(sources[0].address.name, states[0], roots, sources[0].keys.writer())
    writer = target.keys.writer()
    target.prepare(largest)
    if closes:
        states = _closed(sources, chains, target, roots, instead=options.instead)  # 3
    writers = dict.fromkeys([writer.public, *(keys.writers.values() if closes else ())])
    heads = heads_of(sources, states)
    continues = continues_of(keys.identity, heads)
    genesis = genesis_for(target, continues, keys.roots, roots, [*writers])  # 4
    old = Contents()
    added = _written(target, genesis, writer, heads, _noted(old_records(sources, states), old))  # 5
    new_states, new = _read(target, genesis)  # 6
    old.check_same(new, target.name)
    return Moved(new_states, added, 0, target.finish())  # 7


def _moved_before(sources: Sequence[PartitionSource], states: Sequence[ChainState], target: Target) -> Moved:
    """The new log stands there, which an earlier run has put in place. Raises MoveTargetTaken."""
    found = read_genesis(target)
    expected = continues_of(_keys(sources[0], states[0]).identity, heads_of(sources, states))
    if found is None or found.continues != expected:
        raise MoveTargetTaken(target=target.name, reason=pair("a log is there"))
    commands = target.finish()
    return Moved(_read(target, found)[0], [0] * target.partitions, 0, commands)


def _keys(source: PartitionSource, state: ChainState) -> ActiveKeys:
    if state.keys is None:
        raise LogNotFounded(log=source.address.name)
    return state.keys


def _has_active_writer(source: PartitionSource, state: ChainState) -> bool:
    """Whether this host has the key of an active writer."""
    folder = source.keys.folder
    if state.keys is None or not folder.has_writer():
        return False
    own = folder.writer()
    return state.keys.writers.get(own.key_id) == own.public


def _check_all_has_a_place(
    sources: Sequence[PartitionSource], states: Sequence[ChainState], partitions: int, *, decisions_again: bool
) -> None:
    """Raises MoveNotPossible, DecisionsAgain, and what is wrong with a record."""
    decisions = 0
    for record in old_records(sources, states):
        for append in record.appends:
            place_of(append, partitions)
            decisions += sum(event_name(topic) in DECIDING for _, _, topic, _ in append.events)
    if decisions and not decisions_again:
        raise DecisionsAgain(count=decisions)


def _closed(
    sources: Sequence[PartitionSource],
    chains: Sequence[Chain],
    target: Target,
    roots: Sequence[Signer],
    *,
    instead: bool,
) -> list[ChainState]:
    """Close the old log; the rule's states behind the closings."""
    writer, to = sources[0].keys.writer(), MovedTo(target.tape, target.name)
    for source, chain in zip(sources, chains, strict=True):
        with closing(source.follower()) as client:
            if not instead:
                check_not_elsewhere(source.address.name, chain.state, client.tape, to.tape)
    for source, chain in zip(sources, chains, strict=True):
        close_partition(source, chain, to, roots, writer, instead=instead)
    return [chain.state for chain in chains]


def _noted(records: Iterator[OldRecord], contents: Contents) -> Iterator[OldRecord]:
    for record in records:
        contents.add(record.appends)
        yield record


def _written(
    target: Target, genesis: Genesis, writer: Signer, heads: Sequence[Append], records: Iterator[OldRecord]
) -> list[int]:
    """How many records were written to each partition."""
    with ExitStack() as stack:
        partitions = [
            stack.enter_context(closing(NewPartition(target, number, genesis, writer)))
            for number in range(target.partitions)
        ]
        begun = False
        for record in records:
            if not begun:
                _begin(partitions, genesis, heads, record.moment)
                begun = True
            split: dict[int, list[Append]] = {}
            for append in record.appends:
                split.setdefault(place_of(append, target.partitions), []).append(append)
            for number, appends in split.items():
                partitions[number].append(OldRecord(record.moment, appends))
        if not begun:
            _begin(partitions, genesis, heads, 0)
        for partition in partitions:
            partition.flush()
            partition.check_end()
        return [partition.added for partition in partitions]


def _begin(partitions: Sequence[NewPartition], genesis: Genesis, heads: Sequence[Append], moment: int) -> None:
    for partition in partitions:
        partition.found(genesis, moment)
        partition.append(OldRecord(moment, heads))


def _read(target: Target, genesis: Genesis) -> tuple[list[ChainState], Contents]:
    """The new log as it stands there, by the rule. Raises MoveDiffers."""
    contents, states = Contents(), []
    for number in range(target.partitions):
        chain = Chain(start(Place(target.app, target.partitions, number), genesis.identity), 0, lambda _number: None)
        name = f"{target.name}/{number}"
        with closing(target.client(number)) as client:
            for fetched in client.read(0):
                for record in fetched.records:
                    _, header = chain.take(record)
                    if header is not None and record.value is not None and header.number > _HEADS:
                        contents.add(decode_body(record.value).appends)
        check_chain(name, chain.state, chain.unfounded)
        if chain.state.number < _HEADS:
            raise MoveDiffers(target=name, reason=pair("record {number} is missing there", number=_HEADS))
        states.append(chain.state)
    return states, contents
