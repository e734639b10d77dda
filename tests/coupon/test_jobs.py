"""Counts of periods that are long over go, and old refusals, in batches; what is young stays."""

import asyncio
from typing import Any

import psycopg
import pytest
from psycopg import errors

from gasolinera.config import Settings
from gasolinera.coupon import consuming, jobs
from gasolinera.database import open_database
from tests.schema.coupon_rows import new_campaign

Admin = psycopg.Connection[Any]


def run(settings: Settings, name: str) -> str:
    (job,) = (job for job in (*jobs.CAMPAIGN_JOBS, consuming.FORGET_REFUSED_USES) if job.name == name)

    async def once() -> str:
        async with open_database(settings, "coupon") as db:
            return await job.run(db, {})

    return asyncio.run(once())


def test_counts_of_periods_go_a_hundred_days_after_they_began(
    settings: Settings, admin: Admin, as_role: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "_FORGOTTEN_AT_ONCE", 2)
    admin.execute("DELETE FROM coupon_schema.campaign_user_period_usages")
    campaign = new_campaign(admin, per_user_period="MONTH", per_user_period_limit=2)
    admin.execute(
        "INSERT INTO coupon_schema.campaign_user_period_usages"
        " (campaign_id, user_id, period_start, used_count, usage_limit)"
        " SELECT %s, gen_random_uuid(), current_date - d, 1, 2 FROM unnest(%s::int[]) AS d",
        (campaign, [400, 200, 150, 120, 101, 99, 30, 0]),
    )
    assert run(settings, "coupon.forget_ended_periods") == "5 counts of ended periods forgotten"
    left = admin.execute(
        "SELECT current_date - period_start FROM coupon_schema.campaign_user_period_usages ORDER BY 1"
    ).fetchall()
    assert [row[0] for row in left] == [0, 30, 99]
    assert run(settings, "coupon.forget_ended_periods") == "0 counts of ended periods forgotten"
    app = as_role("coupon_app")
    with pytest.raises(errors.InsufficientPrivilege):
        app.execute("DELETE FROM coupon_schema.campaign_user_period_usages")
    with pytest.raises(errors.InvalidParameterValue):
        app.execute("SELECT coupon_schema.forget_ended_periods(0)")


def test_every_refusal_that_is_older_than_ninety_days_goes_in_one_run(
    settings: Settings, admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consuming, "_FORGOTTEN_AT_ONCE", 2)
    admin.execute(
        "INSERT INTO coupon_schema.refused_uses (redemption_reference, reasons, created_at)"
        " SELECT 'RDM-20260101-' || lpad(d::text, 6, '0'), ARRAY['EXPIRED'], now() - make_interval(days => d)"
        " FROM unnest(ARRAY[300, 200, 120, 100, 91, 89, 1]) AS d"
    )
    assert run(settings, "coupon.forget_refused_uses") == "5 refusals forgotten"
    assert admin.execute("SELECT count(*) FROM coupon_schema.refused_uses").fetchone() == (2,)
