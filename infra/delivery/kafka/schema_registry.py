"""A schema registry that speaks Confluent's REST interface, asked once at the start: which number has our schema?"""

from __future__ import annotations

import json
from base64 import b64encode
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit

from domain.i18n import pair
from infra.delivery.kafka.encoding import RegistryEncoding
from infra.delivery.kafka.errors import RegistryUnusable
from infra.errors import BadSetting
from infra.timeouts import Timeout

_TYPE: Final = "application/vnd.schemaregistry.v1+json"
_OK: Final = 200


def register(url: str, topic: str, schema: str) -> RegistryEncoding:
    """Register a schema for the values of a topic, or find it there.

    `url` may name a user and a password. Raises BadSetting, RegistryUnusable.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        reason = pair("http://HOST:PORT is expected")
        raise BadSetting(setting="DOSSIER_DECISIONS_REGISTRY", value=url, reason=reason)
    shown = f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    headers = {"content-type": _TYPE, "accept": _TYPE}
    if parts.username is not None:
        user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["authorization"] = f"Basic {b64encode(user.encode()).decode()}"
    path = f"{parts.path.rstrip('/')}/subjects/{quote(topic)}-value/versions"
    connection = kind(parts.hostname, parts.port, timeout=Timeout.REGISTRY.seconds)
    try:
        connection.request("POST", path, json.dumps({"schema": schema}).encode(), headers)
        response = connection.getresponse()
        body = response.read()
        answer: Any = json.loads(body) if response.status == _OK else body.decode(errors="replace")[:500]
    except (OSError, HTTPException, ValueError) as error:
        raise RegistryUnusable(registry=shown, reason=str(error) or type(error).__name__) from error
    finally:
        connection.close()
    if not isinstance(answer, dict) or not isinstance(answer.get("id"), int):
        raise RegistryUnusable(registry=shown, reason=f"it answered {response.status}: {answer}")
    return RegistryEncoding(answer["id"], f"{shown}{parts.path.rstrip('/')}/schemas/ids/{answer['id']}")
