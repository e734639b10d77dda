"""What the ad engine tells of one person, and what it forgets of an erased one, and with time."""

import asyncio
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest
from psycopg import errors

from gasolinera.ads import analytics, retention
from gasolinera.ads.personal import export_person
from gasolinera.config import Settings
from gasolinera.database import Database, open_database
from gasolinera.personal_data import PersonalData
from tests.ads.viewing import figures, recount
from tests.ads.watching import (
    ANA,
    BEA,
    Admin,
    Viewers,
    good,
    hear,
    one,
    put_campaign,
    put_redemption,
    watching,
)

SECRETS = ("203.0.113.9", "Ana's browser", "ana was seen")


@pytest.fixture
def viewers(settings: Settings, admin: Admin) -> Generator[Viewers]:
    put_campaign(admin)
    with watching(settings, admin) as found:
        yield found


@pytest.fixture
def lived(viewers: Viewers, admin: Admin) -> str:
    """Ana and Bea watched an advertisement each, Ana a second one that was looked at; Ana's first view."""
    reference = put_redemption(admin, ANA)
    view = str(viewers.watch(reference, ANA)["view_id"])
    viewers.watch(put_redemption(admin, BEA), BEA)
    admin.execute(
        "UPDATE ad_schema.ad_engagements SET ip_address = '203.0.113.9', user_agent = 'Ana''s browser'"
        " WHERE user_id = %s",
        (ANA,),
    )
    admin.execute(
        "INSERT INTO ad_schema.ad_view_reviews (engagement_id, status, fraud_score, findings, decided_at, note)"
        " SELECT id, 'ACCEPTED', 45, '{}', now(), 'ana was seen' FROM ad_schema.ad_engagements WHERE public_id = %s",
        (view,),
    )
    for name, value in (("ip_address", "203.0.113.9"), ("user_agent", "Ana's browser"), ("actor", str(ANA))):
        admin.execute("SELECT set_config(%s, %s, false)", (f"gasolinera.{name}", value))
    admin.execute("UPDATE ad_schema.ad_campaigns SET priority = 7 WHERE status = 'ACTIVE'")
    for name in ("ip_address", "user_agent", "actor"):
        admin.execute("SELECT set_config(%s, '', false)", (f"gasolinera.{name}",))
    return view


def run(settings: Settings, work: Callable[[Database], Any]) -> Any:
    async def opened() -> Any:
        async with open_database(settings, "ads") as db:
            return await work(db)

    return asyncio.run(opened())


def exported(settings: Settings, user: UUID) -> dict[str, list[dict[str, Any]]]:
    async def ask(db: Database) -> PersonalData:
        async with db.connection() as conn:
            return await export_person(conn, user)

    found = msgspec.json.decode(msgspec.json.encode(run(settings, ask)))
    return {one["name"]: one["rows"] for one in found["holdings"]}


def dump(admin: Admin) -> str:
    tables = admin.execute(
        "SELECT c.oid::regclass::text FROM pg_class AS c WHERE c.relnamespace = 'ad_schema'::regnamespace"
        " AND c.relkind = 'r'"
    ).fetchall()
    return "\n".join(
        row for (table,) in tables for (row,) in admin.execute(f"SELECT t::text FROM {table} AS t".encode()).fetchall()
    )


def erase(settings: Settings, user: UUID) -> None:
    hear(settings, "user.erased", str(user), {"public_id": str(user)})


def test_a_person_gets_what_is_known_of_the_own_views_and_nothing_of_how_they_were_scored(
    settings: Settings, lived: str
) -> None:
    found = exported(settings, ANA)
    assert [(view["view_id"], view["ip_address"], view["bonus_tickets"]) for view in found["views"]] == [
        (lived, "203.0.113.9", 3)
    ]
    assert "fraud_score" not in found["views"][0]
    assert [row["steps_completed"] for row in found["multipliable"]] == [1]
    assert [row["engagement_count"] for row in found["frequencies"]] == [1]
    assert [row["view_id"] for row in found["servings"]] == [lived]
    assert [(row["action"], row["subject_type"]) for row in found["changes"]] == [("UPDATE", "ad_campaigns")]
    assert (found["decisions"], found["account_state"]) == ([], [])
    assert all(rows == [] for rows in exported(settings, uuid4()).values())


def test_erasure_removes_the_person_and_leaves_every_sum(settings: Settings, admin: Admin, lived: str) -> None:
    run(settings, analytics.refresh)
    before = figures(admin)
    spent = one(admin, "SELECT sum(spent) FROM ad_schema.ad_campaign_budget_shards")
    assert all(secret in dump(admin) for secret in SECRETS)
    others = [row for row in dump(admin).splitlines() if str(BEA) in row]
    for _ in range(2):
        erase(settings, ANA)
        assert [secret for secret in SECRETS if secret in dump(admin)] == []
    assert [row for row in dump(admin).splitlines() if str(BEA) in row] == others
    assert run(settings, analytics.refresh) == 0
    assert figures(admin) == before == recount(admin)
    assert run(settings, analytics.check).differences == ()
    assert one(admin, "SELECT sum(spent) FROM ad_schema.ad_campaign_budget_shards") == spent
    found = exported(settings, ANA)
    assert [row["is_erased"] for row in found["account_state"]] == [True]
    assert [(view["ip_address"], view["user_agent"], view["station_code"]) for view in found["views"]] == [
        (None, None, None)
    ]
    assert (found["multipliable"], found["frequencies"]) == ([], [])


def test_a_view_of_an_erased_person_ends_and_earns_nothing(viewers: Viewers, settings: Settings, admin: Admin) -> None:
    view = viewers.start(put_redemption(admin, ANA), ANA)
    erase(settings, ANA)
    assert one(admin, "SELECT status, bonus_tickets FROM ad_schema.ad_engagements WHERE public_id = %s", view) == (
        "ABANDONED", 0,
    )  # fmt: skip
    assert one(admin, "SELECT count(*) FROM ad_schema.ad_view_states") == 0
    answer = viewers.complete(view, 1, 15, ANA)
    assert answer.status_code >= 400, answer.text


def test_nobody_is_forgotten_who_is_not_erased(as_role: Callable[[str], psycopg.Connection[Any]]) -> None:
    with pytest.raises(errors.RestrictViolation):
        as_role("ads_app").execute("SELECT ad_schema.forget_person(%s)", (ANA,))


def test_what_nothing_needs_any_more_goes_and_what_counts_stays(
    viewers: Viewers, settings: Settings, admin: Admin
) -> None:
    good(viewers.serve(), 201)
    for age in (40, 10):
        admin.execute(
            "INSERT INTO ad_schema.ad_frequency_counters (campaign_id, user_id, period_start, engagement_count,"
            " engagement_cap) SELECT id, %s, now() - make_interval(days => %s), 1, 5 FROM ad_schema.ad_campaigns"
            " WHERE campaign_code = 'ADC-LLANTAS'",
            (ANA, age),
        )
    admin.execute(
        "UPDATE ad_schema.ad_campaigns SET frequency_period = 'CAMPAIGN', starts_at = now() - interval '50 days'"
        " WHERE campaign_code = 'ADC-BANCO'"
    )
    admin.execute(
        "INSERT INTO ad_schema.ad_frequency_counters (campaign_id, user_id, period_start, engagement_count,"
        " engagement_cap) SELECT id, %s, starts_at, 1, 5 FROM ad_schema.ad_campaigns WHERE campaign_code = 'ADC-BANCO'",
        (ANA,),
    )
    put_redemption(admin, ANA, until="-91 days")
    put_redemption(admin, ANA, until="-2 days")
    counters = "SELECT count(*) FROM ad_schema.ad_frequency_counters WHERE user_id = %s"
    assert one(admin, counters, ANA) == 3
    assert run(settings, retention.forget_ended) == {
        "counters of views": 1, "counted viewers": 0, "multiplied redemptions": 1, "callbacks": 0,
    }  # fmt: skip
    assert one(admin, counters, ANA) == 2, "the whole campaign's counts as long as it runs"
    assert set(run(settings, retention.forget_ended).values()) == {0}


def test_what_happened_during_views_goes_by_whole_months(settings: Settings, admin: Admin) -> None:
    admin.execute(
        "SELECT ad_schema.ensure_month_partitions('ad_engagement_events', (now() - interval '15 months')::date,"
        " (now() - interval '10 months')::date)"
    )
    admin.execute(
        "INSERT INTO ad_schema.ad_engagement_events (engagement_id, event_type, created_at)"
        " SELECT 1, 'START', now() - make_interval(months => age) FROM unnest(ARRAY[14, 13, 12]) AS age"
    )
    kept = "SELECT count(*) FROM ad_schema.ad_engagement_events WHERE created_at < now() - interval '1 month'"
    assert run(settings, retention.drop_view_events) in {1, 2}
    assert one(admin, kept) == 2
    assert run(settings, retention.drop_view_events) == 0
    with pytest.raises(Exception, match="3 to 120 months are kept"):
        run(settings, lambda db: retention.drop_view_events(db, months_kept=2))
    assert datetime.now(UTC).strftime("ad_engagement_events_%Y_%m") in {
        name
        for (name,) in admin.execute(
            "SELECT c.relname FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid"
            " WHERE i.inhparent = 'ad_schema.ad_engagement_events'::regclass"
        ).fetchall()
    }
