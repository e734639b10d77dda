"""How often a route may be asked, by user, address or phone: `opt={"limits": (Limit("ip", 30, 60),)}`.

These are counted per process and in memory: they keep one caller from taking everybody's share. What protects codes
and money is counted in the database (`counted_limits`), where every process counts together.
Headers: draft-ietf-httpapi-ratelimit-headers-10, `RateLimit-Policy` and `RateLimit`.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from ipaddress import ip_network
from typing import Any, Literal

import msgspec
from litestar import Request
from litestar.types import ASGIApp, Receive, Scope, Send

from gasolinera.errors import TooManyError
from gasolinera.headers import add_header
from gasolinera.requests import context_of, known_caller

_MAX_SUBJECTS = 20_000  # about 6 MB a process; whoever has been quiet the longest is forgotten first


class Limit(msgspec.Struct, frozen=True):
    """At most `quota` requests in any `window_s` seconds. One by phone is taken by the route: `take_for_phone`."""

    by: Literal["user", "ip", "phone"]
    quota: int
    window_s: int


class Left(msgspec.Struct, frozen=True):
    """What a limit still allows, and after how many seconds more."""

    limit: Limit
    remaining: int
    reset_s: int


class SlidingWindows:
    """Counts by route, limit and subject: those of this window, and of the one before in the share that still counts.

    The estimate is that the requests of the window before were spread evenly: off by little, and two numbers a subject.
    """

    def __init__(self, max_subjects: int = _MAX_SUBJECTS, clock: Callable[[], float] = time.monotonic) -> None:
        self._counts: OrderedDict[tuple[object, ...], tuple[int, int, int]] = OrderedDict()
        self._max_subjects = max_subjects
        self._clock = clock

    def take(self, route: object, wanted: Sequence[tuple[Limit, str]]) -> list[Left]:
        """Count one request for all of these limits. Raises TooManyError `rate.limited`, and then counts none."""
        now = self._clock()
        seen = [self._look(now, (route, limit, subject), limit) for limit, subject in wanted]
        refused = [retry_s for used, retry_s, *_ in seen if used is None]
        if refused:
            raise too_many(max(refused))
        left: list[Left] = []
        for (limit, subject), (used, _, window, current, before) in zip(wanted, seen, strict=True):
            assert used is not None
            key = (route, limit, subject)
            self._counts[key] = (window, current + 1, before)
            self._counts.move_to_end(key)
            reset_s = math.ceil((window + 1) * limit.window_s - now)
            left.append(Left(limit, max(0, math.floor(limit.quota - used - 1)), reset_s))
        while len(self._counts) > self._max_subjects:
            self._counts.popitem(last=False)
        return left

    def _look(self, now: float, key: tuple[object, ...], limit: Limit) -> tuple[float | None, int, int, int, int]:
        """What is used (None: all of it), when it will be less, and the window with its counts."""
        window = int(now // limit.window_s)
        known, current, before = self._counts.get(key, (window, 0, 0))
        if known != window:
            before = current if known == window - 1 else 0
            current = 0
        passed = now / limit.window_s - window  # 0 to 1
        used = current + before * (1 - passed)
        if used + 1 <= limit.quota:
            return used, 0, window, current, before
        if current + 1 <= limit.quota:  # enough of the window before has to pass
            needed = 1 - (limit.quota - 1 - current) / before
            return None, max(1, math.ceil((needed - passed) * limit.window_s)), window, current, before
        # This window is full: in the next one its count fades.
        fade = 1 - (limit.quota - 1) / current
        return None, max(1, math.ceil((1 - passed + fade) * limit.window_s)), window, current, before


def too_many(retry_after_s: int) -> TooManyError:
    return TooManyError(
        "rate.limited",
        "this was asked more often than is allowed",
        f"try again in {retry_after_s} s",
        retry_after_s=retry_after_s,
    )


def limit_requests(app: ASGIApp) -> ASGIApp:
    """Takes a route's limits before anything else of it runs, but after it is known who asks.

    The application's state has the `windows`.
    """

    async def limited(scope: Scope, receive: Receive, send: Send) -> None:
        limits: Sequence[Limit] = scope["route_handler"].opt.get("limits", ())
        if limits:
            _take(scope, [(limit, subject) for limit in limits if (subject := _subject(scope, limit)) is not None])
        await app(scope, receive, send)

    return limited


def take_for_phone(request: Request[Any, Any, Any], phone_number: str) -> None:
    """Take the route's limits by phone, which only the route can find in the body. Raises TooManyError."""
    limits: Sequence[Limit] = request.route_handler.opt["limits"]
    wanted = [(limit, phone_number) for limit in limits if limit.by == "phone"]
    assert wanted, "the route has no limit by phone"
    _take(request.scope, wanted)


def _take(scope: Scope, wanted: list[tuple[Limit, str]]) -> None:
    windows: SlidingWindows = scope["litestar_app"].state["windows"]
    add_header(
        scope, "ratelimit-policy", ", ".join(f'"{limit.by}";q={limit.quota};w={limit.window_s}' for limit, _ in wanted)
    )
    try:
        left = windows.take(scope["path_template"], wanted)
    except TooManyError as refused:
        add_header(scope, "ratelimit", f'"{wanted[0][0].by}";r=0;t={refused.retry_after_s}')
        raise
    add_header(scope, "ratelimit", ", ".join(f'"{one.limit.by}";r={one.remaining};t={one.reset_s}' for one in left))


def _subject(scope: Scope, limit: Limit) -> str | None:
    """Whose share it is; None where this limit does not apply."""
    if limit.by == "user":
        caller = known_caller(scope)
        return caller.actor if caller is not None else None
    if limit.by == "ip":
        return network_of(context_of(scope).ip_address)
    return None


def network_of(address: str | None) -> str:
    """Whom an address stands for: with IPv6 a household has a /64, so that is one subject."""
    if address is None:
        return "unknown"
    return str(ip_network(f"{address}/64", strict=False)) if ":" in address else address
