"""Traces: what a real receiver on this machine is sent, and what is said when the libraries are missing."""

import gzip
import sys
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from litestar.testing import TestClient
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from gasolinera import tracing
from gasolinera.app import create_app
from gasolinera.config import Settings
from gasolinera.errors import ConfigError

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


class Receiver(ThreadingHTTPServer):
    def __init__(self) -> None:
        self.requests: list[tuple[str, ExportTraceServiceRequest]] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    def spans(self) -> dict[str, Span]:
        return {
            span.name: span
            for _, request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        }


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Receiver)
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.requests.append((self.path, ExportTraceServiceRequest.FromString(body)))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """It would speak on standard error."""


@pytest.fixture
def receiver() -> Generator[Receiver]:
    with Receiver() as running:
        thread = Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def traced(settings: Settings, receiver: Receiver) -> Settings:
    return settings.model_copy(update={"otlp_endpoint": f"http://127.0.0.1:{receiver.server_port}"})


def test_a_request_and_its_statements_are_one_trace_below_the_callers(settings: Settings, receiver: Receiver) -> None:
    with TestClient(create_app(traced(settings, receiver))) as client:
        client.get("/api/stations/JSM001", headers={"traceparent": f"00-{TRACE}-{PARENT}-01"})
    assert {path for path, _ in receiver.requests} == {"/v1/traces"}
    spans = receiver.spans()
    request, query = spans["GET /api/stations/{code}"], spans["station.get_station"]
    assert (request.trace_id.hex(), request.parent_span_id.hex()) == (TRACE, PARENT)
    assert (query.trace_id, query.parent_span_id) == (request.trace_id, request.span_id)
    attributes = {item.key: item.value for item in request.attributes}
    assert attributes["http.response.status_code"].int_value == 200
    assert attributes["http.route"].string_value == "/api/stations/{code}"
    assert query.start_time_unix_nano <= query.end_time_unix_nano


def test_nothing_of_what_was_asked_goes_out(settings: Settings, receiver: Receiver) -> None:
    with TestClient(create_app(traced(settings, receiver))) as client:
        client.get("/api/stations?city=Secretville")
        client.get("/api/stations/JSM777")
    sent = b"".join(request.SerializeToString() for _, request in receiver.requests)
    assert b"station.list_stations" in sent
    assert b"Secretville" not in sent
    assert b"JSM777" not in sent


def test_what_the_caller_does_not_sample_is_not_sent(settings: Settings, receiver: Receiver) -> None:
    with TestClient(create_app(traced(settings, receiver))) as client:
        client.get("/api/stations/JSM001", headers={"traceparent": f"00-{TRACE}-{PARENT}-00"})
    assert "GET /api/stations/{code}" not in receiver.spans()


def test_without_an_endpoint_nothing_is_made(settings: Settings) -> None:
    with tracing.exported_traces(settings), tracing.request_span([], "") as finish:
        finish("GET", "/", 200)


def test_missing_libraries_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gasolinera.otel", None)
    wanted = Settings.model_validate({"otlp_endpoint": "http://127.0.0.1:4318"})
    with pytest.raises(ConfigError) as raised, tracing.exported_traces(wanted):
        pass
    assert raised.value.code == "config.no_otel"
    assert "gasolinera[otel]" in (raised.value.hint or "")
