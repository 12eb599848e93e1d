"""A writer's key in hostile hands: records on the head that no reader can use, signed as they should be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kafka import KafkaProducer

from infra.log.format import Append, Format, Place, RecordedOutcome, encode_append, encode_body, seal
from infra.log.keys import Signer
from tests.fault.evidence import read_topic
from tests.support.second_rule import APPENDS, SecondReader, read_all
from tests.support.signing import signer

MOLE: Final = signer(66)
_SECONDS: Final = 30
_EMPTY: Final = encode_append(Append(bytes(16), RecordedOutcome.EVENTS))

Record = tuple[int, bytes, int]
"""Format, what follows the header, and how many events the header counts."""


def _again(log: SecondReader) -> Record:
    """The last record with events once more: versions, ids and offsets of commands that are there already."""
    found = [each for each in log.accepted if each.format == APPENDS and each.counted and not each.void]
    return (Format.APPENDS, found[-1].content, found[-1].counted) if found else (Format.APPENDS, b"nothing", 0)


SABOTAGE: Final[dict[str, Callable[[SecondReader], Record]]] = {
    "a garbage body": lambda _: (Format.APPENDS, b"garbage", 0),
    "the next format": lambda _: (0xFE, b"newer", 0),
    "a wrong count": lambda _: (Format.APPENDS, encode_body("mole", [_EMPTY]), 7),
    "repeated versions": _again,
}


def read_log(bootstrap: str, place: Place) -> SecondReader:
    """What a partition holds, by a reader that uses nothing of ours."""
    app, partitions, partition = place
    return read_all(app, partitions, partition, read_topic(bootstrap, f"{app}.events", partition)[0])


def put_on_head(bootstrap: str, place: Place, kind: str, by: Signer = MOLE) -> int:
    """Try until no other writer is faster; the number of the record."""
    while True:
        head = read_log(bootstrap, place)
        number = len(head.accepted) + 1
        format_, content, events = SABOTAGE[kind](head)
        value = seal(place, by, format_, (head.head, number, head.position, events), content)
        produce(bootstrap, place, value)
        if read_log(bootstrap, place).accepted[number - 1].value == value:
            return number


def produce(bootstrap: str, place: Place, value: bytes) -> None:
    """Whatever it is, into a partition of the log. Raises KafkaError."""
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all")
    try:
        producer.send(f"{place.app}.events", value=value, partition=place.partition).get(_SECONDS)
    finally:
        producer.close(_SECONDS)
