"""The envelope: CloudEvents 1.0 in JSON, there and back; and what publishing writes down."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gasolinera.config import Settings, schema_of
from gasolinera.database import RequestContext, load_queries
from gasolinera.errors import InputError
from gasolinera.event_tables import statements_of
from gasolinera.events import Event, decode_event, encode_event, source_of
from tests.event_steps import AUTH, databases

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    SCALARS | st.text(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)
EVENTS = st.builds(
    Event,
    id=st.uuids(),
    type=st.sampled_from(["user.registered", "employee.changed", "ad.view.completed"]),
    source=st.sampled_from(["auth", "station"]).map(source_of),
    aggregate=st.sampled_from(["user", "employee"]),
    subject=st.text(min_size=1, max_size=128),
    time=st.datetimes(min_value=datetime(2000, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001  takes none
    data=st.dictionaries(st.text(), VALUES, max_size=4),
    schema_version=st.integers(1, 9),
    correlation_id=st.none() | st.text(max_size=128),
    causation_id=st.none() | st.uuids(),
    trace_parent=st.none() | st.just(TRACE),
)
KNOWN = Event(
    id=UUID("6f1c1d0e-4b9e-4a54-9d2c-6d1d9a4c2f10"),
    type="user.changed",
    source=source_of("auth"),
    aggregate="user",
    subject="0b8f",
    time=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    data={"active": True},
    correlation_id="c-1",
    trace_parent=TRACE,
)


@given(EVENTS)
def test_an_event_survives_the_wire(event: Event) -> None:
    assert decode_event(encode_event(event)) == event


def test_the_envelope_has_the_attributes_of_cloudevents_1_0() -> None:
    assert json.loads(encode_event(KNOWN)) == {
        "specversion": "1.0",
        "id": "6f1c1d0e-4b9e-4a54-9d2c-6d1d9a4c2f10",
        "source": "urn:gasolinera:auth",
        "type": "user.changed",
        "subject": "0b8f",
        "time": "2026-01-02T03:04:05Z",
        "datacontenttype": "application/json",
        "aggregatetype": "user",
        "schemaversion": 1,
        "data": {"active": True},
        "correlationid": "c-1",
        "traceparent": TRACE,
    }
    assert KNOWN.publisher == "auth"


def test_attributes_that_we_do_not_know_are_ignored() -> None:
    document = json.loads(encode_event(KNOWN)) | {"dataschema": "https://example.org", "tenant": "a"}
    assert decode_event(json.dumps(document).encode()) == KNOWN


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"specversion": "1.0"}',
        encode_event(KNOWN).replace(b'"1.0"', b'"0.3"'),
        encode_event(KNOWN).replace(b'"data":{', b'"data":[{').replace(b"}", b"}]", 1),
        encode_event(KNOWN).replace(b"6f1c1d0e-", b"6f1c1d0e"),
    ],
)
def test_what_is_no_event_of_ours_is_refused(body: bytes) -> None:
    with pytest.raises(InputError) as refused:
        decode_event(body)
    assert refused.value.code == "event.malformed"


def test_publishing_keeps_the_request_that_it_belongs_to(settings: Settings, admin: psycopg.Connection[Any]) -> None:
    async def run() -> UUID:
        async with databases(settings) as dbs:
            context = RequestContext(correlation_id="c-42", trace_parent=TRACE)
            async with dbs["auth"].transaction(context) as conn:
                return await AUTH.publish(conn, "user.registered", aggregate="user", subject="u1", data={"n": 1})

    event_id = asyncio.run(run())
    row = admin.execute(
        "SELECT correlation_id, trace_parent, payload FROM auth_schema.outbox_events WHERE event_id = %s", [event_id]
    ).fetchone()
    assert row == ("c-42", TRACE, {"n": 1})


def test_a_fact_that_is_rolled_back_leaves_no_event(settings: Settings, admin: psycopg.Connection[Any]) -> None:
    async def run() -> None:
        async with databases(settings) as dbs, dbs["auth"].transaction() as conn:
            await AUTH.publish(conn, "user.registered", aggregate="user", subject="gone", data={})
            raise LookupError

    with pytest.raises(LookupError):
        asyncio.run(run())
    found = admin.execute("SELECT FROM auth_schema.outbox_events WHERE aggregate_key = 'gone'").fetchall()
    assert found == []


@pytest.mark.parametrize("service", ["auth", "station"])
def test_every_statement_about_events_fits_the_schema(
    service: str, as_role: Callable[[str], psycopg.Connection[Any]]
) -> None:
    conn = as_role(f"{service}_app")
    assert statements_of("x").keys() == load_queries("gasolinera", "event_queries.sql").keys()
    for name, sql in statements_of(schema_of(service)).items():
        conn.execute(f"PREPARE {name} AS {sql}".encode())
