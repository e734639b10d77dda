"""The layers that every request passes, and their order.

Outside of the framework's routing, so around every answer: HEAD, the request's context, what is measured and logged,
the headers. Inside, where the route and its options are known: time, who asks, how often, and once or again.
"""

from typing import cast

from litestar.enums import HttpMethod
from litestar.types import ASGIApp, Message, Middleware, Receive, Scope, Send

from gasolinera.config import Settings
from gasolinera.headers import add_headers
from gasolinera.idempotency import answer_once
from gasolinera.limits import limit_requests
from gasolinera.observing import observe
from gasolinera.requests import identify
from gasolinera.timeouts import limit_time


def around(app: ASGIApp, settings: Settings) -> ASGIApp:
    """What every answer passes, that of an unknown address included."""
    return answer_head(identify(observe(add_headers(app, settings.environment)), settings.trusted_proxies))


def layers(settings: Settings, *who_asks: Middleware) -> list[Middleware]:
    """The framework's middleware, outermost first; `who_asks` sets the request's user."""

    def in_time(app: ASGIApp) -> ASGIApp:
        return limit_time(app, default_s=settings.request_timeout_s)

    return [in_time, *who_asks, limit_requests, answer_once]


def answer_head(handler: ASGIApp) -> ASGIApp:
    """Every address that answers GET answers HEAD, with the same headers and no body (RFC 9110, section 9.3.2)."""

    async def answered(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await handler(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message["body"] = b""
            await send(message)

        as_get = cast("Scope", {**scope, "method": HttpMethod.GET})
        await handler(as_get, receive, without_body)

    return answered
