"""Campaigns in figures, against what this file adds up by itself."""

import random
from collections.abc import Generator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import msgspec
import psycopg
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from gasolinera.config import Settings
from gasolinera.coupon.jobs import CAMPAIGN_JOBS
from gasolinera.permissions import Caller, Role
from gasolinera.security import issue_access_token
from tests.applications import create_app
from tests.schema.coupon_rows import new_campaign, new_coupons, restore, use

Admin = psycopg.Connection[Any]
MEXICO = ZoneInfo("America/Mexico_City")
BEGINNING = datetime(2026, 10, 1, tzinfo=UTC)


class Use(msgspec.Struct):
    """What the test did, for its own sums."""

    coupon: int
    user: str
    at: datetime
    amount: Decimal
    discount: Decimal
    tickets: int
    is_restored: bool = False


@pytest.fixture
def app(settings: Settings) -> Litestar:
    return create_app(settings)


@pytest.fixture
def client(app: Litestar) -> Generator[TestClient[Litestar]]:
    with TestClient(app, raise_server_exceptions=False) as opened:
        yield opened


@pytest.fixture
def administrator(app: Litestar, client: TestClient[Litestar]) -> dict[str, str]:
    caller = Caller(role=Role.SYSTEM_ADMIN, user_id=UUID(int=1), session_id=uuid4(), has_second_factor=True)
    return {"authorization": f"Bearer {issue_access_token(app.state['keyring'], caller, now=datetime.now(UTC)).token}"}


def refresh(app: Litestar, client: TestClient[Litestar]) -> None:
    with client.portal() as portal:
        portal.call(CAMPAIGN_JOBS[1].run, app.state["coupon"], dict[str, str]())


def a_month_of_uses(admin: Admin, campaign: int, dice: random.Random) -> list[Use]:
    """Fifteen coupons of four uses each by four people, forty uses in random order, a fifth of them given back."""
    coupons = new_coupons(admin, campaign, 15, max_usage=4)
    people = [str(UUID(int=dice.getrandbits(128), version=4)) for _ in range(4)]
    done: list[Use] = []
    for number, coupon in enumerate(dice.sample(coupons * 4, 40)):
        at = BEGINNING + timedelta(minutes=dice.randrange(30 * 24 * 60))
        amount = Decimal(dice.randrange(10_000, 90_000)) / 100
        one = Use(coupon, dice.choice(people), at, amount, Decimal(10), dice.randrange(3))
        use(admin, coupon, user=one.user, used_at=at, amount=amount, tickets=one.tickets, reference=f"RDM-{number}")
        done.append(one)
    for coupon in dice.sample(sorted({one.coupon for one in done}), 3):
        restore(admin, [coupon])
        for one in done:
            one.is_restored = one.is_restored or one.coupon == coupon
    return done


def test_figures_are_those_of_the_facts_under_many_uses_a_coupon(
    app: Litestar, client: TestClient[Litestar], administrator: dict[str, str], admin: Admin
) -> None:
    campaign = new_campaign(admin, "FIGURES", raffle_tickets_per_coupon=2)
    # Two stations, so that a second list beside the uses would double them.
    admin.execute(
        "INSERT INTO coupon_schema.campaign_stations (campaign_id, station_code) VALUES (%s, 'JSM001'), (%s, 'JSM002')",
        (campaign, campaign),
    )
    done = a_month_of_uses(admin, campaign, random.Random(20261001))  # noqa: S311  the same each time
    (withdrawn,) = new_coupons(admin, new_campaign(admin, "OTHER"))
    admin.execute(
        "UPDATE coupon_schema.coupons SET status = 'CANCELLED', status_reason = 'x' WHERE id = %s", (withdrawn,)
    )
    young = client.get("/api/campaigns/FIGURES/statistics", headers=administrator).json()
    assert (young["redemptions"], young["refreshed_at"]) == (0, None)
    refresh(app, client)

    live = [one for one in done if not one.is_restored]
    uses_of = {one.coupon: sum(other.coupon == one.coupon for other in live) for one in done}
    figures = client.get("/api/campaigns/FIGURES/statistics", headers=administrator).json()
    assert figures.pop("refreshed_at") is not None
    redeemed = sum(count > 0 for count in uses_of.values())
    assert figures == {
        "campaign_code": "FIGURES",
        "name": "Prueba",
        "status": "ACTIVE",
        "currency": "MXN",
        "coupons": 15,
        "active_coupons": 15 - sum(count == 4 for count in uses_of.values()),
        "used_coupons": sum(count == 4 for count in uses_of.values()),
        "expired_coupons": 0,
        "cancelled_coupons": 0,
        "suspended_coupons": 0,
        "assigned_coupons": 0,
        "users": len({one.user for one in live}),
        "redemptions": len(live),
        "restored": len(done) - len(live),
        "original_amount": str(sum(one.amount for one in live)),
        "discount_amount": str(sum(one.discount for one in live) + Decimal("0.00")),
        "final_amount": str(sum(one.amount - one.discount for one in live)),
        "raffle_tickets": sum(one.tickets for one in live),
        "average_discount": "10.00",
        "redeemed_coupons_percent": str((Decimal(100 * redeemed) / 15).quantize(Decimal("0.1"))),
    }
    other = client.get("/api/campaigns/OTHER/statistics", headers=administrator).json()
    assert (other["coupons"], other["cancelled_coupons"], other["average_discount"]) == (1, 1, None)


def test_days_are_those_of_the_campaigns_zone(
    app: Litestar, client: TestClient[Litestar], administrator: dict[str, str], admin: Admin
) -> None:
    done = a_month_of_uses(admin, new_campaign(admin, "FIGURES", raffle_tickets_per_coupon=2), random.Random(7))  # noqa: S311
    refresh(app, client)
    first, last = date(2026, 10, 5), date(2026, 10, 25)
    expected: dict[date, list[Any]] = {}
    for one in done:
        day = one.at.astimezone(MEXICO).date()
        if first <= day <= last:
            counts = expected.setdefault(day, [0, 0, Decimal("0.00"), 0])
            counts[one.is_restored] += 1
            counts[2] += Decimal(0) if one.is_restored else one.amount
            counts[3] += 0 if one.is_restored else one.tickets
    answer = client.get(f"/api/campaigns/FIGURES/redemptions?from={first}&until={last}", headers=administrator).json()[
        "items"
    ]
    assert all(item["station_code"] == "JSM001" for item in answer)
    assert {
        date.fromisoformat(item["day"]): [
            item["redemptions"], item["restored"], Decimal(item["original_amount"]), item["raffle_tickets"]
        ]
        for item in answer
    } == expected  # fmt: skip
    for query, code in (("from=2026-10-02&until=2026-10-01", 422), ("from=2020-01-01&until=2026-10-01", 422)):
        assert client.get(f"/api/campaigns/FIGURES/redemptions?{query}", headers=administrator).status_code == code
    unknown = client.get("/api/campaigns/NOBODY/redemptions?from=2026-10-01&until=2026-10-02", headers=administrator)
    assert unknown.status_code == 404


def test_the_list_of_figures_is_read_by_pages(
    app: Litestar, client: TestClient[Litestar], administrator: dict[str, str], admin: Admin
) -> None:
    refresh(app, client)
    everything = client.get("/api/campaigns/statistics?limit=100", headers=administrator).json()["items"]
    first = client.get("/api/campaigns/statistics?limit=3", headers=administrator).json()
    rest = client.get(f"/api/campaigns/statistics?cursor={first['next_cursor']}", headers=administrator).json()
    assert [*first["items"], *rest["items"]] == everything
    counted = [sum(item[name] for item in everything) for name in ("coupons", "redemptions", "restored")]
    totals = admin.execute(
        "SELECT (SELECT count(*) FROM coupon_schema.coupons),"
        " (SELECT count(*) FROM coupon_schema.coupon_usage_history WHERE restored_at IS NULL),"
        " (SELECT count(*) FROM coupon_schema.coupon_usage_history WHERE restored_at IS NOT NULL)"
    ).fetchone()
    assert totals is not None
    assert counted == list(totals)


def test_a_refresh_stops_nobody_who_reads(admin: Admin, as_role: Any) -> None:
    reader, writer = as_role("coupon_app"), as_role("coupon_app")
    with reader.transaction():
        reader.execute("SELECT * FROM coupon_schema.campaign_summary")
        writer.execute("SET lock_timeout = '2s'")
        writer.execute("SELECT coupon_schema.refresh_statistics()")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        writer.execute("REFRESH MATERIALIZED VIEW coupon_schema.coupon_statistics")
