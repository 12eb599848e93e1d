"""TLS and SASL: the options of a connection to Kafka, looked at before anything is connected.

They go to kafka-python as they are, but for TLS, whose context is made here: kafka-python 3.0 cannot read revocations.
A password can be given in three ways, of which the first that is there counts:
the option itself, the option with `_file` behind its name, which names a file that holds it, and, for a URL, the
environment.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import structlog

from domain.i18n import Text, pair
from infra.errors import BadSetting
from infra.logging import log_warnings
from infra.private_files import is_open_to_others

_PASSWORD: Final = "sasl_plain_password"  # noqa: S105  (an option's name)
_KEY_PASSWORD: Final = "ssl_password"  # noqa: S105  (the same)
_FILES: Final = ("ssl_cafile", "ssl_certfile", "ssl_keyfile", "ssl_crlfile")
_SASL: Final = ("sasl_mechanism", "sasl_plain_username", _PASSWORD)
_PLAIN: Final = ("security_protocol", *_FILES, *_SASL[:2])

SECRETS: Final = (_PASSWORD, _KEY_PASSWORD, f"{_PASSWORD}_file", f"{_KEY_PASSWORD}_file")
"""Options that hold a password, or say where one is."""
OPTIONS: Final = (*_PLAIN, *SECRETS)

_PROTOCOLS: Final = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")

Option = Callable[[str], str | None]


def connection(option: Option, ambient: Option) -> dict[str, str]:
    """The options as kafka-python takes them. `ambient`: passwords that count where `option` has none.

    Raises BadSetting: for a value that is unknown, for a file that cannot be read, and for options that the protocol
    has no use for, since then the connection would not be what they ask for.
    """
    given = {name: value for name in _PLAIN if (value := option(name))}
    given |= {name: value for name in (_PASSWORD, _KEY_PASSWORD) if (value := _secret(name, option))}
    protocol = given.get("security_protocol", _PROTOCOLS[0])
    _one_of("security_protocol", protocol, _PROTOCOLS)
    tls, sasl = protocol.endswith("SSL"), protocol.startswith("SASL_")
    for name, value in given.items():
        if (name.startswith("ssl_") and not tls) or (name.startswith("sasl_") and not sasl):
            wanted = "SASL_SSL" if name.startswith("sasl_") else "SSL"
            shown = "…" if name in SECRETS else value
            raise _bad(name, shown, pair("security_protocol={protocol} is needed with it", protocol=wanted))
    if sasl:
        given[_PASSWORD] = given.get(_PASSWORD) or _secret(_PASSWORD, ambient) or ""
        for name in _SASL:
            if not given.get(name):
                raise _bad(name, "", pair("{needing} needs it", needing=protocol))
        _one_of("sasl_mechanism", given["sasl_mechanism"], _MECHANISMS)
    if tls:
        # Without any, OpenSSL would ask at the terminal.
        given[_KEY_PASSWORD] = given.get(_KEY_PASSWORD) or _secret(_KEY_PASSWORD, ambient) or ""
        if "ssl_keyfile" in given and "ssl_certfile" not in given:
            raise _bad("ssl_certfile", "", pair("{needing} needs it", needing="ssl_keyfile"))
        tls_context(given)
    return given


def tls_context(given: Mapping[str, str]) -> ssl.SSLContext | None:
    """What a connection with these options is made with; None where it has no TLS. Raises BadSetting."""
    if not given.get("security_protocol", "").endswith("SSL"):
        return None
    for name in _FILES:
        if name in given:
            try:
                Path(given[name]).read_bytes()
            except OSError as error:
                raise _bad(name, given[name], _untranslated(error.strerror)) from error
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if "ssl_cafile" in given:
        _load(context, "ssl_cafile", given)
    else:
        context.load_default_certs()
    if "ssl_crlfile" in given:
        _load(context, "ssl_crlfile", given)
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    if "ssl_certfile" in given:
        try:
            context.load_cert_chain(given["ssl_certfile"], given.get("ssl_keyfile"), given[_KEY_PASSWORD])
        except ssl.SSLError as error:
            reason = pair("certificate, key and password of the key (ssl_password) do not go together")
            raise _bad("ssl_certfile", given["ssl_certfile"], reason) from error
    return context


def _load(context: ssl.SSLContext, name: str, given: Mapping[str, str]) -> None:
    """Certificates, or lists of revoked ones: OpenSSL takes both in the same way."""
    try:
        context.load_verify_locations(given[name])
    except ssl.SSLError as error:
        raise _bad(name, given[name], pair("nothing of the kind in it, in PEM")) from error


def _secret(name: str, option: Option) -> str | None:
    file = option(f"{name}_file")
    value = option(name)
    if value or not file:
        return value
    try:
        # An editor ends the line.
        found = Path(file).read_text(encoding="utf-8").rstrip("\r\n")
        open_to_others = is_open_to_others(Path(file))
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "not UTF-8"
        raise _bad(f"{name}_file", file, _untranslated(reason)) from None
    if open_to_others:
        # No refusal: secrets that a container is given often have such rights, which nobody in it can change.
        log_warnings()
        structlog.get_logger(__name__).warning("secret.open_to_others", option=f"{name}_file", file=file)
    return found


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise _bad(name, value, pair("one of {choices}", choices=", ".join(allowed)))


def _bad(name: str, value: str, reason: Text) -> BadSetting:
    return BadSetting(setting=name, value=value, reason=reason)


def _untranslated(reason: object) -> Text:
    """What the system says, which it says in one language."""
    return Text(str(reason), str(reason))
