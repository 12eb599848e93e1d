"""SSRF guard: resolves a receiver's host once and allows only public or allow-listed addresses, on named ports.

Every address of the host is checked, and the connection is made to an address that was checked: a name that gives
another address a moment later (DNS rebinding) changes nothing. Without TLS only allow-listed networks are reached.

What is public stands here and not in Python's `ipaddress`, whose releases differ: the registries of special-purpose
addresses of IANA (RFC 6890), as of 2025. Of IPv6 only 2000::/3 is public at all. An IPv6 address that carries an IPv4
address (mapped, NAT64, 6to4, Teredo, ISATAP) is judged by that one.

    WebhookRefused (InvalidInput)
    ├── BadReceiver        no address of a receiver: scheme, user, host
    ├── ForbiddenPort      a port that no receiver may have
    └── ForbiddenAddress   a name that leads into a network that is not public and not allowed
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from domain.errors import InvalidInput
from domain.i18n import pair
from infra.errors import without_secrets

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Sequence[str]]
"""Name and port → its addresses as text. Raises OSError."""

PORTS: Final = (range(80, 81), range(443, 444), range(8443, 8444))
"""The ports of receivers, unless the operator names others."""

_DEFAULT_PORTS: Final = {"https": 443, "http": 80}

_NOT_PUBLIC: Final = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",
            "100.64.0.0/10",  # shared by carriers
            "127.0.0.0/8",
            "169.254.0.0/16",  # link-local, and the metadata of clouds
            "172.16.0.0/12",
            "192.0.0.0/24",  # protocol assignments
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # relays of 6to4, given up
            "192.168.0.0/16",
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
        ),
    )
)
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
_NOT_PUBLIC_6: Final = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocol assignments: Teredo, benchmarks, ORCHID
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4
            "3fff::/20",  # documentation
        ),
    )
)
_NAT64: Final = IPv6Network("64:ff9b::/96")
_ISATAP: Final = (0x00005EFE, 0x02005EFE)
"""What stands before the IPv4 address in the lower half of an ISATAP address (RFC 5214)."""


class WebhookRefused(InvalidInput):
    """A receiver that is not reached."""

    code = "WEBHOOK_REFUSED"


class BadReceiver(WebhookRefused):
    """A URL that is no receiver's."""

    code = "BAD_RECEIVER"


class ForbiddenPort(WebhookRefused):
    """A receiver on a port that none may have."""

    code = "FORBIDDEN_PORT"


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
    except ValueError:
        # What `urllib` says may hold what it could not read.
        raise BadReceiver(url=without_secrets(url), reason=pair("it is no URL")) from None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise BadReceiver(url=without_secrets(url), reason=pair("it is no http or https URL"))
    if parts.username is not None or parts.password is not None:
        # It would be kept and logged in the open; the signature is what tells the sender.
        raise BadReceiver(url=without_secrets(url), reason=pair("it names a user"))
    if not url.isascii() or any(character.isspace() for character in url):
        raise BadReceiver(url=without_secrets(url), reason=pair("it is not plain ASCII"))
    return Receiver(parts.hostname, port or _DEFAULT_PORTS[parts.scheme], _target(parts), parts.scheme == "https")


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def check_port(to: Receiver, ports: Sequence[range]) -> None:
    """Raises ForbiddenPort."""
    if not any(to.port in each for each in ports):
        raise ForbiddenPort(host=to.host, port=to.port)


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
    if _is_in(address, allow):
        return
    for each in _effective_addresses(address):
        if _is_in(each, allow):
            continue
        if not _is_public(each):
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


def _is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks if network.version == address.version)


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return not _is_in(address, _NOT_PUBLIC)
    return address in _GLOBAL_UNICAST and not _is_in(address, _NOT_PUBLIC_6)


def _effective_addresses(address: Address) -> list[Address]:
    """The IPv4 addresses that an IPv6 address stands for, or else the address itself."""
    if isinstance(address, IPv4Address):
        return [address]
    last = IPv4Address(int(address) & 0xFFFFFFFF)
    if address.ipv4_mapped is not None or address in _NAT64:
        return [last]
    if address.sixtofour is not None:
        return [address.sixtofour]
    if address.teredo is not None:
        return list(address.teredo)
    return [address, last] if int(address) >> 32 & 0xFFFFFFFF in _ISATAP else [address]
