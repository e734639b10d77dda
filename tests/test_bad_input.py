"""Whatever comes in a body, the answer is a problem that says what is wrong, and never a 500."""

import asyncio
from collections.abc import Generator
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, cast

import msgspec
import pytest
from litestar import Litestar, post
from litestar.params import JSONBody
from litestar.testing import TestClient

from gasolinera.config import Settings
from gasolinera.parts import Parts
from gasolinera.routing import service_router
from gasolinera.texts import text
from tests.applications import create_app

NOWHERE = Settings.model_validate({"environment": "test", "database_url": "postgresql://x@127.0.0.1:1/x"})
GOOD: dict[str, Any] = {"name": "a", "kind": "BIG", "count": 1, "price": "1.50", "day": "2026-01-31"}


class Kind(StrEnum):
    BIG = "BIG"


class Thing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Annotated[str, text(20)]
    kind: Kind
    count: Annotated[int, msgspec.Meta(ge=0, le=1000)]
    price: Decimal
    day: date


@post("/things", opt={"open": True}, request_max_body_size=2000)
async def thing_route(data: JSONBody[Thing]) -> Thing:
    return data


@pytest.fixture(scope="module")
def client() -> Generator[TestClient[Litestar]]:
    router = service_router("station", "/test", [thing_route])
    parts = Parts(name="station", schema="station_schema", routers=(router,))
    with TestClient(create_app(NOWHERE, (parts,)), raise_server_exceptions=False) as opened:
        yield opened


def send(client: TestClient[Litestar], body: bytes, kind: str = "application/json") -> tuple[int, str]:
    answer = client.post("/test/things", content=body, headers={"content-type": kind})
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["code"]


def test_a_good_body_is_taken(client: TestClient[Litestar]) -> None:
    for kind in ("application/json", "application/json; charset=utf-8", "Application/JSON"):
        answer = client.post("/test/things", content=msgspec.json.encode(GOOD), headers={"content-type": kind})
        assert (answer.status_code, answer.json()) == (201, GOOD)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"{'a': 1}",
        b'{"name": }',
        b'\xff\xfe{"name": 1}',
        b'{"name": "\xff"}',
        b'{"name": "\\ud800"}',
        b"NaN",
        b'{"count": 1e}',
        b"[" * 1999,
        b'{"a":' * 350,
    ],
)
def test_what_is_not_json_is_told(body: bytes, client: TestClient[Litestar]) -> None:
    assert send(client, body) == (400, "request.malformed")


@pytest.mark.parametrize("body", [b"", b"null", b"1", b'"x"', b"[]", b"{}", b"[" * 900 + b"]" * 900])
def test_json_of_another_shape_is_told(body: bytes, client: TestClient[Litestar]) -> None:
    status, code = send(client, body)
    assert (status, code) in ((422, "request.invalid"), (400, "request.malformed"))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", None),
        ("name", 1),
        ("name", ["a"]),
        ("name", ""),
        ("name", "x" * 21),
        ("name", "a\0b"),
        ("name", "a\nb"),
        ("kind", "SMALL"),
        ("kind", 1),
        ("count", 1.5),
        ("count", True),
        ("count", -1),
        ("count", 10**30),
        ("count", 1e308),
        ("price", "x"),
        ("price", {}),
        ("day", "2026-02-30"),
        ("day", "99999-01-01"),
        ("stranger", 1),
        ("__class__", "x"),
    ],
)
def test_a_wrong_value_is_told(field: str, value: Any, client: TestClient[Litestar]) -> None:
    answer = client.post("/test/things", json=GOOD | {field: value})
    assert (answer.status_code, answer.json()["code"]) == (422, "request.invalid")
    errors = answer.json()["errors"]
    assert errors
    assert all(error["message"] for error in errors)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "json"])
def test_a_body_of_another_kind_is_refused(kind: str, client: TestClient[Litestar]) -> None:
    assert send(client, msgspec.json.encode(GOOD), kind) == (415, "request.media_type")


def test_a_body_that_is_too_large_is_refused(client: TestClient[Litestar]) -> None:
    assert send(client, b" " * 2001) == (413, "request.too_large")
    chunks = (b" " * 500 for _ in range(5))  # its length is not announced
    answer = client.post("/test/things", content=chunks, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (413, "request.too_large")


@pytest.mark.parametrize("path", ["/test/things/%00", "/%00", "/test/things/..%2f", "//", "/test/things/\u00e9"])
def test_an_address_that_nobody_has_is_not_found(path: str, client: TestClient[Litestar]) -> None:
    answer = client.post(f"http://testserver{path}", json=GOOD)
    assert (answer.status_code, answer.json()["code"]) == (404, "request.unknown_path")


def test_a_header_that_makes_no_sense_is_no_trouble(client: TestClient[Litestar]) -> None:
    for name, value in (("host", b"\xff"), ("accept", b"\xff"), ("cookie", b"\xff=;;"), ("x-forwarded-for", b"\xff")):
        assert client.post("/test/things", json=GOOD, headers={name: value}).status_code in (201, 400)  # type: ignore[dict-item]


def test_who_leaves_while_sending_is_no_bug_of_ours(
    client: TestClient[Litestar], capfd: pytest.CaptureFixture[str]
) -> None:
    sent: list[Any] = []
    parts = [{"type": "http.request", "body": b'{"name"', "more_body": True}, {"type": "http.disconnect"}]
    headers = [(b"content-type", b"application/json"), (b"content-length", b"100")]
    scope: Any = {
        "type": "http",
        "method": "POST",
        "path": "/test/things",
        "raw_path": b"/test/things",
        "headers": headers,
    }
    scope |= {
        "raw_path": b"/test/things",
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "server": ("testserver", 80),
        "client": ("x", 1),
    }
    scope |= {"http_version": "1.1", "asgi": {"version": "3.0"}, "extensions": {}, "state": {}}

    async def receive() -> Any:
        return parts.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    application = cast("Any", client).app
    asyncio.run(application(scope, receive, send))
    assert sent[0]["status"] == 400
    assert "unexpected_error" not in "".join(capfd.readouterr())
