"""The API's reference: rendered by us, whole, and without a fault in a browser's eyes."""

from collections.abc import Generator
from threading import Thread
from time import sleep
from typing import Any

import msgspec
import pytest
import uvicorn
from litestar.testing import TestClient
from playwright.sync_api import Browser

from gasolinera import reference
from gasolinera.config import Settings
from tests.applications import create_app

NOWHERE = Settings.model_validate({"environment": "test", "database_url": "postgresql://x@127.0.0.1:1/x"})


@pytest.fixture(scope="module")
def url() -> Generator[str]:
    """The application behind a real server, which a browser needs."""
    config = uvicorn.Config(create_app(NOWHERE), host="127.0.0.1", port=0, log_config=None, lifespan="on")
    server = uvicorn.Server(config)
    thread = Thread(target=server.run)
    thread.start()
    while not server.started:
        sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


def test_every_operation_of_the_document_is_on_the_page() -> None:
    with TestClient(create_app(NOWHERE)) as client:
        document = client.get("/openapi.json").json()
        page = client.get("/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for path, operations in document["paths"].items():
        assert f"<code>{path}</code>" in page.text
        for operation in operations.values():
            assert page.text.count(f'id="{operation["operationId"]}"') == 1


def test_the_document_is_json_and_nothing_lies_below_it() -> None:
    with TestClient(create_app(NOWHERE)) as client:
        answer = client.get("/openapi.json")
        assert answer.headers["content-type"].startswith("application/json")
        assert answer.json()["openapi"].startswith("3.1")
        for path in ("/openapi.json/anything", "/openapi.json/openapi.json", "/schema", "/docs/none.css", "/swagger"):
            missing = client.get(path)
            assert (missing.status_code, missing.json()["code"]) == (404, "request.unknown_path")


def test_what_a_document_says_cannot_become_markup() -> None:
    evil = "<script>alert(1)</script>"
    schema = {"type": "object", "properties": {evil: {"type": "string", "description": evil}}}
    operation = {
        "operationId": "x",
        "summary": evil,
        "description": evil,
        "requestBody": {"content": {"application/json": {"schema": schema}}},
        "responses": {"200": {"description": evil, "content": {"a": {"examples": {"e": {"value": {evil: evil}}}}}}},
    }
    page = reference.render(
        {"info": {"title": "t", "version": "1", "description": ""}, "paths": {"/": {"get": operation}}}
    )
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 5


def test_the_fields_of_a_nested_body_are_listed_by_path() -> None:
    schemas: dict[str, Any] = {
        "Order": {
            "type": "object",
            "required": ["lines"],
            "properties": {"lines": {"type": "array", "items": {"$ref": "#/components/schemas/Line"}}},
        },
        "Line": {"type": "object", "properties": {"litres": {"type": "number", "exclusiveMinimum": 0, "maximum": 200}}},
    }
    body = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}}}
    document = {
        "paths": {"/o": {"post": {"operationId": "o", "requestBody": body, "responses": {}}}},
        "components": {"schemas": schemas},
    }
    (chapter,) = reference.chapters_of(document)
    fields = {field.name: (field.kind, field.is_required) for field in chapter.operations[0].body}
    assert fields == {"lines": ("list of object", True), "lines[].litres": ("number > 0, ≤ 200", False)}


def test_a_browser_renders_it_without_complaint_and_asks_nobody_else(url: str, browser: Browser) -> None:
    complaints: list[str] = []
    asked: list[str] = []
    page = browser.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(request.url))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{url}/docs")
    articles = page.locator("article")
    links = page.locator("nav a")
    assert articles.count() == links.count() > 0
    assert page.evaluate("getComputedStyle(document.body).display") == "grid"  # the style sheet was let in
    links.last.click()
    assert page.locator("article:target").count() == 1
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert complaints == []
    assert {address for address in asked if not address.startswith((url, "data:"))} == set()


def test_the_whole_document_can_be_decoded() -> None:
    document = create_app(NOWHERE).openapi_schema.to_schema()
    assert msgspec.json.decode(msgspec.json.encode(document))["info"]["title"] == "Gasolinera JSM"
