"""`python -m schemas.asyncapi [--check]`: the AsyncAPI 3 document of every topic, `schemas/asyncapi.json`.

It is made from the schemas and holds nothing that they do not say, but for the topics themselves. `--check` compares
only: exit code 0 when the file is current, else 4.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from domain.commands import COMMAND_TYPES
from schemas import queue_messages
from schemas.avro.registry import released_versions
from schemas.command_schemas import TYPES
from schemas.content_types import content_type_of
from schemas.public_decision import examples, newest

FILE: Final = Path(__file__).parent / "asyncapi.json"
HEADERS: Final[Mapping[str, str]] = {
    "content-type": "application/avro",
    "ce_specversion": "1.0",
    "ce_id": "The decision's id: a UUID.",
    "ce_source": "/dossier/decisions",
    "ce_type": "dossier.decision. and the decision's kind.",
    "ce_subject": "The unit's id.",
    "ce_time": "When the decision was recorded: RFC 3339, UTC.",
    "ce_dataschema": "Where the schema is: urn:avro:crc64: and the fingerprint, or its address in the registry.",
    "ce_partitionkey": "The unit's id.",
    "ce_sequence": "The decision's number within its unit, from 1.",
    "ce_previousid": "The id of the unit's previous decision; not there for the first.",
    "ce_logid": "The log that the decision stems from.",
    "ce_logposition": "POSITION.ORDINAL: the event in the partition's log, and which of its decisions this one is.",
    "ce_replay": "The name of a replay; never there in the stream itself.",
}
"""The headers of a public record: CloudEvents 1.0, Kafka binary binding."""

LOG_HEADER: Final = (
    "125 bytes, big-endian: format (1), SHA-256 of the previous record's value (32), the record's number (8), the "
    "position of its first event (8), how many events (4), the id of the writer's key (8), the writer's Ed25519 "
    "signature (64). Then, in format F9, the Avro body, without a header of its own; FA to FD are control records."
)
"""What a record of the log is made of."""

_OPTIONAL: Final = frozenset({"ce_previousid", "ce_replay"})
_ALWAYS: Final = frozenset({"content-type", "ce_specversion", "ce_source"})
_AVRO: Final = "application/vnd.apache.avro+json;version=1.9.0"
_KEPT_FOR_EVER: Final = {
    "cleanup.policy": ["delete"],
    "retention.ms": -1,
    "retention.bytes": -1,
}
_KEPT_FOR_DAYS: Final = {"cleanup.policy": ["delete"], "retention.ms": 7 * 86_400_000}


def document() -> dict[str, Any]:
    """The whole document."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Dossier",
            "version": str(newest().version),
            "description": (
                "How a Vietnamese province recognises its units as digitally transformed, under Guidance 02/HD-UBND of "
                "Yên Bái. Downstream systems subscribe to `decisions`; the other topics are the system's own. In each "
                "address `app` is the installation's prefix."
            ),
        },
        "defaultContentType": "application/json",
        "channels": _channels(),
        "operations": _operations(),
        "components": {"schemas": _shapes(), "messages": _messages()},
    }


def _channels() -> dict[str, Any]:
    return {
        "decisions": _channel(
            "decisions",
            ["Decision"],
            "The public stream: one record a decision, each once for readers of committed records, in order per unit. "
            "Partition p holds what stems from partition p of the log.",
            _KEPT_FOR_EVER,
        ),
        "schemas": _channel(
            "schemas",
            ["Schema"],
            "Every released Avro schema under its fingerprint, so that the log can be read with nothing but the log.",
            {"cleanup.policy": ["compact"]},
        ),
        "events": _channel(
            "events",
            ["LogRecord"],
            "The log of record: each record built on the hash of the one before it. Readers apply the log's own rule.",
            _KEPT_FOR_EVER,
        ),
        "commands": _channel(
            "commands",
            sorted(COMMAND_TYPES),
            "The queue of commands: a line of JSON each, in the partition that its unit has in the log (the first 48 "
            "bits of the dossier's id modulo the number of partitions).",
            _KEPT_FOR_EVER,
        ),
        "replies": _channel(
            "replies",
            ["Reply"],
            "Answers to commands, each at least once, in the partition of the command. They follow from the log, and "
            "are kept for some days.",
            _KEPT_FOR_DAYS,
        ),
        "deadLetters": _channel(
            "dead-letters",
            ["DeadLetter", "DeadLetterSettled"],
            "Commands that could not be decoded or handled, with the reason, and what became of them.",
            _KEPT_FOR_EVER,
        ),
    }


def _channel(
    topic: str, messages: Sequence[str], description: str, configuration: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    channel: dict[str, Any] = {
        "address": f"{{app}}.{topic}",
        "description": description,
        "parameters": {"app": {"default": "dossier", "description": "The installation's prefix."}},
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
    }
    if configuration is not None:
        channel["bindings"] = {"kafka": {"topicConfiguration": dict(configuration), "bindingVersion": "0.5.0"}}
    return channel


def _operations() -> dict[str, Any]:
    said = {
        "publishDecisions": ("send", "decisions", "Publish what was decided, each decision once."),
        "publishSchemas": ("send", "schemas", "Publish every released schema."),
        "appendEvents": ("send", "events", "Append what happened, if it was decided on the head of the log."),
        "takeCommands": ("receive", "commands", "Decide commands, each once."),
        "answer": ("send", "replies", "Answer commands."),
        "giveUp": ("send", "deadLetters", "Put away a command that cannot be handled."),
    }
    return {
        name: {"action": action, "channel": {"$ref": f"#/channels/{channel}"}, "summary": summary}
        for name, (action, channel, summary) in said.items()
    }


def _messages() -> dict[str, Any]:
    return {
        "Decision": {
            "title": "A decision",
            "summary": "An Avro single object (C3 01, fingerprint, body), or the wire format of a schema registry.",
            "contentType": "application/avro",
            "headers": _headers(),
            "payload": _avro(newest().schema),
            "bindings": {"kafka": {"key": {"type": "string", "description": "The unit's id."}}},
            "examples": [
                {"name": kind, "summary": "As JSON has it.", "payload": dict(example)}
                for kind, example in sorted(examples().items())
            ],
        },
        "Schema": {
            "title": "A released schema",
            **_typed("schemas"),
            "payload": {"type": "object", "description": "The Avro schema as JSON."},
            "bindings": {
                "kafka": {
                    "key": {
                        "type": "string",
                        "pattern": "^[0-9a-f]{16}$",
                        "description": "CRC-64-AVRO in hexadecimal digits, its bytes as in an Avro single object.",
                    }
                }
            },
        },
        "LogRecord": {
            "title": "A record of the log",
            "summary": LOG_HEADER,
            **_typed("events"),
            "payload": _avro(_log_record()),
            "bindings": {"kafka": {"key": {"type": "null"}}},
        },
        **{name: _command(name) for name in sorted(COMMAND_TYPES)},
        **{
            name: {**message, **_typed("replies" if name == "Reply" else "dead-letters")}
            for name, message in queue_messages.MESSAGES.items()
        },
    }


def _typed(topic: str) -> dict[str, Any]:
    """The media type of a topic's messages, and that it stands in a header."""
    content_type = content_type_of(topic)
    return {
        "contentType": content_type,
        "headers": {"type": "object", "properties": {"content-type": {"const": content_type}}},
    }


def _headers() -> dict[str, Any]:
    return {
        "type": "object",
        "required": [name for name in HEADERS if name not in _OPTIONAL],
        "properties": {
            name: {"const": text} if name in _ALWAYS else {"type": "string", "description": text}
            for name, text in HEADERS.items()
        },
    }


def _shapes() -> dict[str, Any]:
    """The shared shapes of commands, and the events that the log's records hold."""
    shared = _json("commands", TYPES)["$defs"]
    events = {
        f"event.{event}.v{each.version}": _avro(each.schema)
        for event, found in sorted(released_versions().items())
        for each in found
    }
    shapes = {name: _relocated(shape) for name, shape in sorted(shared.items())}
    return {**shapes, **queue_messages.SCHEMAS, **events}


def _command(name: str) -> dict[str, Any]:
    schema = _json("commands", f"{name}.json")
    given = schema.pop("examples")
    schema.pop("$schema")
    return {
        "title": schema["title"],
        "summary": schema["description"],
        **_typed("commands"),
        "correlationId": {"location": "$message.payload#/command_id"},
        "payload": _relocated(schema),
        "bindings": {"kafka": {"key": {"type": "null"}}},
        "examples": [{"payload": example} for example in given],
    }


def _relocated(schema: Any) -> Any:
    """A schema whose references into the shared shapes lead to this document's."""
    if isinstance(schema, dict):
        return {
            key: f"#/components/schemas/{value.rpartition('/')[2]}" if key == "$ref" else _relocated(value)
            for key, value in schema.items()
        }
    return [_relocated(inner) for inner in schema] if isinstance(schema, list) else schema


def _avro(schema: Any) -> dict[str, Any]:
    return {"schemaFormat": _AVRO, "schema": schema}


def _log_record() -> Any:
    versions = sorted(file.name for file in (files("schemas") / "log").iterdir() if file.name.endswith(".avsc"))
    return _json("log", versions[-1])


def _json(folder: str, name: str) -> Any:
    return json.loads((files("schemas") / folder / name).read_text(encoding="utf-8"))


def text() -> str:
    """The document as it stands in its file."""
    return json.dumps(document(), ensure_ascii=False, indent=1) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line: see the module's own words."""
    parser = argparse.ArgumentParser(prog="python -m schemas.asyncapi", description="The AsyncAPI document.")
    parser.add_argument("--check", action="store_true", help="compare only")
    told = parser.parse_args(arguments)
    made = text()
    current = FILE.exists() and FILE.read_text(encoding="utf-8") == made
    if told.check and not current:
        sys.stderr.write(f"{FILE.name} is behind the schemas: python -m schemas.asyncapi\n")
        return 4
    if not told.check:
        FILE.write_text(made, encoding="utf-8")
    sys.stdout.write(f"{FILE.name} is current\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
