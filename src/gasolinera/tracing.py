"""Traces by OpenTelemetry, when `otlp_endpoint` is set: a span for each request and, below it, each statement.

The libraries are an extra (`pip install gasolinera[otel]`); without the setting nothing of them is imported.
"""

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gasolinera.config import Settings
from gasolinera.errors import ConfigError

if TYPE_CHECKING:
    from gasolinera.otel import Traces

Finish = Callable[[str, str, int], None]  # told method, route template and status when the answer has gone out

_traces: "Traces | None" = None


@contextmanager
def exported_traces(settings: Settings) -> Generator[None]:
    """Spans of this process are exported while the block runs; at its end what is left is sent.

    Raises ConfigError `config.no_otel` when an endpoint is set and the libraries are not there.
    """
    global _traces  # noqa: PLW0603  one process has one
    if settings.otlp_endpoint is None:
        yield
        return
    try:
        from gasolinera.otel import Traces  # noqa: PLC0415  an extra that need not be there
    except ImportError:
        raise ConfigError(
            "config.no_otel",
            "GASOLINERA_OTLP_ENDPOINT is set, and OpenTelemetry is not installed",
            "pip install 'gasolinera[otel]', or remove the setting",
        ) from None
    opened = _traces = Traces(settings.otlp_endpoint, settings.environment)
    try:
        yield
    finally:
        _traces = None
        opened.close()


@contextmanager
def request_span(headers: Iterable[tuple[bytes, bytes]], trace_parent: str) -> Generator[Finish]:
    """The span that `trace_parent` names, below the caller's if the headers name one. Does nothing while off."""
    if _traces is None:
        yield _ignore
        return
    from gasolinera.otel import finish_request  # noqa: PLC0415  it is there when traces are

    with _traces.request_span(headers, trace_parent) as span:
        yield lambda method, route, status: finish_request(span, method=method, route=route, status=status)


def record_query(service: str, name: str, seconds: float, error: BaseException | None) -> None:
    """A statement that has just ended."""
    if _traces is not None:
        _traces.record_query(service, name, seconds, error)


def _ignore(_method: str, _route: str, _status: int) -> None:
    pass
