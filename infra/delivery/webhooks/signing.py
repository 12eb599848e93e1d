"""Signatures as Standard Webhooks 1.0 defines them: HMAC-SHA-256 over id, moment and body, by a `whsec_` secret."""

from __future__ import annotations

import secrets
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Sequence
from hashlib import sha256
from hmac import digest
from typing import Final

from domain.errors import InvalidInput

_PREFIX: Final = "whsec_"
_SHORTEST, _LONGEST, _LENGTH = 24, 64, 32


class BadSecret(InvalidInput):
    """A secret that is none."""

    code = "BAD_SECRET"


def new_secret() -> str:
    """A new secret."""
    return _PREFIX + b64encode(secrets.token_bytes(_LENGTH)).decode()


def check_secret(secret: str) -> None:
    """Raises BadSecret."""
    if not secret.startswith(_PREFIX):
        raise BadSecret
    try:
        key = _key(secret)
    except NotBase64:
        raise BadSecret from None
    if not _SHORTEST <= len(key) <= _LONGEST:
        raise BadSecret


def headers(message_id: str, moment: int, body: bytes, by: Sequence[str]) -> dict[str, str]:
    """The headers of a message. `moment` in seconds since 1970; a signature by each secret, the first one's first."""
    signed = f"{message_id}.{moment}.".encode() + body
    signatures = [f"v1,{b64encode(digest(_key(secret), signed, sha256)).decode()}" for secret in by]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(moment),
        "webhook-signature": " ".join(signatures),
    }


def _key(secret: str) -> bytes:
    return b64decode(secret.removeprefix(_PREFIX), validate=True)
