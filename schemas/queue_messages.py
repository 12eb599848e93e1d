"""What stands in the queue's topics beside the commands: replies, and dead letters, as JSON Schema for AsyncAPI."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

_UUID: Final = {"type": "string", "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"}
_COMMAND_ID: Final = {
    "type": ["string", "null"],
    "description": "The command's own id; null where it could not be read.",
}
_PARTITION: Final = {"type": "integer", "minimum": 0, "description": "The partition of the log."}
_NO_KEY: Final = {"type": "null"}
_LETTER: Final = {
    "type": "string",
    "pattern": "^[0-9]+/[0-9]+$",
    "description": "PARTITION/OFFSET: the command's place in the topic of commands.",
}
_COMMANDS: Final = {**_UUID, "description": "The id of the topic of commands: another one when it was made anew."}


def _object(description: str, properties: dict[str, Any], optional: Mapping[str, Any] = MappingProxyType({})) -> Any:
    return {
        "description": description,
        "type": "object",
        "properties": {**properties, **optional},
        "required": list(properties),
        "additionalProperties": False,
    }


SCHEMAS: Final[dict[str, Any]] = {
    "AnswerError": _object(
        "Why a command was not accepted.",
        {
            "code": {"type": "string", "pattern": "^[A-Z][A-Z0-9_]*$"},
            "message": {"type": "string", "description": "In English; another language is made from the details."},
            "clause": {"type": ["string", "null"], "description": "The clause of the guidance that asks for it."},
            "details": {"type": "object"},
        },
    ),
    "Accepted": _object(
        "The answer to a command that led to events.",
        {
            "command_id": {**_COMMAND_ID, "type": "string"},
            "ok": {"const": True},
            "dossier": {**_UUID, "description": "The dossier's id."},
            "version": {"type": "integer", "minimum": 1, "description": "The dossier's version after the command."},
            "partition": _PARTITION,
            "position": {"type": "integer", "minimum": 1, "description": "The position of the last event."},
            "events": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        },
    ),
    "NotAccepted": _object(
        "The answer to a command that was refused by a rule, or that is dead. It led to no event.",
        {
            "command_id": _COMMAND_ID,
            "ok": {"const": False},
            "partition": _PARTITION,
            "position": {"type": "integer", "minimum": 0, "description": "The position on which it was decided."},
            "error": {"$ref": "#/components/schemas/AnswerError"},
        },
    ),
    "Answer": {
        "description": "What a command is answered. The same command id again gets its first answer, word for word.",
        "oneOf": [{"$ref": "#/components/schemas/Accepted"}, {"$ref": "#/components/schemas/NotAccepted"}],
    },
    "ReplyHead": _object(
        "The first line of a reply.",
        {
            "commands": _COMMANDS,
            "record": {
                "type": "integer",
                "minimum": -1,
                "description": (
                    "The offset of the log's record that holds the answers. -1 where no answer follows: a worker "
                    "learns by such a reply what the broker's clock shows."
                ),
            },
            "key": {
                "type": "string",
                "pattern": "^[0-9a-f]{16}$",
                "description": "The id of the key of a writer of the log. Only a reply by an active one is believed.",
            },
            "signature": {
                "type": "string",
                "pattern": "^[0-9a-f]{128}$",
                "description": (
                    "Ed25519 over the text dossier-reply/<app>/<P>/<p> and SHA-256 of `commands`, `record` and the "
                    "further lines, joined by line ends. For readers that know no `digests`."
                ),
            },
        },
        {
            "digests": {
                "type": "array",
                "items": {"type": ["string", "null"], "pattern": "^[0-9a-f]{64}$"},
                "description": (
                    "Of each further line's command, SHA-256 of its JSON without `command_id`: keys in order, no "
                    "spaces, UTF-8. Of what is no command, SHA-256 of its bytes; null where it is not known. An answer "
                    "is one's own only where digest and command id are those of the command that was sent: a topic "
                    "that lost its end gives offsets out again. Replies of earlier releases have none."
                ),
            },
            "digests_signature": {
                "type": "string",
                "pattern": "^[0-9a-f]{128}$",
                "description": (
                    "Ed25519 over the text dossier-answers/<app>/<P>/<p> and SHA-256 of `commands`, `record`, the "
                    "digests (joined by spaces, null as -) and the further lines, joined by line ends. It takes the "
                    "place of `signature` for readers that know it."
                ),
            },
        },
    ),
}
"""The shapes that the messages below refer to."""

MESSAGES: Final[dict[str, Any]] = {
    "Reply": {
        "title": "Answers to the commands of one record of the log",
        "summary": (
            "Lines of text. The first is JSON, a ReplyHead. Each further one answers a command: its offset in the "
            "topic of commands, a space, `done` or `dead`, a space, and JSON, an Answer."
        ),
        "description": (
            "A command is answered in the partition in which it stands, under its offset there; whoever waits for the "
            "answer compares digest and command id, too. A record with many answers has several replies. Each comes at "
            "least once, and only after the log's record is durable."
        ),
        "correlationId": {
            "location": "$message.payload#",
            "description": "The topic's id and digests in the first line, and the offset that begins each further one.",
        },
        "payload": {
            "type": "string",
            "pattern": r"^\{[^\n]*\}(\n[0-9]+ (done|dead) \{[^\n]*\})*$",
            "x-first-line": {"$ref": "#/components/schemas/ReplyHead"},
            "x-further-lines": {"$ref": "#/components/schemas/Answer"},
        },
        "bindings": {"kafka": {"key": _NO_KEY}},
        "examples": [
            {
                "name": "refused",
                "payload": (
                    '{"commands": "8f1e3e0c-63c5-4a2f-9c6b-6a52f1c0a7f4", "record": 12, '
                    f'"key": "{"0f" * 8}", "signature": "{"1e" * 64}", '
                    f'"digests": ["{"2d" * 32}"], "digests_signature": "{"3c" * 64}"}}\n'
                    '40 done {"command_id":"7d1c4a8e-9a3b-4f4e-8b57-2f1f3f0f9c11","ok":false,"partition":0,'
                    '"position":7,"error":{"code":"UNKNOWN_DOSSIER","message":"…","clause":null,"details":{}}}'
                ),
            }
        ],
    },
    "DeadLetter": {
        "title": "A command that could not be decoded or handled",
        "summary": "Kept until somebody retries or drops it. The same letter may stand there more than once.",
        "description": (
            "The bytes of the command stay in the topic of commands, from which nothing is deleted. Earlier letters "
            "have all of them, in base64, as `command` in place of `size`, `sha256` and `beginning`. Many records in "
            "a row that hold no commands have one letter, at the place of the last: UNREADABLE_RECORDS, with the first "
            "and the last offset among the error's details."
        ),
        "correlationId": {"location": "$message.payload#/letter"},
        "payload": _object(
            "The command, and why it was not handled. Its id is bound to nothing.",
            {
                "letter": _LETTER,
                "commands": _COMMANDS,
                "command_id": _COMMAND_ID,
                "error": {"$ref": "#/components/schemas/AnswerError"},
                "size": {"type": "integer", "minimum": 0, "description": "How many bytes the command has."},
                "sha256": {
                    "type": "string",
                    "pattern": "^[0-9a-f]{64}$",
                    "description": "SHA-256 of the command's bytes.",
                },
                "beginning": {
                    "type": "string",
                    "contentEncoding": "base64",
                    "description": "The command's first bytes, at most 1,024.",
                },
            },
        ),
        "bindings": {"kafka": {"key": _LETTER}},
    },
    "DeadLetterSettled": {
        "title": "The end of a dead letter",
        "summary": "Settled once, a letter stays so, although it may be written again.",
        "correlationId": {"location": "$message.payload#/letter"},
        "payload": _object(
            "A dead letter that was given again and handled, or that was dropped.",
            {"letter": _LETTER, "commands": _COMMANDS, "settled": {"enum": ["retried", "dropped"]}},
        ),
        "bindings": {"kafka": {"key": _LETTER}},
    },
}
"""The messages of the topics of replies and of dead letters."""
