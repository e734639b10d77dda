"""Every request leaves one line in the log, one observation in the metrics, and a span when traces are exported."""

from http import HTTPMethod
from time import perf_counter

from litestar.types import ASGIApp, Message, Receive, Scope, Send

from gasolinera import metrics, tracing
from gasolinera.logs import finish_logs, request_teller
from gasolinera.requests import context_of

_METHODS = {method.value: method.value for method in HTTPMethod}
_GONE = 499  # nginx's number for a client that did not wait; it never goes over the wire
_QUIET = frozenset({"/metrics", "/health/live", "/health/ready"})  # machines ask every few seconds: not logged


def observe(app: ASGIApp) -> ASGIApp:
    """Wraps what answers, inside of what gives a request its ids. Nothing is kept of the query string."""
    tell = request_teller()

    async def observed(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        started = perf_counter()
        ended = 0.0
        status = 0

        async def watched(message: Message) -> None:
            nonlocal ended, status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                ended = perf_counter()  # what a route does after its answer nobody waits for

        trace_parent = context_of(scope).trace_parent or ""
        with tracing.request_span(scope["headers"], trace_parent) as finish:
            try:
                await app(scope, receive, watched)
            except Exception:
                status = status or 500
                raise
            finally:
                method: str = _METHODS.get(scope["method"], "OTHER")
                route = scope.get("path_template") or "unknown"
                seconds = (ended or perf_counter()) - started
                # What is cancelled has no status: the client left.
                status = status or _GONE
                metrics.count_request(method, route, status, seconds)
                if route not in _QUIET:
                    tell(method, route, status, round(seconds * 1000, 2))
                finish(method, route, status)

    return observed


def finish_observing() -> None:
    """What requests and statements have left to tell and to count is done after this."""
    finish_logs()
    metrics.settle()
