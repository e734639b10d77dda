"""OpenTelemetry itself: imported by `tracing` alone, and only where an endpoint is set."""

import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, use_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_TIMEOUT_S = 5

# The ids that the next span of this task must have: those which the request's context was given already.
_chosen_ids: ContextVar[tuple[int, int] | None] = ContextVar("chosen_ids", default=None)


class _Ids(RandomIdGenerator):
    def generate_span_id(self) -> int:
        chosen = _chosen_ids.get()
        return super().generate_span_id() if chosen is None else chosen[1]

    def generate_trace_id(self) -> int:
        chosen = _chosen_ids.get()
        return super().generate_trace_id() if chosen is None else chosen[0]


class Traces:
    """Makes spans and sends them, in batches and from a thread of its own."""

    def __init__(self, endpoint: str, environment: str) -> None:
        # A provider of our own, not the process's global one: closing it leaves nothing behind.
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": "gasolinera", "deployment.environment.name": environment}),
            id_generator=_Ids(),
            shutdown_on_exit=False,
        )
        exporter = OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces", timeout=_TIMEOUT_S)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("gasolinera")

    def close(self) -> None:
        """Sends what is left."""
        self._provider.shutdown()

    @contextmanager
    def request_span(self, headers: Iterable[tuple[bytes, bytes]], trace_parent: str) -> Generator[Span]:
        carrier = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers if name == b"traceparent"}
        _, trace_id, span_id, _ = trace_parent.split("-")
        token = _chosen_ids.set((int(trace_id, 16), int(span_id, 16)))
        try:
            context = TraceContextTextMapPropagator().extract(carrier)
            span = self._tracer.start_span("request", context=context, kind=SpanKind.SERVER)
        finally:
            _chosen_ids.reset(token)
        with use_span(span, end_on_exit=True, record_exception=False):
            yield span

    def record_query(self, service: str, name: str, seconds: float, error: BaseException | None) -> None:
        """Below the span of the request that asked. What it asked for is nobody's business."""
        now_ns = time.time_ns()
        attributes: dict[str, Any] = {
            "db.system.name": "postgresql",
            "db.namespace": service,
            "db.operation.name": name,
        }
        if error is not None:
            attributes["error.type"] = type(error).__name__
        span = self._tracer.start_span(
            f"{service}.{name}", kind=SpanKind.CLIENT, attributes=attributes, start_time=now_ns - int(seconds * 1e9)
        )
        if error is not None:
            span.set_status(Status(StatusCode.ERROR))
        span.end(now_ns)


def finish_request(span: Span, *, method: str, route: str, status: int) -> None:
    span.update_name(f"{method} {route}")
    span.set_attributes({"http.request.method": method, "http.route": route, "http.response.status_code": status})
    if status >= 500:
        span.set_status(Status(StatusCode.ERROR))
