"""Problem details: the same shape for every error, stable codes, and nothing of our insides."""

from http import HTTPStatus
from typing import Any

import asyncpg
import pytest
from litestar import Litestar, get, post
from litestar.exceptions import PermissionDeniedException
from litestar.params import FromPath, JSONBody
from litestar.testing import TestClient

from gasolinera.errors import (
    EXCEPTION_HANDLERS,
    ConfigError,
    InputError,
    UnavailableError,
    UnknownError,
    unavailable,
)

SECRET = "postgresql://admin:s3cret@db/x"  # noqa: S105  # what must not be seen in an answer
RAISED: dict[str, tuple[Exception, int, str]] = {
    "input": (InputError("thing.shape", "the thing is bent", "straighten it"), 422, "thing.shape"),
    "unknown": (UnknownError("thing.unknown", "there is no such thing"), 404, "thing.unknown"),
    "later": (UnavailableError("thing.busy", "not now"), 503, "thing.busy"),
    "setup": (ConfigError("config.invalid", SECRET), 500, "internal"),
    "bug": (RuntimeError(SECRET), 500, "internal"),
    "gone": (ConnectionRefusedError(SECRET), 503, "database.unavailable"),
    "slow": (asyncpg.QueryCanceledError(SECRET), 503, "database.timeout"),
    "locked": (asyncpg.LockNotAvailableError(SECRET), 503, "database.timeout"),
    "full": (asyncpg.TooManyConnectionsError(SECRET), 503, "database.unavailable"),
    "ended": (asyncpg.InternalClientError(SECRET), 503, "database.unavailable"),
    "closed": (asyncpg.InterfaceError(f"connection is closed {SECRET}"), 503, "database.unavailable"),
    "misused": (asyncpg.InterfaceError(SECRET), 500, "internal"),
    "broken": (asyncpg.UndefinedColumnError(SECRET), 500, "internal"),
    "unmigrated": (asyncpg.UndefinedTableError(SECRET), 503, "database.misconfigured"),
    "unprivileged": (asyncpg.InsufficientPrivilegeError(SECRET), 503, "database.misconfigured"),
    "nul": (asyncpg.CharacterNotInRepertoireError(SECRET), 422, "request.unfit_text"),
    "untranslatable": (asyncpg.UntranslatableCharacterError(SECRET), 422, "request.unfit_text"),
    "denied": (PermissionDeniedException(SECRET), 403, "request.malformed"),
}


@get("/raise/{name:str}")
async def raise_route(name: FromPath[str]) -> None:
    raise RAISED[name][0]


@post("/body")
async def body_route(data: JSONBody[dict[str, int]]) -> dict[str, int]:
    return data


@pytest.fixture
def client() -> Any:
    app = Litestar([raise_route, body_route], exception_handlers=EXCEPTION_HANDLERS, logging_config=None)
    with TestClient(app, raise_server_exceptions=False) as opened:
        yield opened


@pytest.mark.parametrize("name", RAISED)
def test_an_error_becomes_a_problem_without_our_insides(name: str, client: TestClient[Litestar]) -> None:
    _, status, code = RAISED[name]
    response = client.get(f"/raise/{name}")
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert (problem["status"], problem["code"], problem["type"]) == (status, code, f"urn:gasolinera:problem:{code}")
    assert problem["title"] == HTTPStatus(status).phrase
    assert "s3cret" not in response.text


def test_a_hint_is_passed_on(client: TestClient[Litestar]) -> None:
    assert client.get("/raise/input").json()["hint"] == "straighten it"
    assert "hint" not in client.get("/raise/unknown").json()


def test_later_says_when(client: TestClient[Litestar]) -> None:
    assert client.get("/raise/later").headers["retry-after"] == "5"


def test_what_the_framework_refuses_is_a_problem_too(client: TestClient[Litestar]) -> None:
    cases = {
        "request.unknown_path": client.get("/nowhere"),
        "request.method_not_allowed": client.delete("/body"),
        "request.malformed": client.post("/body", content=b"{", headers={"content-type": "application/json"}),
        "request.invalid": client.post("/body", json={"a": "x"}),
    }
    assert {code: response.json()["code"] for code, response in cases.items()} == {code: code for code in cases}
    assert "allow" in cases["request.method_not_allowed"].headers


def test_only_trouble_with_the_database_counts_as_unavailable() -> None:
    assert unavailable(ValueError("x")) is None
    assert unavailable(asyncpg.UniqueViolationError("x")) is None
