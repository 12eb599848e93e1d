"""Whether a reader's Avro schema can read what a writer's schema wrote: the whole of Avro 1.12's schema resolution.

Stricter than Avro in two places, because the bytes would be read and mean something else: a logical type must stay,
and a record, enum or fixed keeps its full name (an alias of the reader counts). What reads recorded facts must moreover
read them whole: with `whole`, a field that was written and is no longer read is a breach as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

_PROMOTIONS: Final[Mapping[str, frozenset[str]]] = {
    "long": frozenset({"int"}),
    "float": frozenset({"int", "long"}),
    "double": frozenset({"int", "long", "float"}),
    "string": frozenset({"bytes"}),
    "bytes": frozenset({"string"}),
}
"""Reader's primitive type → the writer's types that it reads as well as its own."""

_NAMED: Final = frozenset({"record", "enum", "fixed"})


def breaches(reader: Any, writer: Any, *, whole: bool = False) -> list[str]:
    """Why `reader` cannot read what `writer` wrote, one text for each place; empty when it can.

    Both are schemas as JSON has them, each whole: no name is used that it does not define.
    """
    return list(_Resolution(reader, writer, whole=whole).at(reader, writer, _name_of(reader)))


def _name_of(schema: Any) -> str:
    return str(schema.get("name", schema.get("type"))) if isinstance(schema, dict) else str(schema)


class _Resolution:
    def __init__(self, reader: Any, writer: Any, *, whole: bool) -> None:
        self._whole = whole
        self._readers, self._writers = dict(_defined(reader)), dict(_defined(writer))
        self._under_way: set[tuple[str, str]] = set()

    def at(self, reader: Any, writer: Any, path: str) -> Iterator[str]:
        reader, writer = _meant(reader, self._readers), _meant(writer, self._writers)
        if isinstance(writer, list):
            for branch in writer:
                yield from self.at(reader, branch, path)
        elif isinstance(reader, list):
            yield from self._into_union(reader, writer, path)
        elif reader["type"] == writer["type"]:
            yield from self._same_type(reader, writer, path)
        elif writer["type"] not in _PROMOTIONS.get(reader["type"], ()):
            yield f"{path}: {_said(writer)} is no {_said(reader)}"
        elif _logical(reader) != _logical(writer):
            yield f"{path}: {_said(writer)} would be read as {_said(reader)}"

    def _into_union(self, reader: list[Any], writer: Any, path: str) -> Iterator[str]:
        tried = [list(self.at(branch, writer, path)) for branch in reader]
        if all(tried):
            # Of several branches, the one that is of the same type says what is wrong.
            same = [found for branch, found in zip(reader, tried, strict=True) if self._alike(branch, writer)]
            branches = " or ".join(_said(_meant(branch, self._readers)) for branch in reader)
            yield from same[0] if same else [f"{path}: {_said(writer)} is neither {branches}"]

    def _alike(self, branch: Any, writer: Any) -> bool:
        return bool(_meant(branch, self._readers)["type"] == writer["type"])

    def _same_type(self, reader: Any, writer: Any, path: str) -> Iterator[str]:
        kind = reader["type"]
        if kind in _NAMED and _full_name(writer) not in {_full_name(reader), *_aliases(reader)}:
            yield f"{path}: {kind} {_full_name(writer)} is not {_full_name(reader)}"
        elif _logical(reader) != _logical(writer):
            yield f"{path}: {_said(writer)} would be read as {_said(reader)}"
        elif kind == "record":
            yield from self._records(reader, writer, path)
        elif kind == "enum":
            unknown = [symbol for symbol in writer["symbols"] if symbol not in reader["symbols"]]
            if unknown and "default" not in reader:
                yield f"{path}: the symbol {', '.join(unknown)} is unknown to the reader"
        elif kind == "fixed":
            if reader["size"] != writer["size"]:
                yield f"{path}: {writer['size']} bytes are not {reader['size']}"
        elif kind in ("array", "map"):
            inner = "items" if kind == "array" else "values"
            yield from self.at(reader[inner], writer[inner], f"{path}[]")

    def _records(self, reader: Any, writer: Any, path: str) -> Iterator[str]:
        pair = (_full_name(reader), _full_name(writer))
        if pair in self._under_way:
            return
        self._under_way.add(pair)
        written = {field["name"]: field for field in writer["fields"]}
        read: set[str] = set()
        for field in reader["fields"]:
            below = f"{path}.{field['name']}"
            names = [name for name in (field["name"], *field.get("aliases", ())) if name in written]
            if names:
                read.add(names[0])
                yield from self.at(field["type"], written[names[0]]["type"], below)
            elif "default" not in field:
                yield f"{below}: the reader needs it, has no default for it, and it was not written"
        if self._whole:
            for name in written.keys() - read:
                yield f"{path}.{name}: it was written, and would no longer be read"
        self._under_way.discard(pair)


def _defined(schema: Any, namespace: str = "") -> Iterator[tuple[str, Any]]:
    """Full name → schema of every named type; each gets its namespace written into it."""
    if isinstance(schema, list):
        for branch in schema:
            yield from _defined(branch, namespace)
    elif isinstance(schema, dict):
        if isinstance(schema["type"], (dict, list)):
            yield from _defined(schema["type"], namespace)
        elif schema["type"] in _NAMED:
            within = schema.get("namespace", namespace)
            yield _qualified(schema["name"], within), schema
            for field in schema.get("fields", ()):
                yield from _defined(field["type"], within)
        else:
            yield from _defined(schema.get("items", schema.get("values")), namespace)


def _meant(schema: Any, defined: Mapping[str, Any]) -> Any:
    """A schema in its long form: a name as what it stands for, a primitive as `{"type": …}`."""
    if isinstance(schema, str):
        return defined.get(schema, {"type": schema})
    if isinstance(schema, dict) and isinstance(schema["type"], (dict, list)):
        return _meant(schema["type"], defined)
    return schema


def _full_name(schema: Any) -> str:
    return _qualified(schema["name"], schema.get("namespace", ""))


def _qualified(name: str, namespace: str) -> str:
    return name if "." in name or not namespace else f"{namespace}.{name}"


def _aliases(schema: Any) -> list[str]:
    return [_qualified(alias, schema.get("namespace", "")) for alias in schema.get("aliases", ())]


def _logical(schema: Any) -> Any:
    return schema.get("logicalType")


def _said(schema: Any) -> str:
    if isinstance(schema, list):
        return " or ".join(_said(branch if isinstance(branch, dict) else {"type": branch}) for branch in schema)
    name = schema.get("name")
    logical = _logical(schema)
    return f"{schema['type']} {name}" if name else f"{schema['type']} ({logical})" if logical else str(schema["type"])
