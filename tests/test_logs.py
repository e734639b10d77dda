"""What leaves in the log: one line a request, its ids, and no phone number, address, token or code."""

import json
import logging
import re
from collections.abc import Generator
from datetime import datetime, timedelta
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from litestar.testing import TestClient
from structlog.testing import capture_logs

from gasolinera.app import create_app
from gasolinera.config import Settings
from gasolinera.logs import MASKED, configure_logs, mask

PRODUCTION_LIKE = Settings.model_validate({"environment": "test"})
JWT = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"


@pytest.fixture
def logging_restored() -> Generator[None]:
    before, level = logging.getLogger().handlers[:], logging.getLogger().level
    yield
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = before
    logging.getLogger().setLevel(level)


# E.164: a plus, then at most fifteen digits, the first of a country's code not zero.
phones = st.from_regex(r"\+[1-9][0-9]{7,14}", fullmatch=True)
text = st.text(max_size=30)


@st.composite
def with_phone(draw: st.DrawFn) -> tuple[str, Any]:
    """A number, and a value of a log's field that holds it somewhere."""
    phone = draw(phones)
    inner = draw(st.sampled_from(["text", "alone", "number", "bytes", "error", "key", "percent"]))
    digits = phone[1:].rjust(10, "9")
    value: Any = {
        "text": draw(text) + phone + draw(text),
        "alone": phone,
        "number": int(digits),
        "bytes": phone.encode(),
        "error": ValueError(f"bad {phone}"),
        "key": {phone: 1},
        "percent": f"/search?q=%2B{phone[1:]}",
    }[inner]
    for _ in range(draw(st.integers(0, 9))):
        value = draw(st.sampled_from([[value], {"inner": value}, (1, value), {"a": [value, None]}]))
    return (digits if inner == "number" else phone[1:]), value


@given(with_phone(), st.text(st.characters(categories=["L"]), min_size=1, max_size=10))
def test_no_phone_number_survives_in_any_field(phone: tuple[str, Any], key: str) -> None:
    digits, value = phone
    left = json.dumps(mask(None, "info", {"event": "x", f"f_{key}": value}), default=str, ensure_ascii=False)
    assert digits not in left


@pytest.mark.parametrize(
    "said",
    [
        "+52 55 1234 5678",
        "+52 (55) 1234-5678",
        "call 55 1234 5678 now",
        "2222-3333",
        "525512345678",
        "ana.lopez+x@example.com.mx",
        "Bearer abc.def-ghi",
        JWT,
        "your code: 123456",
        "código 123456",
        "otp=12345678",
        "Zm9vYmFyYmF6MTIzNDU2Nzg5MGFiY2RlZmdoaWprbG1",
        "a" * 20 + "0123456789abcdef0123",
    ],
)
def test_what_is_personal_or_secret_is_masked_wherever_it_stands(said: str) -> None:
    masked = mask(None, "info", {"event": f"before {said} after"})["event"]
    assert masked.startswith("before ")
    assert masked.endswith(" after")
    assert MASKED in masked
    assert re.search(r"\d{4}", masked) is None


@pytest.mark.parametrize(
    "key", ["phone", "phone_number", "access_token", "API-Key", "otp", "password", "email", "Cookie"]
)
def test_a_field_that_is_named_for_a_secret_shows_nothing(key: str) -> None:
    assert mask(None, "info", {"event": "x", key: "anything"})[key] == MASKED
    assert mask(None, "info", {"event": "x", "headers": {key: ["anything"]}})["headers"] == {key: MASKED}


def test_a_code_of_an_error_stays_and_one_of_a_person_goes() -> None:
    masked = mask(None, "info", {"event": "x", "code": "auth.locked", "codes": [1], "n": {"code": "123456"}})
    assert masked == {"event": "x", "code": "auth.locked", "codes": [1], "n": {"code": MASKED}}
    assert mask(None, "info", {"event": "x", "code": 123456})["code"] == MASKED


def test_what_an_operator_needs_stays() -> None:
    event = {
        "event": "request",
        "correlation_id": "7f3e2a10-1234-5678-9abc-123456789012",
        "trace_id": "00001111222233334444555566667777",
        "route": "/api/stations/{code}",
        "duration_ms": 12.34,
        "status": 200,
        "constraint": "stations_station_code_format_length_check",
        "first": "station V4__complete_stations.sql",
        "at": "2026-11-22T10:11:12.123456Z",
        "is_good": True,
        "nothing": None,
    }
    assert mask(None, "info", dict(event)) == event


def test_an_exceptions_values_of_a_row_are_not_told(capsys: pytest.CaptureFixture[str], logging_restored: None) -> None:
    configure_logs(PRODUCTION_LIKE)
    row = "María López"
    try:
        raise ValueError(f"duplicate key\nDETAIL:  Failing row contains (7, {row}, JSM001).")
    except ValueError as error:
        structlog.get_logger().error("unexpected_error", exc_info=error)
    said = capsys.readouterr().err
    assert row not in said
    line = json.loads(said)
    assert "duplicate key" in line["exception"]


def test_libraries_speak_through_the_same_pipeline(capsys: pytest.CaptureFixture[str], logging_restored: None) -> None:
    configure_logs(PRODUCTION_LIKE)
    structlog.contextvars.bind_contextvars(correlation_id="abc")
    try:
        logging.getLogger("uvicorn.error").warning("no answer for %s", "+5215512345678")
    finally:
        structlog.contextvars.clear_contextvars()
    line = json.loads(capsys.readouterr().err)
    assert line["event"] == f"no answer for {MASKED}"
    assert (line["level"], line["correlation_id"], line["logger"]) == ("warning", "abc", "uvicorn.error")
    assert "timestamp" in line


def test_addresses_that_we_ask_are_not_told_for_their_credentials(
    capsys: pytest.CaptureFixture[str], logging_restored: None
) -> None:
    configure_logs(Settings())
    for library in ("httpx", "httpcore"):
        logging.getLogger(library).info("HTTP Request: POST https://gateway/send?user=us&key=s3cret")
        logging.getLogger(library).warning("trouble")
    said = capsys.readouterr().err
    assert "s3cret" not in said
    assert said.count("trouble") == 2


def test_development_reads_lines_and_is_masked_too(capsys: pytest.CaptureFixture[str], logging_restored: None) -> None:
    configure_logs(Settings())
    structlog.get_logger().info("sent", to="+5215512345678")
    said = capsys.readouterr().err
    assert "sent" in said
    assert "5215512345678" not in said


def test_a_request_leaves_one_line_with_its_ids_and_without_its_query(settings: Settings) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"x-correlation-id": "order-7", "traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    with capture_logs([structlog.contextvars.merge_contextvars]) as logs, TestClient(create_app(settings)) as client:
        client.get("/api/stations/JSM001?city=secret", headers=headers)
        client.get("/health/live")
    (line,) = [line for line in logs if line["event"] == "request" and line["log_level"] == "info"]
    assert line.pop("duration_ms") > 0
    assert line == {
        "event": "request",
        "log_level": "info",
        "method": "GET",
        "route": "/api/stations/{code}",
        "status": 400,
        "correlation_id": "order-7",
        "trace_id": trace,
    }


def test_outside_development_that_line_is_json_with_the_context_masked(
    settings: Settings, capsys: pytest.CaptureFixture[str], logging_restored: None
) -> None:
    configure_logs(PRODUCTION_LIKE)
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"x-correlation-id": "+5215512345678", "traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    with TestClient(create_app(settings)) as client:
        capsys.readouterr()
        client.get("/api/stations/JSM001?city=secret", headers=headers)
        client.get("/health/live")
    (line,) = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert line.pop("duration_ms") > 0
    assert datetime.fromisoformat(line.pop("timestamp")).utcoffset() == timedelta(0)
    assert line == {
        "event": "request",
        "level": "info",
        "method": "GET",
        "route": "/api/stations/{code}",
        "status": 400,
        "correlation_id": MASKED,
        "trace_id": trace,
    }
