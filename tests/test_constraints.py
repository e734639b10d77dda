"""A refusal by a constraint: what the one who asked is told, and what is counted."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest
from litestar import Litestar, post
from litestar.datastructures import State
from litestar.params import FromPath
from litestar.testing import TestClient
from structlog.testing import capture_logs

from gasolinera.config import Settings
from gasolinera.database import Connection, open_database
from gasolinera.errors import EXCEPTION_HANDLERS, ConflictError, Refusals
from gasolinera.metrics import REGISTRY

COPY = (
    "INSERT INTO station_schema.stations (station_code, name, station_type, status, country, location, city, state)"
    " SELECT 'JSM001', 'Twin', station_type, status, country, location, city, state"
    " FROM station_schema.stations WHERE station_code = 'JSM002'"
)
STATEMENTS = {
    "unique": COPY,
    "check": "UPDATE station_schema.stations SET status = 'SECRET' WHERE station_code = 'JSM001'",
    "not_null": "UPDATE station_schema.stations SET name = NULL WHERE station_code = 'JSM001'",
}
REFUSALS: Refusals = {
    ("station_schema", "stations_station_code_key"): lambda: ConflictError("station.exists", "the code is taken")
}


@post("/{name:str}")
async def statement_route(name: FromPath[str], state: State) -> None:
    async with state["db"].transaction() as conn:
        await conn.execute(STATEMENTS[name])


def client_of(settings: Settings, refusals: Refusals) -> TestClient[Litestar]:
    @asynccontextmanager
    async def opened(app: Litestar) -> AsyncGenerator[None]:
        async with open_database(settings, "station") as db:
            app.state["db"] = db
            yield

    state = State({"refusals": refusals})
    return TestClient(
        Litestar(
            [statement_route],
            lifespan=[opened],
            state=state,
            exception_handlers=EXCEPTION_HANDLERS,
            logging_config=None,
        ),
        raise_server_exceptions=False,
    )


def violations(constraint: str) -> float:
    return REGISTRY.get_sample_value("db_constraint_violations_total", {"constraint": constraint}) or 0.0


@pytest.fixture(autouse=True)
def granted(admin: psycopg.Connection[Any]) -> None:
    admin.execute("GRANT INSERT, UPDATE ON station_schema.stations TO station_app")


def test_a_service_says_what_breaking_its_constraint_means(settings: Settings) -> None:
    before = violations("stations_station_code_key")
    with client_of(settings, REFUSALS) as client:
        response = client.post("/unique")
    assert (response.status_code, response.json()["code"]) == (409, "station.exists")
    assert violations("stations_station_code_key") == before + 1


@pytest.mark.parametrize(("name", "status"), [("unique", 409), ("check", 422), ("not_null", 422)])
def test_a_constraint_that_nobody_mapped_is_a_problem_without_our_insides(
    name: str, status: int, settings: Settings
) -> None:
    with capture_logs() as logs, client_of(settings, {}) as client:
        response = client.post(f"/{name}")
    assert (response.status_code, response.json()["code"]) == (status, "database.constraint")
    assert "station" not in response.json()["detail"]
    (warning,) = [line for line in logs if line["event"] == "constraint_unmapped"]
    assert warning["schema"] == "station_schema"
    assert "SECRET" not in str(warning)


def test_a_partitions_constraint_counts_as_that_of_its_table(
    settings: Settings, admin: psycopg.Connection[Any]
) -> None:
    admin.execute("""
        CREATE TABLE station_schema.visits_2026_11 (id int CONSTRAINT visits_2026_11_pkey PRIMARY KEY);
        GRANT INSERT ON station_schema.visits_2026_11 TO station_app
    """)
    before = violations("visits_pkey")

    async def work(conn: Connection) -> None:
        await conn.execute("INSERT INTO station_schema.visits_2026_11 VALUES (1), (1)")

    async def run() -> None:
        async with open_database(settings, "station") as db:
            with pytest.raises(Exception, match="visits_2026_11_pkey"):
                await db.run(work)
            await asyncio.sleep(0.01)  # the driver tells of a statement after it

    asyncio.run(run())
    assert violations("visits_pkey") == before + 1
