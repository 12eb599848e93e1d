"""The one Avro writer, of events, public decisions and the log's records: `fastavro.schemaless_writer`'s bytes.

fastavro tries each branch of a union on the whole value before it writes it, and takes three times as long
(`own_reader_and_writer.md`). Our unions are "null or X", or of bytes and text, where one look is enough. A test holds
both to the same bytes for every event type. `schemas.avro.decoding` reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, TypeAlias

from schemas.avro.derivation import Schema

Write: TypeAlias = Callable[[bytes], object]
Writer: TypeAlias = Callable[[Any, Write], None]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY: Final = _EPOCH.toordinal()
_MICROSECOND: Final = timedelta(microseconds=1)
_SMALLEST_LONG: Final = -(2**63)
_LARGEST_LONG: Final = 2**63 - 1


def encoder(schema: Schema) -> Callable[[Mapping[str, Any]], bytes]:
    """The writer of one record schema: a record in, its Avro body out.

    The writer raises KeyError where a key that must be there is absent, AttributeError, TypeError or OverflowError for
    a value of another type than the schema's. Keys that the schema does not know are left out.
    """
    write_record = _writer(schema, {})

    def encode(record: Mapping[str, Any]) -> bytes:
        parts: list[bytes] = []
        write_record(record, parts.append)
        return b"".join(parts)

    return encode


@lru_cache(maxsize=8192)
def long_bytes(value: int) -> bytes:
    """A long in Avro's zig-zag, variable-length form, 1 to 10 bytes. Lengths and days come again and again."""
    if not _SMALLEST_LONG <= value <= _LARGEST_LONG:
        raise OverflowError(f"{value} is no long")
    rest = (value << 1) ^ (value >> 63)
    groups = bytearray()
    while rest > 0x7F:  # noqa: PLR2004 - seven bits of each byte
        groups.append(rest & 0x7F | 0x80)
        rest >>= 7
    groups.append(rest)
    return bytes(groups)


def text_bytes(value: str) -> bytes:
    """A string: its length in bytes, then its UTF-8."""
    raw = value.encode()
    return long_bytes(len(raw)) + raw


def _writer(schema: Any, named: dict[str, Writer]) -> Writer:  # noqa: PLR0911  # one for each kind of schema
    if isinstance(schema, str):
        return named[schema] if schema in named else _PRIMITIVES[schema]
    if isinstance(schema, list):
        return _nullable(schema, named) if schema[0] == "null" else _bytes_or_text(schema, named)
    match schema.get("logicalType", schema["type"]):
        case "record":
            return _record(schema, named)
        case "array":
            return _array(_writer(schema["items"], named))
        case "map":
            return _map(_writer(schema["values"], named))
        case "fixed":
            named[_full_name(schema)] = write = _fixed(schema["size"])
            return write
        case "enum":
            return _enum(schema["symbols"])
        case primitive:
            return _PRIMITIVES[primitive]


def _record(schema: Schema, named: dict[str, Writer]) -> Writer:
    fields = [
        (field["name"], _writer(field["type"], named), isinstance(field["type"], list)) for field in schema["fields"]
    ]

    def write_record(value: Any, write: Write) -> None:
        for name, write_field, nullable in fields:
            write_field(value.get(name) if nullable else value[name], write)

    named[_full_name(schema)] = write_record
    return write_record


def _nullable(schema: list[Any], named: dict[str, Writer]) -> Writer:
    _, inner = schema
    write_inner = _writer(inner, named)

    def write_nullable(value: Any, write: Write) -> None:
        if value is None:
            write(b"\x00")
        else:
            write(b"\x02")
            write_inner(value, write)

    return write_nullable


def _bytes_or_text(schema: list[Any], named: dict[str, Writer]) -> Writer:
    of_bytes, of_text = schema
    if of_text != "string":
        raise TypeError(f"no writer for the union {schema!r}")
    write_bytes = _writer(of_bytes, named)

    def write_bytes_or_text(value: Any, write: Write) -> None:
        if isinstance(value, str):
            write(b"\x02")
            _write_string(value, write)
        else:
            write(b"\x00")
            write_bytes(value, write)

    return write_bytes_or_text


def _fixed(size: int) -> Writer:
    def write_fixed(value: Any, write: Write) -> None:
        if len(value) != size:
            raise ValueError(f"{len(value)} bytes are not {size}")
        write(value)

    return write_fixed


def _enum(symbols: list[str]) -> Writer:
    written = {symbol: long_bytes(index) for index, symbol in enumerate(symbols)}

    def write_enum(value: Any, write: Write) -> None:
        write(written[value])

    return write_enum


def _full_name(schema: Schema) -> str:
    name: str = schema["name"]
    return name if "." in name or "namespace" not in schema else f"{schema['namespace']}.{name}"


def _array(write_item: Writer) -> Writer:
    def write_array(value: Any, write: Write) -> None:
        if value:
            write(long_bytes(len(value)))
            for item in value:
                write_item(item, write)
        write(b"\x00")

    return write_array


def _map(write_value: Writer) -> Writer:
    def write_map(value: Any, write: Write) -> None:
        if value:
            write(long_bytes(len(value)))
            for key, item in value.items():
                _write_string(key, write)
                write_value(item, write)
        write(b"\x00")

    return write_map


def _write_string(value: str, write: Write) -> None:
    raw = value.encode()
    write(long_bytes(len(raw)))
    write(raw)


def _write_bytes(value: bytes, write: Write) -> None:
    write(long_bytes(len(value)))
    write(value)


def _write_boolean(value: bool, write: Write) -> None:
    if value is True:
        write(b"\x01")
    elif value is False:
        write(b"\x00")
    else:
        raise TypeError(f"{value!r} is no boolean")


def _write_long(value: int, write: Write) -> None:
    write(long_bytes(value))


def _write_date(value: date, write: Write) -> None:
    write(long_bytes(value.toordinal() - _EPOCH_DAY))


def _write_moment(value: datetime, write: Write) -> None:
    # Not through the cache: no moment comes twice.
    write(long_bytes.__wrapped__((value - _EPOCH) // _MICROSECOND))


_PRIMITIVES: Final[Mapping[str, Writer]] = {
    "string": _write_string,
    "bytes": _write_bytes,
    "boolean": _write_boolean,
    "long": _write_long,
    "date": _write_date,
    "timestamp-micros": _write_moment,
}
