"""What is known of a request before anybody looks at what it asks: its ids, and where it comes from.

A correlation id is taken from `X-Correlation-Id` or made, and goes out again; a trace is W3C Trace Context.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from http import HTTPStatus
from ipaddress import IPv6Address, ip_address
from random import getrandbits
from typing import Any, ClassVar

import msgspec
import structlog
from litestar import Request
from litestar.types import ASGIApp, Receive, Scope, Send

from gasolinera.database import RequestContext
from gasolinera.errors import GasolineraError
from gasolinera.headers import add_header
from gasolinera.permissions import Caller

_CONTEXT = "gasolinera.context"
_CORRELATION_ID = re.compile(r"[A-Za-z0-9._:@/+=-]{1,100}")
_TRACE_PARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(-.*)?")
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\xa0-\xff]+")
_MAX_USER_AGENT = 500


class MalformedError(GasolineraError):
    """The request asks in a way that the route does not know."""

    status: ClassVar[HTTPStatus] = HTTPStatus.BAD_REQUEST


def identify(app: ASGIApp, trusted_proxies: int) -> ASGIApp:
    """Read the request's context, and bind its ids to every line that is logged meanwhile."""

    async def identified(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            context = read_context(scope, trusted_proxies)
            assert context.correlation_id is not None
            scope["state"][_CONTEXT] = context
            add_header(scope, "x-correlation-id", context.correlation_id)
            # A request runs in a task of its own, so what is bound here ends with it.
            structlog.contextvars.bind_contextvars(
                correlation_id=context.correlation_id, trace_id=(context.trace_parent or "")[3:35]
            )
        await app(scope, receive, send)

    return identified


def context_of(scope: Scope) -> RequestContext:
    """The context of a request that `identify` has seen, without the one who asks."""
    found: RequestContext = scope["state"][_CONTEXT]
    return found


def known_caller(scope: Scope) -> Caller | None:
    """Who asks, as far as that has been found out: None for a stranger."""
    return scope["user"] if "user" in scope else None  # noqa: SIM401  the type of `get` is unknown


def provide_context(request: Request[Any, Any, Any]) -> RequestContext:
    """What `db.transaction(context)` takes: who asks, if that is known, and in which request."""
    caller = known_caller(request.scope)
    found = context_of(request.scope)
    return found if caller is None else msgspec.structs.replace(found, actor=caller.actor)


def read_context(scope: Scope, trusted_proxies: int) -> RequestContext:
    """Headers that are not what they should be count as missing: they must not keep anybody out."""
    correlation_id = user_agent = trace_parent = ""
    forwarded: list[str] = []
    for name, value in scope["headers"]:
        if name == b"x-correlation-id":
            correlation_id = value.decode("latin-1")
        elif name == b"traceparent":
            trace_parent = value.decode("latin-1")
        elif name == b"user-agent":
            user_agent = value.decode("latin-1")
        elif name == b"x-forwarded-for":
            forwarded += value.decode("latin-1").split(",")
    trace_id, flags = _trace_of(trace_parent)
    client = scope["client"]
    return RequestContext(
        correlation_id=correlation_id if _CORRELATION_ID.fullmatch(correlation_id) else trace_id,
        ip_address=client_address(client[0] if client else "", forwarded, trusted_proxies),
        user_agent=_UNPRINTABLE.sub(" ", user_agent)[:_MAX_USER_AGENT].strip() or None,
        trace_parent=f"00-{trace_id}-{_fresh_id(64)}-{flags}",
    )


def _trace_of(trace_parent: str) -> tuple[str, str]:
    """The trace's id and flags; a new trace where none came in."""
    found = _TRACE_PARENT.fullmatch(trace_parent)
    if found is None or (found[3] and trace_parent.startswith("00")):  # version 00 has nothing after its flags
        return _fresh_id(128), "01"
    return found[1], found[2]


def _fresh_id(bits: int) -> str:
    """Unique, and no secret: it goes out with the answer. All zeros would mean none."""
    return f"{getrandbits(bits) or 1:0{bits // 4}x}"


def client_address(peer: str, forwarded: Iterable[str], trusted_proxies: int) -> str | None:
    """Each trusted proxy appends whom it heard from, so the client is that many places from the end.

    Fewer entries mean that somebody went around a proxy: then only the peer itself can be believed.
    """
    entries = list(forwarded)
    chosen = entries[-trusted_proxies] if 0 < trusted_proxies <= len(entries) else peer
    return _normalized(chosen) or _normalized(peer)


@lru_cache(4096)
def _normalized(text: str) -> str | None:
    try:
        address = ip_address(text.strip().strip("[]"))
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        address = IPv6Address(int(address))  # without its zone, which PostgreSQL does not take
    return str(address)
