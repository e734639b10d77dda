"""The application as a whole: health, readiness, the OpenAPI document, and starting without a database."""

import gc
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from litestar import Litestar
from litestar.testing import TestClient

import gasolinera
from gasolinera.app import ALL_PARTS, create_app
from gasolinera.config import Settings
from gasolinera.station.parts import PARTS as STATION

NOWHERE = Settings.model_validate({"environment": "test", "database_url": "postgresql://x@127.0.0.1:1/x"})


def test_a_migrated_database_makes_it_ready(settings: Settings) -> None:
    with TestClient(create_app(settings)) as client:
        assert client.get("/health/live").json() == {"status": "live"}
        response = client.get("/health/ready")
        assert (response.status_code, response.json()) == (200, {"status": "ready"})


def test_a_missing_migration_makes_it_not_ready(settings: Settings, admin: psycopg.Connection[Any]) -> None:
    admin.execute("DELETE FROM station_schema.flyway_schema_history WHERE version = '1'")
    with TestClient(create_app(settings)) as client:
        response = client.get("/health/ready")
        assert (response.status_code, response.json()["code"]) == (503, "ready.migrations")
        assert client.get("/health/live").status_code == 200


def test_without_a_database_it_lives_and_says_so() -> None:
    with TestClient(create_app(NOWHERE), raise_server_exceptions=False) as client:
        assert client.get("/health/live").status_code == 200
        ready = client.get("/health/ready")
        assert (ready.status_code, ready.json()["code"]) == (503, "ready.database")
        listed = client.get("/api/stations")
        assert (listed.status_code, listed.json()["code"]) == (503, "database.unavailable")


def test_every_route_documents_its_problems_and_has_examples() -> None:
    document = msgspec.to_builtins(create_app(Settings()).openapi_schema.to_schema())
    for path, operations in document["paths"].items():
        if not path.startswith("/api/"):
            continue
        for operation in operations.values():
            assert operation["summary"]
            answers = operation["responses"]
            assert {"400", "422", "503", "504"} <= answers.keys()
            for status, answer in answers.items():
                for kind, body in answer.get("content", {}).items():
                    assert body["examples"], (path, status)
                    assert kind == "application/problem+json" or status < "300", (path, status)


@pytest.mark.parametrize("settings_without", [NOWHERE, Settings()])
def test_making_the_application_opens_nothing(settings_without: Settings) -> None:
    assert create_app(settings_without).routes


def test_the_services_that_keep_templates_are_those_that_have_pages() -> None:
    keep = {folder.parent.name for folder in Path(gasolinera.__file__).parent.glob("*/templates")} - {"web", "ops"}
    assert {part.name for part in ALL_PARTS if part.has_pages} == keep


def test_a_process_whose_services_have_no_pages_still_shows_a_browser_what_went_wrong() -> None:
    with TestClient(create_app(NOWHERE, (STATION,)), raise_server_exceptions=False) as client:
        page = client.get("/nothing", headers={"accept": "text/html"})
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")


def test_head_answers_like_get_without_a_body(settings: Settings) -> None:
    with TestClient(create_app(settings)) as client:
        for path in ("/health/live", "/api/stations", "/api/stations/JSM001"):
            got, head = client.get(path), client.head(path)
            assert (head.status_code, head.headers["content-type"]) == (got.status_code, got.headers["content-type"])
            assert head.content == b""
        assert client.head("/nothing").status_code == 404


def test_a_role_without_its_rights_is_a_503_and_no_bug(settings: Settings, admin: psycopg.Connection[Any]) -> None:
    admin.execute("REVOKE SELECT ON station_schema.stations FROM station_app")
    with TestClient(create_app(settings)) as client:
        answer = client.get("/api/stations")
        assert (answer.status_code, answer.json()["code"]) == (503, "database.misconfigured")


def test_a_line_end_is_no_part_of_a_filter(settings: Settings) -> None:
    with TestClient(create_app(settings)) as client:
        for query in ("cursor=JSM001%0A", "city=a%0A", "state=%0A"):
            assert client.get(f"/api/stations?{query}").status_code == 422


def test_an_application_that_was_closed_leaves_nothing_behind() -> None:
    def served() -> None:
        with TestClient(create_app(NOWHERE, (STATION,)), raise_server_exceptions=False) as client:
            client.get("/api/stations", params={"limit": 3})
            client.post("/api/stations", json={})

    served()
    gc.collect()
    before = sum(isinstance(one, Litestar) for one in gc.get_objects())
    for _ in range(3):
        served()
    gc.collect()
    assert sum(isinstance(one, Litestar) for one in gc.get_objects()) <= before
