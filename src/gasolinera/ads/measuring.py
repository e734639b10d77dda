"""What is measured of the ad engine, by the job that keeps the figures: docs/reference/metrics.md is the list."""

from prometheus_client import Gauge

from gasolinera.ads import queries_analytics as queries
from gasolinera.database import Connection
from gasolinera.metrics import REGISTRY

# What one process measures of tables that all share: the newest value is the true one.
_RUNNING = Gauge("ads_views_running", "Views under way.", registry=REGISTRY, multiprocess_mode="mostrecent")
_REVIEWS = Gauge(
    "ads_reviews_pending", "Doubtful views that wait for a person.", registry=REGISTRY, multiprocess_mode="mostrecent"
)
_AGE = Gauge("ads_figures_age_seconds", "How old the figures are.", registry=REGISTRY, multiprocess_mode="mostrecent")
_TODAY = Gauge(
    "ads_views_today",
    "Views that started today, of UTC, by how they ended.",
    ["outcome"],
    registry=REGISTRY,
    multiprocess_mode="mostrecent",
)
_OUTCOMES = ("completed", "skipped", "failed", "abandoned", "rejected")


async def measure(conn: Connection) -> None:
    """Sets the gauges of this process."""
    found = await queries.measure(conn)
    _RUNNING.set(found.running)
    _REVIEWS.set(found.reviews)
    _AGE.set(found.age_s)
    for outcome in _OUTCOMES:
        _TODAY.labels(outcome).set(getattr(found, outcome))
