"""SSRF guard: resolves a receiver's host once and allows only public or allow-listed addresses.

Every address of the host is checked, and the connection is made to an address that was checked: a name that gives
another address a moment later (DNS rebinding) changes nothing. Without TLS only allow-listed networks are reached.

    WebhookRefused (InvalidInput)
    ├── BadReceiver        no address of a receiver: scheme, user, host
    └── ForbiddenAddress   a name that leads into a network that is not public and not allowed
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from domain.errors import InvalidInput
from domain.i18n import pair

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Sequence[str]]
"""Name and port → its addresses as text. Raises OSError."""

_NAT64: Final = ip_network("64:ff9b::/96")
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}


class WebhookRefused(InvalidInput):
    """A receiver that is not reached."""

    code = "WEBHOOK_REFUSED"


class BadReceiver(WebhookRefused):
    """A URL that is no receiver's."""

    code = "BAD_RECEIVER"


class ForbiddenAddress(WebhookRefused):
    """A receiver in a network that is not public."""

    code = "FORBIDDEN_ADDRESS"


@dataclass(frozen=True, slots=True)
class Receiver:
    """The parts of a receiver's URL; `target` is path and query."""

    host: str
    port: int
    target: str
    tls: bool

    @property
    def authority(self) -> str:
        """What the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS["https" if self.tls else "http"] else f"{host}:{self.port}"


def receiver(url: str) -> Receiver:
    """The parts of a receiver's URL. Raises BadReceiver."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BadReceiver(url=url, reason_en=str(error), reason_vi=str(error)) from error
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise BadReceiver(url=url, reason=pair("it is no http or https URL"))
    if parts.username is not None or parts.password is not None:
        # It would be kept and logged in the open; the signature is what tells the sender.
        raise BadReceiver(url=url, reason=pair("it names a user"))
    if not url.isascii() or any(character.isspace() for character in url):
        raise BadReceiver(url=url, reason=pair("it is not plain ASCII"))
    return Receiver(parts.hostname, port or _DEFAULT_PORTS[parts.scheme], _target(parts), parts.scheme == "https")


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def system_resolve(host: str, port: int) -> Sequence[str]:
    """The addresses that the system knows of a name."""
    found: list[Any] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    # An IPv6 address may carry its zone: fe80::1%eth0.
    return list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))


def addresses(to: Receiver, allow: Sequence[Network], resolve: Resolve = system_resolve) -> list[str]:
    """The addresses of a receiver to connect to. Raises ForbiddenAddress if any of them is, OSError for no address."""
    found = resolve(to.host, to.port)
    if not found:
        raise OSError(f"{to.host} has no address")
    for text in found:
        _check_address(to, ip_address(text), allow)
    return list(found)


def _check_address(to: Receiver, address: Address, allow: Sequence[Network]) -> None:
    for each in _effective_addresses(address):
        if any(each in network for network in allow if network.version == each.version):
            continue
        local = isinstance(each, IPv6Address) and each.is_site_local
        if not each.is_global or each.is_multicast or each.is_reserved or local:
            raise ForbiddenAddress(
                host=to.host,
                address=str(address),
                why=pair("is no public address"),
            )
        if not to.tls:
            raise ForbiddenAddress(
                host=to.host,
                address=str(address),
                why=pair("is reached by https only"),
            )


def _effective_addresses(address: Address) -> list[Address]:
    """The IPv4 addresses that an IPv6 address stands for, or else the address itself."""
    if isinstance(address, IPv4Address):
        return [address]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address in _NAT64:
        return [IPv4Address(int(address) & 0xFFFFFFFF)]
    if address.sixtofour is not None:
        return [address.sixtofour]
    if address.teredo is not None:
        return list(address.teredo)
    return [address]
