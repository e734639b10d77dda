"""What every request passes: ids, addresses, headers, time and limits per process."""

import asyncio
from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar import Litestar, Request, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromQuery
from litestar.testing import TestClient

from gasolinera.app import state_of
from gasolinera.config import Settings
from gasolinera.database import RequestContext
from gasolinera.edge import around, layers
from gasolinera.errors import EXCEPTION_HANDLERS, TooManyError
from gasolinera.limits import Limit, SlidingWindows, network_of, take_for_phone
from gasolinera.requests import client_address, provide_context

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
Client = TestClient[Litestar]
seen: list[str] = []  # what a route that was given up has to say


@get("/context")
async def context_route(context: NamedDependency[RequestContext]) -> RequestContext:
    return context


@get("/page")
async def page_route() -> str:
    return "page"


@post("/tokens")
async def tokens_route() -> str:
    return "a token"


@get("/slow", opt={"timeout_s": 0.05})
async def slow_route() -> None:
    try:
        await asyncio.sleep(5)
    except asyncio.CancelledError:
        seen.append("was cancelled")
        raise


@get("/limited", opt={"limits": (Limit("ip", 2, 60), Limit("user", 1, 60))})
async def limited_route() -> None:
    pass


@get("/phone", opt={"limits": (Limit("phone", 1, 60),)})
async def phone_route(request: Request[Any, Any, Any], number: FromQuery[str]) -> None:
    take_for_phone(request, number)


def app_with(**settings: Any) -> Litestar:
    given_settings = Settings.model_validate({"environment": "test", **settings})
    app = Litestar(
        [context_route, page_route, tokens_route, slow_route, limited_route, phone_route],
        dependencies={"context": Provide(provide_context, sync_to_thread=False)},
        middleware=layers(given_settings),
        state=state_of(given_settings),
        exception_handlers=EXCEPTION_HANDLERS,
        logging_config=None,
        openapi_config=None,
    )
    app.asgi_handler = around(app.asgi_handler, given_settings)
    return app


@pytest.fixture
def client() -> Generator[Client]:
    with TestClient(app_with(), raise_server_exceptions=False) as opened:
        yield opened


def test_an_id_comes_in_goes_to_the_triggers_and_goes_out(client: Client) -> None:
    answer = client.get("/context", headers={"x-correlation-id": "pump-7:42", "traceparent": PARENT})
    assert answer.headers["x-correlation-id"] == answer.json()["correlation_id"] == "pump-7:42"
    version, trace, span, flags = answer.json()["trace_parent"].split("-")
    assert (version, trace, flags) == ("00", TRACE, "01")
    assert span not in PARENT
    assert len(span) == 16


@pytest.mark.parametrize("wrong", ["", "a b", "x" * 129, "a\tb", "<script>", b"\xff"])
def test_an_id_that_is_not_sound_is_made_anew(wrong: Any, client: Client) -> None:
    answer = client.get("/context", headers={"x-correlation-id": wrong})
    assert len(answer.headers["x-correlation-id"]) == 32
    assert answer.json()["trace_parent"].split("-")[1] == answer.headers["x-correlation-id"]


@pytest.mark.parametrize(
    "wrong",
    ["", "x", f"ff-{TRACE}-00f067aa0ba902b7-01", f"00-{'0' * 32}-00f067aa0ba902b7-01", f"00-{TRACE}-{'0' * 16}-01",
     PARENT.upper(), f"{PARENT}-more"],
)  # fmt: skip
def test_a_trace_that_is_not_sound_begins_anew(wrong: str, client: Client) -> None:
    assert TRACE not in client.get("/context", headers={"traceparent": wrong}).json()["trace_parent"]


def test_a_later_version_of_the_trace_header_is_understood(client: Client) -> None:
    later = f"01-{TRACE}-00f067aa0ba902b7-00-what-comes-later"
    assert client.get("/context", headers={"traceparent": later}).json()["trace_parent"].startswith(f"00-{TRACE}-")


def test_refusals_have_ids_and_headers_too(client: Client) -> None:
    for path in ("/nowhere", "/slow", "/page"):
        answer = client.get(path)
        assert len(answer.headers["x-correlation-id"]) == 32
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "max-age" in answer.headers["strict-transport-security"]
        assert answer.headers.get_list("x-correlation-id") == [answer.headers["x-correlation-id"]]


def test_what_belongs_to_a_person_is_never_cached(client: Client) -> None:
    assert "cache-control" not in client.get("/page").headers
    assert client.get("/nowhere").headers["cache-control"] == "no-store"
    assert client.post("/tokens").headers["cache-control"] == "no-store"
    for name in ("authorization", "x-api-key", "cookie"):
        assert client.get("/page", headers={name: "x=1"}).headers["cache-control"] == "no-store"


def test_a_developer_is_not_held_to_https() -> None:
    with TestClient(app_with(environment="development")) as client:
        assert "strict-transport-security" not in client.get("/page").headers


@pytest.mark.parametrize(
    ("forwarded", "proxies", "seen"),
    [
        ([], 0, "10.0.0.1"),
        (["1.2.3.4"], 0, "10.0.0.1"),
        (["1.2.3.4"], 1, "1.2.3.4"),
        (["6.6.6.6", "1.2.3.4"], 1, "1.2.3.4"),  # what the client itself claims comes first
        (["6.6.6.6", " 1.2.3.4 ", "10.0.0.9"], 2, "1.2.3.4"),
        (["1.2.3.4"], 2, "10.0.0.1"),  # around a proxy
        (["[2001:db8::1]"], 1, "2001:db8::1"),
        (["::ffff:1.2.3.4"], 1, "1.2.3.4"),
        (["fe80::1%eth0"], 1, "fe80::1"),
        (["unknown"], 1, "10.0.0.1"),
        (["1.2.3.4'--"], 1, "10.0.0.1"),
    ],
)
def test_the_client_is_as_many_places_from_the_end_as_proxies_are_trusted(
    forwarded: list[str], proxies: int, seen: str
) -> None:
    assert client_address("10.0.0.1", forwarded, proxies) == seen


def test_without_any_address_there_is_none() -> None:
    assert client_address("", [], 0) is None
    assert network_of(None) == "unknown"
    assert network_of("2001:db8:1:2:3::4") == "2001:db8:1:2::/64"


def test_the_context_holds_where_a_request_came_from() -> None:
    with TestClient(app_with(trusted_proxies=1)) as client:
        agent = "Bomba/1.0\x7f\t" + "x" * 600
        found = client.get("/context", headers={"user-agent": agent, "x-forwarded-for": "6.6.6.6, 1.2.3.4"}).json()
    assert found["ip_address"] == "1.2.3.4"
    assert found["user_agent"].startswith("Bomba/1.0 xxx")
    assert len(found["user_agent"]) <= 500
    assert found["actor"] is None


def test_an_answer_that_takes_too_long_is_given_up(client: Client) -> None:
    answer = client.get("/slow")
    assert (answer.status_code, answer.json()["code"]) == (504, "request.timeout")
    assert answer.headers["retry-after"] == "5"
    assert "was cancelled" in seen


def test_a_limit_is_told_and_held(client: Client) -> None:
    first, second, third = (client.get("/limited") for _ in range(3))
    assert (first.status_code, second.status_code, third.status_code) == (200, 200, 429)
    assert first.headers["ratelimit-policy"] == '"ip";q=2;w=60'  # nobody is logged in: no limit by user
    assert first.headers["ratelimit"].startswith('"ip";r=1;t=')
    assert third.headers["ratelimit"].startswith('"ip";r=0;t=')
    assert third.json()["code"] == "rate.limited"
    assert 1 <= int(third.headers["retry-after"]) <= 120
    assert "ratelimit" not in client.get("/page").headers


def test_a_limit_by_phone_is_taken_by_the_route(client: Client) -> None:
    statuses = [client.get(f"/phone?number={number}").status_code for number in ("1", "1", "2")]
    assert statuses == [200, 429, 200]


class _Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def refused(windows: SlidingWindows, limit: Limit) -> int | None:
    try:
        windows.take("/r", [(limit, "s")])
    except TooManyError as error:
        return error.retry_after_s
    return None


@given(st.integers(1, 20), st.integers(1, 100), st.lists(st.floats(0, 30), max_size=80))
def test_no_window_lets_through_twice_its_quota_and_waiting_as_told_is_enough(
    quota: int, window_s: int, pauses: list[float]
) -> None:
    """A sliding estimate may let a little more than the quota through; never more than two windows' worth."""
    clock, limit = _Clock(), Limit("ip", quota, window_s)
    windows = SlidingWindows(clock=clock)
    taken: list[float] = []
    for pause in pauses:
        clock.now += pause
        wait_s = refused(windows, limit)
        if wait_s is None:
            taken.append(clock.now)
        else:
            assert wait_s <= 2 * window_s + 1
    for end in taken:
        assert sum(end - window_s < at <= end for at in taken) < 2 * quota + 1
    wait_s = refused(windows, limit)
    if wait_s is not None:
        clock.now += wait_s
        assert refused(windows, limit) is None


def test_a_refused_request_takes_no_share() -> None:
    clock = _Clock()
    windows = SlidingWindows(clock=clock)
    both = [(Limit("ip", 1, 60), "a"), (Limit("user", 5, 60), "b")]
    windows.take("/r", both)
    for _ in range(10):
        with pytest.raises(TooManyError):
            windows.take("/r", both)
    assert windows.take("/r", [both[1]])[0].remaining == 3


def test_memory_is_bounded() -> None:
    windows = SlidingWindows(max_subjects=10, clock=_Clock())
    limit = Limit("ip", 1, 60)
    for number in range(1000):
        windows.take("/r", [(limit, str(number))])
    assert len(windows._counts) == 10  # pyright: ignore[reportPrivateUsage]  what it is about
