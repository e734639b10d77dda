"""A request with an Idempotency-Key has its effect once: a small service on a real table."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from time import sleep
from typing import Annotated, Any, cast
from uuid import uuid4

import httpx
import msgspec
import psycopg
import pytest
from litestar import Litestar, Response, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter
from litestar.testing import TestClient

from gasolinera.calls import UserDirectory
from gasolinera.config import Settings
from gasolinera.database import Database, RequestContext
from gasolinera.errors import ConflictError, GoneError
from gasolinera.parts import Parts
from gasolinera.routing import service_router
from tests.applications import create_app

IDEMPOTENT = {"idempotent": True, "open": True}
_INSERT = """
INSERT INTO station_schema.effects (note, request) VALUES ($1, station_schema.request_context('correlation_id'))
"""


class Note(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    note: Annotated[str, msgspec.Meta(min_length=1)]


class Made(msgspec.Struct, frozen=True):
    id: int
    note: str


@post("/notes", opt=IDEMPOTENT)
async def make_route(
    data: JSONBody[Note], db: NamedDependency[Database], context: NamedDependency[RequestContext]
) -> Response[Made]:
    async with db.transaction(context) as conn:
        made = await conn.fetchval(_INSERT + " RETURNING id", data.note)
        await conn.execute("SELECT pg_sleep(0.02)")
    return Response(Made(made, data.note), headers={"location": f"/test/notes/{made}"})


@post("/refused/{how:str}", opt=IDEMPOTENT)
async def refuse_route(
    how: Annotated[str, PathParameter()], db: NamedDependency[Database], context: NamedDependency[RequestContext]
) -> None:
    async with db.transaction(context) as conn:
        await conn.execute(_INSERT, how)
        if how == "inside":
            raise ConflictError("thing.taken", "somebody has it")
    if how == "bug":
        raise RuntimeError(how)
    raise GoneError("thing.gone", "it is over")  # a refusal that is recorded


@post("/plain")
async def plain_route(db: NamedDependency[Database]) -> None:
    async with db.transaction() as conn:
        await conn.execute(_INSERT, "plain")


@post("/asked", opt=IDEMPOTENT)
async def ask_route(
    db: NamedDependency[Database], context: NamedDependency[RequestContext], users: NamedDependency[UserDirectory]
) -> Made:
    assert await users.find(uuid4()) is not None
    async with db.transaction(context) as conn:
        return Made(await conn.fetchval(_INSERT + " RETURNING id", "asked"), "asked")


@get("/notes", opt={"open": True})
async def count_route(db: NamedDependency[Database]) -> int:
    async with db.connection() as conn:
        return await conn.fetchval("SELECT count(*) FROM station_schema.effects")


PARTS = Parts(
    name="station",
    schema="station_schema",
    routers=(service_router("station", "/test", [make_route, refuse_route, plain_route, ask_route, count_route]),),
)


@pytest.fixture
def app(settings: Settings, admin: psycopg.Connection[Any]) -> Litestar:
    admin.execute(
        "CREATE TABLE station_schema.effects (id bigint GENERATED ALWAYS AS IDENTITY, note text, request text);"
        "GRANT SELECT, INSERT ON station_schema.effects TO station_app"
    )
    return create_app(settings, (PARTS,))


@pytest.fixture
def client(app: Litestar) -> Generator[TestClient[Litestar]]:
    with TestClient(app, raise_server_exceptions=False) as opened:
        yield opened


def effects(admin: psycopg.Connection[Any]) -> int:
    row = admin.execute("SELECT count(*) FROM station_schema.effects").fetchone()
    assert row is not None
    return row[0]


def kept(admin: psycopg.Connection[Any]) -> int:
    row = admin.execute("SELECT count(*) FROM station_schema.idempotency_keys").fetchone()
    assert row is not None
    return row[0]


def with_key(key: str) -> dict[str, str]:
    return {"idempotency-key": key}


def test_a_repetition_gets_the_same_answer_and_has_no_effect(
    client: TestClient[Litestar], admin: psycopg.Connection[Any]
) -> None:
    first = client.post("/test/notes", json={"note": "a"}, headers=with_key("k1"))
    again = client.post("/test/notes", json={"note": "a"}, headers=with_key("k1"))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["content-type"] == first.headers["content-type"]
    assert again.headers["content-length"] == first.headers["content-length"]
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert (effects(admin), kept(admin)) == (1, 1)


def test_another_key_is_another_request(client: TestClient[Litestar], admin: psycopg.Connection[Any]) -> None:
    for key in ("k1", "k2"):
        assert client.post("/test/notes", json={"note": "a"}, headers=with_key(key)).status_code == 201
    assert client.post("/test/refused/recorded", headers=with_key("k1")).status_code == 410  # another route
    assert effects(admin) == 3


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "idempotency.missing"),
        (with_key(""), "idempotency.missing"),
        (with_key('""'), "idempotency.missing"),
        (with_key("x" * 256), "idempotency.malformed"),
        ({"idempotency-key": b"\xff"}, "idempotency.malformed"),
        (with_key("a\tb"), "idempotency.malformed"),
    ],
)
def test_the_key_must_be_there_and_sound(
    headers: Any, code: str, client: TestClient[Litestar], admin: psycopg.Connection[Any]
) -> None:
    answer = client.post("/test/notes", json={"note": "a"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert effects(admin) == 0


def test_the_longest_key_is_good_and_quotes_are_no_part_of_it(
    client: TestClient[Litestar], admin: psycopg.Connection[Any]
) -> None:
    for key in ("x" * 255, f'"{"x" * 255}"'):
        assert client.post("/test/notes", json={"note": "a"}, headers=with_key(key)).status_code == 201
    assert effects(admin) == 1


def test_a_key_stands_for_one_payload(client: TestClient[Litestar], admin: psycopg.Connection[Any]) -> None:
    client.post("/test/notes", json={"note": "a"}, headers=with_key("k"))
    other = client.post("/test/notes", json={"note": "b"}, headers=with_key("k"))
    assert (other.status_code, other.json()["code"]) == (422, "idempotency.other_payload")
    client.post("/test/refused/recorded", headers=with_key("k"))
    elsewhere = client.post("/test/refused/inside", headers=with_key("k"))  # the same route, another address
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (422, "idempotency.other_payload")


def test_nothing_is_kept_of_a_request_that_was_wrong(
    client: TestClient[Litestar], admin: psycopg.Connection[Any]
) -> None:
    wrong = client.post("/test/notes", json={"note": ""}, headers=with_key("k"))
    assert wrong.status_code == 422
    assert kept(admin) == 0
    assert client.post("/test/notes", json={"note": "right"}, headers=with_key("k")).status_code == 201


def test_what_raised_inside_its_transaction_leaves_nothing_and_may_be_tried_again(
    client: TestClient[Litestar], admin: psycopg.Connection[Any]
) -> None:
    for _ in range(2):
        answer = client.post("/test/refused/inside", headers=with_key("k"))
        assert (answer.status_code, answer.json()["code"]) == (409, "thing.taken")
        assert "idempotent-replayed" not in answer.headers
    assert (effects(admin), kept(admin)) == (0, 0)


def test_an_error_on_our_side_takes_everything_back(
    client: TestClient[Litestar], admin: psycopg.Connection[Any]
) -> None:
    for _ in range(2):
        assert client.post("/test/refused/bug", headers=with_key("k")).status_code == 500
    assert (effects(admin), kept(admin)) == (0, 0)


def test_a_refusal_that_is_recorded_is_recorded_once_and_given_again(
    client: TestClient[Litestar], admin: psycopg.Connection[Any]
) -> None:
    first, again = (client.post("/test/refused/recorded", headers=with_key("k")) for _ in range(2))
    assert (first.status_code, first.json()["code"]) == (410, "thing.gone")
    assert (again.status_code, again.content) == (410, first.content)
    assert again.headers["content-type"] == "application/problem+json"
    assert again.headers["idempotent-replayed"] == "true"
    assert effects(admin) == 1


def test_a_route_that_is_not_idempotent_pays_no_heed(
    client: TestClient[Litestar], admin: psycopg.Connection[Any]
) -> None:
    for _ in range(2):
        assert client.post("/test/plain", headers=with_key("k")).status_code == 201
    assert (effects(admin), kept(admin)) == (2, 0)


def test_the_context_of_the_request_is_in_its_transaction(
    client: TestClient[Litestar], admin: psycopg.Connection[Any]
) -> None:
    client.post("/test/notes", json={"note": "a"}, headers={"idempotency-key": "k", "x-correlation-id": "order-7"})
    assert admin.execute("SELECT request FROM station_schema.effects").fetchall() == [("order-7",)]


def test_the_kept_answer_cannot_be_read_without_the_key(
    client: TestClient[Litestar], admin: psycopg.Connection[Any]
) -> None:
    key = str(uuid4())
    client.post("/test/notes", json={"note": "a secret note"}, headers=with_key(key))
    row = admin.execute("SELECT key_hash, answer FROM station_schema.idempotency_keys").fetchone()
    assert row is not None
    assert b"secret" not in row[1]
    assert key.encode() not in row[0] + row[1]
    assert row[0] != hashlib.sha256(key.encode()).digest()


@asynccontextmanager
async def connected(app: Litestar) -> AsyncGenerator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(cast("Any", app))
    async with app.lifespan(), httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


def test_fifty_at_once_with_one_key_have_one_effect(app: Litestar, admin: psycopg.Connection[Any]) -> None:
    async def storm() -> list[httpx.Response]:
        async with connected(app) as client:
            asks = [client.post("/test/notes", json={"note": "a"}, headers=with_key("k")) for _ in range(50)]
            return await asyncio.gather(*asks)

    answers = asyncio.run(storm())
    assert effects(admin) == 1
    made = [answer for answer in answers if answer.status_code == 201]
    assert len({answer.content for answer in made}) == 1
    assert sum("idempotent-replayed" not in answer.headers for answer in made) == 1
    others = {(answer.status_code, answer.json()["code"]) for answer in answers if answer.status_code != 201}
    assert others <= {(409, "idempotency.running")}


def test_two_processes_at_once_have_one_effect(
    settings: Settings, app: Litestar, admin: psycopg.Connection[Any]
) -> None:
    """Each its own pool; a second application is what a second process would be."""
    other = create_app(settings, (PARTS,))

    async def race() -> None:
        async with connected(app) as one, connected(other) as two:
            for number in range(20):
                headers = with_key(f"k{number}")
                asks = [client.post("/test/notes", json={"note": "a"}, headers=headers) for client in (one, two) * 3]
                statuses = {answer.status_code for answer in await asyncio.gather(*asks)}
                assert 201 in statuses
                assert statuses <= {201, 409}

    asyncio.run(race())
    assert (effects(admin), kept(admin)) == (20, 20)


def test_one_that_runs_is_told_and_one_that_died_leaves_the_key_free(
    app: Litestar, admin: psycopg.Connection[Any]
) -> None:
    waiting = "FROM pg_locks WHERE NOT granted AND relation = 'station_schema.effects'::regclass"

    async def die() -> tuple[httpx.Response, httpx.Response]:
        async with connected(app) as client:
            with admin.transaction():
                admin.execute("LOCK TABLE station_schema.effects IN ACCESS EXCLUSIVE MODE")
                first = asyncio.create_task(client.post("/test/notes", json={"note": "a"}, headers=with_key("k")))
                while not admin.execute(f"SELECT 1 {waiting}".encode()).fetchone():  # noqa: ASYNC110  a lock tells nobody
                    await asyncio.sleep(0.01)
                running = await client.post("/test/notes", json={"note": "a"}, headers=with_key("k"))
                assert (running.status_code, running.json()["code"]) == (409, "idempotency.running")
                admin.execute(f"SELECT pg_terminate_backend(pid) {waiting}".encode())
            return await first, await client.post("/test/notes", json={"note": "a"}, headers=with_key("k"))

    died, again = asyncio.run(die())
    assert died.status_code == 503
    assert again.status_code == 201
    assert effects(admin) == 1


class _Slow(BaseHTTPRequestHandler):
    """An auth service that thinks for long about everybody, and then knows them."""

    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        sleep(1.0)
        body = b'{"public_id": "a0000000-0000-4000-8000-000000000022", "role": "EMPLOYEE", "active": true}'
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class names it
        pass


@contextmanager
def slow_auth() -> Generator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Slow) as server:
        serving = Thread(target=server.serve_forever)
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            serving.join()


def test_no_connection_is_held_while_another_service_is_asked(
    settings: Settings, app: Litestar, admin: psycopg.Connection[Any]
) -> None:
    async def run(slow: Litestar) -> tuple[list[httpx.Response], httpx.Response, float, httpx.Response, int]:
        async with connected(slow) as client:
            asks = [asyncio.create_task(client.post("/test/asked", headers=with_key(f"k{n}"))) for n in range(8)]
            await asyncio.sleep(0.3)
            started = asyncio.get_running_loop().time()
            read = await client.get("/test/notes")
            took_s = asyncio.get_running_loop().time() - started
            answers = await asyncio.gather(*asks)
            asked = _Slow.asked
            again = await client.post("/test/asked", headers=with_key("k0"))
            return answers, read, took_s, again, _Slow.asked - asked

    with slow_auth() as url:
        narrow = settings.model_copy(update={"auth_url": url, "pool_max_size": 2})
        answers, read, took_s, again, asked_again = asyncio.run(run(create_app(narrow, (PARTS,))))
    assert (read.status_code, read.json()) == (200, 0)
    assert took_s < 0.5
    assert [answer.status_code for answer in answers] == [201] * 8
    assert (again.json(), again.headers["idempotent-replayed"]) == (answers[0].json(), "true")
    assert asked_again == 0  # the answer is known, whatever the other service would say now
    assert effects(admin) == 8


def test_old_answers_are_forgotten_and_young_ones_cannot_be(
    client: TestClient[Litestar], admin: psycopg.Connection[Any], as_role: Any
) -> None:
    for key in ("young", "old"):
        client.post("/test/notes", json={"note": key}, headers=with_key(key))
    admin.execute(
        "UPDATE station_schema.idempotency_keys SET created_at = now() - interval '25 hours 1 minute' "
        "WHERE created_at = (SELECT max(created_at) FROM station_schema.idempotency_keys)"
    )
    service = as_role("station_app")
    assert service.execute("SELECT station_schema.forget_old_requests()").fetchone() == (1,)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        service.execute("DELETE FROM station_schema.idempotency_keys")
    assert client.post("/test/notes", json={"note": "young"}, headers=with_key("young")).headers["idempotent-replayed"]
    assert client.post("/test/notes", json={"note": "old"}, headers=with_key("old")).status_code == 201
    assert effects(admin) == 3
