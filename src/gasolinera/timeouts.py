"""How long the making of an answer may take. A route that needs longer says so: `opt={"timeout_s": 120}`."""

import asyncio
from http import HTTPStatus
from typing import ClassVar

from litestar.types import ASGIApp, Message, Receive, Scope, Send

from gasolinera.errors import UnavailableError


class TimedOutError(UnavailableError):
    """The answer took too long; what had begun was rolled back."""

    status: ClassVar[HTTPStatus] = HTTPStatus.GATEWAY_TIMEOUT


def limit_time(app: ASGIApp, *, default_s: float) -> ASGIApp:
    """Cancels what still runs, so that its transaction rolls back, and raises TimedOutError `request.timeout`.

    The clock stops when the answer begins: how fast it is fetched is the client's business. It includes the time in
    which the body comes in.
    """

    async def limited(scope: Scope, receive: Receive, send: Send) -> None:
        limit_s: float = scope["route_handler"].opt.get("timeout_s", default_s)
        timer = asyncio.timeout(limit_s)

        async def begun(message: Message) -> None:
            if message["type"] == "http.response.start" and not timer.expired():
                timer.reschedule(None)
            await send(message)

        try:
            async with timer:
                await app(scope, receive, begun)
        except TimeoutError:
            if not timer.expired():
                raise
            raise TimedOutError("request.timeout", "the answer took too long", "try again later") from None

    return limited
