"""What is measured, and GET /metrics, which tells Prometheus: docs/reference/metrics.md is the list.

Several workers of one address share their numbers through files (prometheus_client's multiprocess mode), so that each
of them can answer for all: `shared_between_workers` is opened by their parent before it starts them.
"""

import hmac
import os
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from functools import cache
from ipaddress import ip_address
from typing import Any

from litestar import Request, Response, get
from litestar.datastructures import State
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.multiprocess import (
    MultiProcessCollector,
    mark_process_dead,  # pyright: ignore[reportUnknownVariableType]  # it takes a pid and has no types
)

from gasolinera.backlog import Backlog
from gasolinera.config import Environment, Settings
from gasolinera.errors import UnauthenticatedError

_SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # the library reads it when it is imported

REGISTRY = CollectorRegistry()

_REQUESTS = Histogram(
    "http_request_duration_seconds",
    "Time from a request's arrival to the end of its answer.",
    ["method", "route", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=REGISTRY,
)
_QUERIES = Histogram(
    "db_query_duration_seconds",
    "Time of one statement, as the process that asks sees it.",
    ["service", "query"],
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 10),
    registry=REGISTRY,
)
_VIOLATIONS = Counter(
    "db_constraint_violations", "Statements that a constraint has refused.", ["constraint"], registry=REGISTRY
)
_RETRIES = Counter(
    "db_transaction_retries", "Transactions that were run again.", ["service", "reason"], registry=REGISTRY
)
_IN_USE = Gauge(
    "db_pool_connections_in_use",
    "Connections that somebody holds.",
    ["service"],
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
_WAITING = Gauge(
    "db_pool_waiting", "Those who wait for a connection.", ["service"], registry=REGISTRY, multiprocess_mode="livesum"
)
_POOL_MAX = Gauge(
    "db_pool_connections_max",
    "Connections that the pool may open.",
    ["service"],
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
# What one process measures of a table that all share: the newest value is the true one.
_OUTBOX_LAG = Gauge(
    "outbox_lag_seconds",
    "Age of the oldest event that waits to be delivered.",
    ["service"],
    registry=REGISTRY,
    multiprocess_mode="mostrecent",
)
_OUTBOX_PENDING = Gauge(
    "outbox_pending_events",
    "Events that wait to be delivered.",
    ["service"],
    registry=REGISTRY,
    multiprocess_mode="mostrecent",
)
_DEAD_LETTERS = Gauge(
    "dead_letter_events",
    "Events that were given up.",
    ["service"],
    registry=REGISTRY,
    multiprocess_mode="mostrecent",
)
_EVENTS = Counter(
    "events_handled", "Events that a consumer has taken.", ["service", "type", "outcome"], registry=REGISTRY
)
_JOBS = Histogram(
    "job_duration_seconds",
    "Time of one run of a job.",
    ["job", "outcome"],
    buckets=(0.01, 0.1, 1, 10, 60, 600, 3600),
    registry=REGISTRY,
)
_JOB_LAST = Gauge(
    "job_last_success_timestamp_seconds",
    "When a job last succeeded.",
    ["job"],
    registry=REGISTRY,
    multiprocess_mode="mostrecent",
)


# Looking a child up by its labels costs as much as observing: the few there are are kept.
_request_series = cache(_REQUESTS.labels)
_query_series = cache(_QUERIES.labels)


def count_request(method: str, route: str, status: int, seconds: float) -> None:
    """`route` is a template such as `/api/stations/{code}`, never an address: its values are few."""
    _taken.add((_request_series(method, route, f"{status // 100}xx"), seconds))


def count_query(service: str, query: str, seconds: float) -> None:
    _taken.add((_query_series(service, query), seconds))


def _observe(taken: Sequence[tuple[Histogram, float]]) -> None:
    for series, seconds in taken:
        series.observe(seconds)


_taken = Backlog(_observe)


def settle() -> None:
    """Requests and statements of the last tenth of a second are in the numbers after this."""
    _taken.finish()


def count_violation(constraint: str) -> None:
    _VIOLATIONS.labels(constraint).inc()


def count_retry(service: str, reason: str) -> None:
    _RETRIES.labels(service, reason).inc()


class PoolGauges:
    """The gauges of one service's pool."""

    def __init__(self, service: str, max_size: int) -> None:
        self.in_use = _IN_USE.labels(service)
        self.waiting = _WAITING.labels(service)
        _POOL_MAX.labels(service).set(max_size)


def set_outbox(service: str, *, pending: int, lag_s: float) -> None:
    _OUTBOX_PENDING.labels(service).set(pending)
    _OUTBOX_LAG.labels(service).set(lag_s)


def set_dead_letters(service: str, count: int) -> None:
    _DEAD_LETTERS.labels(service).set(count)


def count_event(service: str, type_: str, outcome: str) -> None:
    """`outcome`: handled, again (delivered a second time), failed or dead."""
    _EVENTS.labels(service, type_, outcome).inc()


def count_job(job: str, *, succeeded: bool, seconds: float) -> None:
    _JOBS.labels(job, "succeeded" if succeeded else "failed").observe(seconds)
    if succeeded:
        _JOB_LAST.labels(job).set_to_current_time()


@contextmanager
def shared_between_workers() -> Generator[None]:
    """Processes started inside share their numbers. They must import this module afresh: spawned, not forked."""
    with tempfile.TemporaryDirectory(prefix="gasolinera-metrics-") as folder:
        os.environ[_SHARED_FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[_SHARED_FOLDER]


def forget_worker(pid: int) -> None:
    """A worker has ended: its gauges go with it, what it has counted stays. Called by the workers' parent."""
    mark_process_dead(pid)


def render() -> bytes:
    """Everything in Prometheus' text format: of all workers when they share, else of this process."""
    settle()
    if _SHARED_FOLDER not in os.environ:
        return generate_latest(REGISTRY)
    together = CollectorRegistry()
    MultiProcessCollector(together)
    return generate_latest(together)


def watch_process() -> None:
    """Adds memory, CPU and open files of this process. Called once, by the command that serves alone."""
    ProcessCollector(registry=REGISTRY)
    PlatformCollector(registry=REGISTRY)


@get("/metrics", summary="Numbers for Prometheus", include_in_schema=False, opt={"open": True}, sync_to_thread=True)
def metrics_route(request: Request[Any, Any, Any], state: State) -> Response[bytes]:
    """With a token set, for its holder; without, for this machine, and for everybody outside production."""
    settings: Settings = state["settings"]
    if not _may_read(request, settings):
        raise UnauthenticatedError("metrics.token", "the metrics need their own token", "set GASOLINERA_METRICS_TOKEN")
    return Response(render(), headers={"content-type": CONTENT_TYPE_LATEST})


def _may_read(request: Request[Any, Any, Any], settings: Settings) -> bool:
    if settings.metrics_token is not None:
        expected = f"Bearer {settings.metrics_token.get_secret_value()}"
        return hmac.compare_digest(request.headers.get("authorization", "").encode(), expected.encode())
    if settings.environment is not Environment.PRODUCTION:
        return True
    # A proxy on this machine is near as well; whom it speaks for is not.
    return settings.trusted_proxies == 0 and "x-forwarded-for" not in request.headers and _is_near(request)


def _is_near(request: Request[Any, Any, Any]) -> bool:
    try:
        return request.client is not None and ip_address(request.client.host).is_loopback
    except ValueError:
        return False
