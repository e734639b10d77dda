"""Views of the sample's advertisements as the owner loads them: with whatever start and end a test needs."""

from collections import defaultdict
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg

Conn = psycopg.Connection[Any]
Day = tuple[str, date]

PLAYA = "ad100000-0000-4000-8000-000000000001"  # ADC-REFRESCO: a video of 15 s, 1.50 a completed view
VASO = "ad100000-0000-4000-8000-000000000002"  # ADC-REFRESCO: a picture of 10 s
LLANTA = "ad100000-0000-4000-8000-000000000003"  # ADC-LLANTAS: interactive, 30 s, 2.25
LENGTHS = {PLAYA: 15, VASO: 10, LLANTA: 30}
PRICES = {PLAYA: Decimal("1.50"), VASO: Decimal("1.50"), LLANTA: Decimal("2.25")}
MEASURES = (
    "impressions", "starts", "first_quartiles", "midpoints", "third_quartiles", "completions", "skips", "failures",
    "abandons", "rejections", "clicks", "unique_users", "watched_s", "bonus_tickets", "cost", "rejected_cost",
    "scored_engagements", "quality_score_sum", "fraud_score_sum",
)  # fmt: skip


def viewer(number: int) -> UUID:
    return UUID(f"b0000000-0000-4000-8000-{number:012}")


def open_taps(admin: Conn) -> None:
    """No cap of a user and no lack of money is in the way; today's budget is dealt."""
    admin.execute("UPDATE ad_schema.ad_campaigns SET frequency_cap = 1000")
    admin.execute("SELECT ad_schema.deal_budget(id, NULL) FROM ad_schema.ad_campaigns WHERE status = 'ACTIVE'")
    admin.execute(
        "SELECT ad_schema.deal_budget(id, (now() AT TIME ZONE time_zone)::date) FROM ad_schema.ad_campaigns"
        " WHERE status = 'ACTIVE' AND daily_budget IS NOT NULL"
    )


def start(admin: Conn, ad: str, user: UUID, at: str | datetime) -> int:
    """A view that began then; its id."""
    row = admin.execute(
        "INSERT INTO ad_schema.ad_engagements (advertisement_id, user_id, started_at, ip_address, user_agent)"
        " SELECT id, %s, %s, '203.0.113.9', 'a telephone' FROM ad_schema.advertisements WHERE public_id = %s"
        " RETURNING id",
        (user, at, ad),
    ).fetchone()
    assert row is not None
    return int(row[0])


def end(admin: Conn, view: int, status: str, percent: int, *, quality: int | None = None, fraud: int | None = None,
        is_clicked: bool = False, shard: int = 0) -> None:  # fmt: skip
    admin.execute(
        "UPDATE ad_schema.ad_engagements SET status = %s, watched_s = duration_s * %s / 100.0,"
        " completion_percentage = %s, quartile = %s / 25, quality_score = %s, fraud_score = %s, budget_shard = %s,"
        " clicked_at = CASE WHEN %s THEN now() END WHERE id = %s",
        (status, percent, percent, percent, quality, fraud, shard if status == "COMPLETED" else None, is_clicked, view),
    )


def reject(admin: Conn, view: int) -> None:
    admin.execute("UPDATE ad_schema.ad_engagements SET status = 'REJECTED', bonus_tickets = 0 WHERE id = %s", (view,))


def hand_out(admin: Conn, ad: str, user: UUID, at: str | datetime) -> None:
    """A token of ten minutes that nobody used."""
    admin.execute(
        "INSERT INTO ad_schema.ad_view_tokens (token_hash, advertisement_id, user_id, created_at, expires_at)"
        " SELECT sha256(gen_random_uuid()::text::bytea), id, %s, %s::timestamptz,"
        " %s::timestamptz + interval '10 minutes' FROM ad_schema.advertisements WHERE public_id = %s",
        (user, at, at, ad),
    )


def figures(admin: Conn) -> dict[Day, dict[str, Decimal]]:
    """What the table says."""
    rows = admin.execute(
        f"SELECT d.public_id::text, a.analytics_date, {', '.join(MEASURES)} FROM ad_schema.ad_analytics AS a"
        " JOIN ad_schema.advertisements AS d ON d.id = a.advertisement_id".encode()
    ).fetchall()
    return {row[:2]: {name: Decimal(value) for name, value in zip(MEASURES, row[2:], strict=True)} for row in rows}


def recount(admin: Conn) -> dict[Day, dict[str, Decimal]]:
    """The same from the views and the tokens, added up here; what is not over yet is on neither side."""
    told: dict[Day, dict[str, Decimal]] = defaultdict(lambda: dict.fromkeys(MEASURES, Decimal(0)))
    users: dict[Day, set[UUID]] = defaultdict(set)
    for ad, user, at, status, quartile, watched, clicked, bonus, cost, rejected_cost, quality, fraud in admin.execute(
        "SELECT d.public_id::text, e.user_id, e.started_at, e.status, e.quartile, e.watched_s, e.clicked_at,"
        " e.bonus_tickets, e.cost, e.rejected_cost, e.quality_score, e.fraud_score FROM ad_schema.ad_engagements AS e"
        " JOIN ad_schema.advertisements AS d ON d.id = e.advertisement_id"
    ).fetchall():
        if status == "STARTED":
            continue
        day = ad, at.astimezone(UTC).date()
        users[day].add(user)
        line = told[day]
        line["impressions"] += 1
        line["starts"] += 1
        for place, name in enumerate(("first_quartiles", "midpoints", "third_quartiles"), 1):
            line[name] += quartile >= place
        line[{"COMPLETED": "completions", "SKIPPED": "skips", "FAILED": "failures", "EXPIRED": "failures",
              "ABANDONED": "abandons", "REJECTED": "rejections"}[status]] += 1  # fmt: skip
        line["clicks"] += clicked is not None
        line["watched_s"] += watched
        line["bonus_tickets"] += bonus
        line["cost"] += cost
        line["rejected_cost"] += rejected_cost
        if quality is not None and fraud is not None:
            line["scored_engagements"] += 1
            line["quality_score_sum"] += quality
            line["fraud_score_sum"] += fraud
        line["unique_users"] = Decimal(len(users[day]))
    for ad, at in admin.execute(
        "SELECT d.public_id::text, k.created_at FROM ad_schema.ad_view_tokens AS k"
        " JOIN ad_schema.advertisements AS d ON d.id = k.advertisement_id"
        " WHERE k.consumed_at IS NULL AND k.expires_at < now() - interval '1 minute'"
    ).fetchall():
        told[ad, at.astimezone(UTC).date()]["impressions"] += 1
    return dict(told)
