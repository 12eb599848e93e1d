"""The genesis of a log: who writes it, and when.

It is the first record of every partition, alike in all of them. Partition 0 decides: whoever finds no genesis there
writes one, and the first one that stands there is the log's. The others are given the same content.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from domain.i18n import Text, pair
from infra.errors import LogLost
from infra.log.acceptance import ChainState, start
from infra.log.chain import Chain
from infra.log.control_append import ControlAppender
from infra.log.control_records import Genesis, Roots, parse_genesis, sign
from infra.log.errors import LogNotFounded, WriterNotRegistered
from infra.log.format import HEADER_LENGTH, Format, Place
from infra.log.keys import LogKeys, Signer
from infra.log.partition_client import PartitionClient
from infra.log.partition_knowledge import check_chain
from infra.log.reporting import inform

_NONCE_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Founder:
    """One log, by the clients of its partitions.

    `identity`: the only one that it may have, None: any. `continues`: the id of the log that it takes over, or empty.
    """

    name: str
    app: str
    partitions: int
    client: Callable[[int], PartitionClient]
    identity: bytes | None = None
    continues: str = ""

    def found(self, partition: int, genesis: Callable[[], Genesis], writer: Signer) -> Genesis:
        """The log's genesis, which stands in partition 0 and in this one from now on.

        `genesis` makes one where there is none yet. Raises WriterNotRegistered where it names other first writers than
        this one, LogBroken where records stand and their genesis does not, and what appending raises.
        """
        found = self.read(0)
        if found is None:
            self._append(0, genesis(), writer)
            found = self.read(0)
        if found is None:
            raise LogNotFounded(log=self.name)
        if self.read(partition) is None:
            if writer.public not in found.writers:
                raise WriterNotRegistered(log=self.name, key=writer.public.hex())
            self._append(partition, found, writer)
        return found

    def read(self, partition: int) -> Genesis | None:
        """The genesis of a partition; None where there is none. Raises LogBroken where records stand all the same."""
        chain = Chain(start(self._place(partition), self.identity), 0, lambda _number: None)
        with closing(self.client(partition)) as client:
            for fetched in client.read(0):
                for record in fetched.records:
                    _, header = chain.take(record)
                    if header is not None and record.value is not None:
                        return parse_genesis(record.value[HEADER_LENGTH:])
        check_chain(f"{self.name}/{partition}", chain.state, chain.unfounded)
        return None

    def _append(self, partition: int, genesis: Genesis, writer: Signer) -> None:
        name = f"{self.name}/{partition}"
        chain = Chain(start(self._place(partition), self.identity), 0, lambda _number: None)
        with closing(self.client(partition)) as client:
            appender = ControlAppender(name, client, chain)
            appender.append(writer, Format.GENESIS, genesis.encode(), lambda state: state.keys is None)
        inform(__name__, "log.founded", log=name, identity=genesis.identity.hex())

    def _place(self, partition: int) -> Place:
        return Place(self.app, self.partitions, partition)


def new_genesis(  # noqa: PLR0917  # what it says, in its order
    app: str, partitions: int, roots: list[Signer], threshold: int, writer: Signer, continues: str = ""
) -> Genesis:
    """A genesis of its own, signed by all of these roots."""
    keys = Roots(threshold, tuple(root.public for root in roots))
    genesis = Genesis(app, partitions, os.urandom(_NONCE_LENGTH), continues, keys, (writer.public,))
    return genesis._replace(signatures=sign(genesis.message(), keys, roots))


def former_ids(state: ChainState, genesis: Callable[[], Genesis | None]) -> frozenset[str]:
    """What a log was called at the tapes from which it was moved as it stands, its positions included."""
    if not state.closed or state.keys is None:
        return frozenset()
    found = genesis()
    continues = {found.continues} if found is not None and found.continues else set()
    return frozenset({*state.closed, state.keys.identity.hex(), *continues})


def own_genesis(keys: LogKeys, founder: Founder) -> Genesis:
    """A genesis with one root, made here.

    Raises LogNotFounded where keys are an operator's affair, LogLost where they were made for a log that is not there.
    """
    if not keys.makes_own:
        raise LogNotFounded(log=founder.name)
    identity = keys.identity()
    if identity is not None:
        raise LogLost(log=founder.name, left=left_keys(keys, identity))
    roots = keys.folder.roots() or [keys.folder.add_root()]
    return new_genesis(founder.app, founder.partitions, roots[:1], 1, keys.writer(), founder.continues)


def left_keys(keys: LogKeys, identity: bytes) -> Text:
    """What is left of a log whose keys are there, in words."""
    return pair("the keys in {folder} are those of the log {log}", folder=keys.folder.path, log=identity.hex())
