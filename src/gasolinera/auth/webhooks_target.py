"""Where a webhook may go: the name is resolved once, every address of it is looked at, and one of them is connected to.

A name that leads to us, or to whoever stands beside us, is refused; what is looked at is what is connected to, so a
name that leads elsewhere a moment later changes nothing.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import msgspec

Resolve = Callable[[str, int], Awaitable[list[str]]]
_TRANSLATED: Final = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))  # NAT64 (RFC 6052, RFC 8215)


class TargetError(Exception):
    """The name leads nowhere, or where nothing is sent. The text is a reason."""


class Target(msgspec.Struct, frozen=True):
    """`url` has the address in place of the name; `host` and `name` are what the server and its certificate expect."""

    url: str
    host: str
    name: str


async def resolve(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[4][0]) for address in found]


async def find_target(url: str, *, is_strict: bool, resolve: Resolve = resolve) -> Target:
    """Raises TargetError. Strict: https, and public addresses alone."""
    parts = urlsplit(url)
    name = parts.hostname or ""
    if is_strict and parts.scheme != "https":
        raise TargetError("not https")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        addresses = await resolve(name, port)
    except (OSError, UnicodeError):
        raise TargetError("name not found") from None
    if not addresses:
        raise TargetError("name not found")
    # All of them: of a name with one good and one bad address the bad one is not left to chance.
    if is_strict and not all(is_public(address) for address in addresses):
        raise TargetError("address not public")
    address = addresses[0]
    shown = f"[{address}]" if ":" in address else address
    return Target(urlunsplit((parts.scheme, f"{shown}:{port}", parts.path or "/", parts.query, "")), parts.netloc, name)


def is_public(address: str) -> bool:
    """Nothing private, loopback, link-local, multicast or reserved, also not wrapped in an address of version 6."""
    try:
        found: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        elif found.sixtofour is not None or found.teredo is not None or any(found in net for net in _TRANSLATED):
            return False
    return found.is_global and not found.is_multicast and not found.is_reserved
