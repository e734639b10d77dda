"""/metrics: what it tells, whom it tells it, and that several workers answer as one."""

import asyncio
import multiprocessing
from typing import Any

import pytest
from litestar import Litestar, Response, get
from litestar.background_tasks import BackgroundTask
from litestar.testing import TestClient
from litestar.types import Receive, Scope, Send
from prometheus_client.parser import text_string_to_metric_families

from gasolinera import metrics
from gasolinera.app import create_app
from gasolinera.backlog import DONE_AFTER_S
from gasolinera.config import Settings
from gasolinera.database import open_database
from gasolinera.metrics import REGISTRY
from gasolinera.observing import observe
from gasolinera.requests import identify

NOWHERE = {"database_url": "postgresql://x@127.0.0.1:1/x"}
TOKEN = "a-token-for-the-scraper"  # noqa: S105
PRODUCTION = {
    "environment": "production",
    "keys_file": "/nowhere/keys.json",
    "sms_sender": "http",
    "sms_gateway_url": "https://sms.example.org",
    "sms_gateway_secret": "x" * 32,
    "public_url": "https://example.org",
}


def sample(name: str, **labels: str) -> float:
    metrics.settle()
    return REGISTRY.get_sample_value(name, labels) or 0.0


def requests_seen(**labels: str) -> float:
    return sample("http_request_duration_seconds_count", **labels)


def test_requests_are_counted_by_template_method_and_class_of_status(settings: Settings) -> None:
    labels = [
        {"method": "GET", "route": "/api/stations/{code}", "status": "2xx"},
        {"method": "GET", "route": "/api/stations/{code}", "status": "4xx"},
        {"method": "GET", "route": "unknown", "status": "4xx"},
        {"method": "DELETE", "route": "unknown", "status": "4xx"},
    ]
    before = [requests_seen(**wanted) for wanted in labels]
    with TestClient(create_app(settings)) as client:
        client.get("/api/stations/JSM001")
        client.head("/api/stations/JSM002")
        client.get("/api/stations/NOWHERE")
        client.get("/an/address/of/a/guesser")
        client.delete("/health/live")
    after = [requests_seen(**wanted) for wanted in labels]
    assert [now - then for now, then in zip(after, before, strict=True)] == [2, 1, 1, 1]


def test_what_is_done_after_the_answer_is_not_the_time_of_the_request() -> None:
    """Whether a message is sent afterwards, and how long that takes, is nobody's business."""

    async def work() -> None:
        await asyncio.sleep(0.3)

    @get("/sends-afterwards")
    async def route() -> Response[None]:
        return Response(None, background=BackgroundTask(work))

    app = Litestar([route], openapi_config=None)
    app.asgi_handler = identify(observe(app.asgi_handler), 0)
    with TestClient(app) as client:
        assert client.get("/sends-afterwards").status_code == 200
    assert 0 < sample("http_request_duration_seconds_sum", method="GET", route="/sends-afterwards", status="2xx") < 0.2


def test_statements_are_timed_by_name(settings: Settings) -> None:
    before = sample("db_query_duration_seconds_count", service="station", query="get_station")
    with TestClient(create_app(settings)) as client:
        client.get("/api/stations/JSM001")
        text = client.get("/metrics").text
    assert sample("db_query_duration_seconds_count", service="station", query="get_station") == before + 1
    names = {family.name for family in text_string_to_metric_families(text)}
    assert {"http_request_duration_seconds", "db_query_duration_seconds", "db_pool_waiting"} <= names


def test_the_pool_shows_who_holds_and_who_waits(settings: Settings) -> None:
    def pool() -> tuple[float, float]:
        return sample("db_pool_connections_in_use", service="station"), sample("db_pool_waiting", service="station")

    async def run() -> list[tuple[float, float]]:
        seen: list[tuple[float, float]] = []
        async with open_database(settings.model_copy(update={"pool_max_size": 1}), "station") as db:

            async def ask() -> None:
                async with db.connection():
                    pass

            async with db.connection():
                waiting = asyncio.create_task(ask())
                await asyncio.sleep(0.05)
                seen.append(pool())
            await waiting
            seen.append(pool())
        return seen

    assert asyncio.run(run()) == [(1, 1), (0, 0)]
    assert sample("db_pool_connections_max", service="station") == 1


def read_as(peer: str, headers: dict[str, str], **settings: Any) -> int:
    """Whether /metrics tells a peer; a status."""
    app = create_app(Settings.model_validate(NOWHERE | settings))

    async def from_peer(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "client": (peer, 40000)}, receive, send)  # pyright: ignore[reportArgumentType]  # still a scope

    if settings.get("environment") == "production":
        # Never started: there are no keys here, and nothing that it opens is needed.
        return TestClient(from_peer).get("/metrics", headers=headers).status_code
    with TestClient(app):
        return TestClient(from_peer).get("/metrics", headers=headers).status_code


def test_a_token_is_asked_for_wherever_one_is_set() -> None:
    wanted = {"environment": "test", "metrics_token": TOKEN}
    assert read_as("127.0.0.1", {}, **wanted) == 401
    assert read_as("127.0.0.1", {"authorization": f"Bearer {TOKEN}x"}, **wanted) == 401
    assert read_as("192.0.2.1", {"authorization": f"Bearer {TOKEN}"}, **wanted) == 200


@pytest.mark.parametrize(
    ("peer", "headers", "proxies", "status"),
    [
        ("127.0.0.1", {}, 0, 200),
        ("::1", {}, 0, 200),
        ("192.0.2.1", {}, 0, 401),
        ("127.0.0.1", {"x-forwarded-for": "192.0.2.1"}, 0, 401),
        ("127.0.0.1", {}, 1, 401),
    ],
)
def test_without_a_token_production_tells_its_own_machine_alone(
    peer: str, headers: dict[str, str], proxies: int, status: int
) -> None:
    assert read_as(peer, headers, **PRODUCTION, trusted_proxies=proxies) == status


def test_outside_production_everybody_may_read() -> None:
    assert read_as("192.0.2.1", {}, environment="development") == 200


def count_in_a_worker(go: Any, leave: Any) -> None:
    async def serve() -> None:
        metrics.count_request("GET", "/shared", 200, 0.01)
        metrics.PoolGauges("shared", 4)
        await asyncio.sleep(2 * DONE_AFTER_S)
        go.set()

    asyncio.run(serve())
    leave.wait(30)


def test_one_worker_answers_for_all() -> None:
    spawn = multiprocessing.get_context("spawn")
    with metrics.shared_between_workers():
        leave = spawn.Event()
        begun = [spawn.Event() for _ in range(2)]
        workers = [spawn.Process(target=count_in_a_worker, args=(event, leave)) for event in begun]
        for worker in workers:
            worker.start()
        try:
            assert all(event.wait(30) for event in begun)
            text = metrics.render().decode()
        finally:
            leave.set()
            for worker in workers:
                worker.join(30)
        gone = workers[0].pid
        assert gone is not None
        metrics.forget_worker(gone)
        without = metrics.render().decode()
    assert 'http_request_duration_seconds_count{method="GET",route="/shared",status="2xx"} 2.0' in text
    assert 'db_pool_connections_max{service="shared"} 8.0' in text
    assert 'db_pool_connections_max{service="shared"} 4.0' in without
    assert 'http_request_duration_seconds_count{method="GET",route="/shared",status="2xx"} 2.0' in without


def test_outbox_jobs_and_events_have_their_places() -> None:
    metrics.set_outbox("station", pending=3, lag_s=1.5)
    metrics.set_dead_letters("station", 2)
    metrics.count_event("station", "user.changed", "handled")
    metrics.count_job("tidy", succeeded=True, seconds=0.2)
    metrics.count_job("tidy", succeeded=False, seconds=0.2)
    assert sample("outbox_lag_seconds", service="station") == 1.5
    assert sample("outbox_pending_events", service="station") == 3
    assert sample("dead_letter_events", service="station") == 2
    assert sample("events_handled_total", service="station", type="user.changed", outcome="handled") >= 1
    assert sample("job_duration_seconds_count", job="tidy", outcome="failed") >= 1
    assert sample("job_last_success_timestamp_seconds", job="tidy") > 1.7e9
