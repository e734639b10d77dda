"""Advertisers and campaigns as those run them who may: over HTTP, against a real database."""

import asyncio
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from gasolinera.ads.jobs_campaigns import AD_CAMPAIGN_JOBS
from gasolinera.config import Settings
from gasolinera.database import Database, open_database
from gasolinera.permissions import Role
from tests.ads.desk import THIRD, Admin, Desk, make_ad, make_campaign, nothing_else_runs
from tests.applications import create_app

JOBS = {job.name: job for job in AD_CAMPAIGN_JOBS}


@pytest.fixture
def desk(settings: Settings) -> Generator[Desk]:
    app: Litestar = create_app(settings)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield Desk(app, client)


def run_job(settings: Settings, name: str) -> str:
    async def run() -> str:
        async with open_database(settings, "ads") as db:
            return await _run(db)

    async def _run(db: Database) -> str:
        return await JOBS[name].run(db, {})

    return asyncio.run(run())


def shares(admin: Admin, code: str, day: str | None) -> list[tuple[Decimal, Decimal]]:
    """Allotted and spent, by number, of the total budget or of `today` and `tomorrow` in the campaign's zone."""
    days = {None: "NULL::date", "today": "here.today", "tomorrow": "here.today + 1"}
    return admin.execute(
        f"""
        SELECT s.allotted, s.spent
          FROM ad_schema.ad_campaign_budget_shards AS s
          JOIN ad_schema.ad_campaigns AS c ON c.id = s.campaign_id
         CROSS JOIN LATERAL (SELECT (now() AT TIME ZONE c.time_zone)::date AS today) AS here
         WHERE c.campaign_code = %s AND s.budget_date IS NOT DISTINCT FROM {days[day]}
         ORDER BY s.shard""".encode(),
        (code,),
    ).fetchall()


def test_an_advertiser_is_taken_on_changed_found_and_suspended(desk: Desk) -> None:
    new = {"advertiser_code": "PAN-DE-NUBE", "name": "Pan de Nube", "contact_email": "ana@pandenube.example"}
    made = desk.ask("POST", "/advertisers", json=new)
    assert (made.status_code, made.json()["status"], made.json()["campaigns"]) == (201, "ACTIVE", 0)
    assert desk.ask("POST", "/advertisers", json=new).json()["code"] == "advertiser.code_taken"
    changed = desk.ask("PATCH", "/advertisers/pan-de-nube", json={"status": "SUSPENDED", "contact_email": None})
    assert (changed.json()["status"], changed.json()["contact_email"]) == ("SUSPENDED", None)
    found = desk.ask("GET", "/advertisers", params={"q": "nube", "status": "SUSPENDED"}).json()["items"]
    assert [one["advertiser_code"] for one in found] == ["PAN-DE-NUBE"]
    assert desk.ask("PATCH", "/advertisers/NOBODY", json={"name": "X"}).json()["code"] == "advertiser.unknown"
    refused = desk.draft_campaign(advertiser_code="PAN-DE-NUBE")
    assert refused.status_code == 201  # a draft may wait for its advertiser
    assert desk.go("ADC-TEST", "ACTIVE") == (409, "ad_campaign.advertiser")


def test_a_campaign_goes_from_draft_to_its_end_and_its_budget_is_dealt_when_it_starts(desk: Desk, admin: Admin) -> None:
    targets = [
        {"dimension": "STATION", "value": "JSM001"},
        {"dimension": "CITY", "value": "Tijuana", "is_excluded": True},
    ]
    windows = [{"weekday": day, "from_time": "06:00", "until_time": "24:00"} for day in (1, 2)]
    made = desk.draft_campaign(targets=targets, windows=windows)
    assert made.status_code == 201, made.text
    assert made.json()["targets"] == [targets[1], targets[0] | {"is_excluded": False}]
    assert made.json()["windows"] == windows
    assert (made.json()["total_budget"], made.json()["spent"]) == ("1000.00", "0")
    assert shares(admin, "ADC-TEST", None) == []

    assert desk.go("ADC-TEST", "ACTIVE") == (200, "ACTIVE")
    for day, budget in ((None, 1000), ("today", 100), ("tomorrow", 100)):
        dealt = [allotted for allotted, _ in shares(admin, "ADC-TEST", day)]
        assert sum(dealt) == budget
        assert len(dealt) == 8  # 100.00 is 66 views of 1.50, and a share holds eight of them at least
        assert max(dealt) - min(dealt) <= Decimal("0.01")
    assert desk.go("ADC-TEST", "PAUSED") == (200, "PAUSED")
    assert desk.go("ADC-TEST", "ACTIVE") == (200, "ACTIVE")
    assert desk.go("ADC-TEST", "COMPLETED") == (200, "COMPLETED")
    assert desk.go("ADC-TEST", "ACTIVE") == (409, "ad_campaign.status")
    assert desk.change_campaign("ADC-TEST", name="Otro").json()["code"] == "ad_campaign.over"
    done = desk.ask("GET", "/campaigns/ADC-TEST/audit").json()["items"]
    assert [entry["new_values"].get("status") for entry in done[:4]] == ["COMPLETED", "ACTIVE", "PAUSED", "ACTIVE"]


def test_a_changed_budget_is_dealt_again_and_never_below_what_is_spent(desk: Desk, admin: Admin) -> None:
    desk.draft_campaign()
    desk.go("ADC-TEST", "ACTIVE")
    admin.execute(
        "UPDATE ad_schema.ad_campaign_budget_shards AS s SET spent = 6 FROM ad_schema.ad_campaigns AS c"
        " WHERE c.id = s.campaign_id AND c.campaign_code = 'ADC-TEST' AND s.shard = 2 AND s.budget_date IS NULL"
    )
    changed = desk.change_campaign("ADC-TEST", total_budget="2000.05", daily_budget="50.00")
    assert changed.status_code == 200, changed.text
    total = shares(admin, "ADC-TEST", None)
    assert sum(allotted for allotted, _ in total) == Decimal("2000.05")
    left = [allotted - spent for allotted, spent in total]
    assert max(left) - min(left) <= Decimal("0.01")
    assert sum(allotted for allotted, _ in shares(admin, "ADC-TEST", "today")) == 50
    below = desk.change_campaign("ADC-TEST", total_budget="5.99", daily_budget="5.00")
    assert (below.status_code, below.json()["code"]) == (409, "ad_campaign.budget_below_spent")
    assert desk.change_campaign("ADC-TEST", total_budget="6.00", daily_budget="5.00").status_code == 200
    assert sum(allotted for allotted, _ in shares(admin, "ADC-TEST", None)) == 6


def test_colones_are_dealt_whole(desk: Desk, admin: Admin) -> None:
    desk.draft_campaign(
        currency="CRC",
        total_budget="100003",
        daily_budget="50001",
        cost_per_engagement="500",
        time_zone="America/Costa_Rica",
    )
    assert desk.go("ADC-TEST", "ACTIVE") == (200, "ACTIVE")
    for day, budget in ((None, 100_003), ("today", 50_001)):
        dealt = [allotted for allotted, _ in shares(admin, "ADC-TEST", day)]
        assert sum(dealt) == budget
        assert all(allotted == int(allotted) for allotted in dealt)


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"daily_budget": "1000.01"}, "ad_campaign.daily_budget"),
        ({"total_budget": "0", "daily_budget": None, "cost_per_engagement": "0"}, "ad_campaign.total_budget"),
        ({"total_budget": "10.001"}, "ad_campaign.amount"),
        ({"cost_per_engagement": "NaN"}, "ad_campaign.amount"),
        ({"currency": "CRC", "cost_per_engagement": "1.50"}, "ad_campaign.amount"),
        ({"ends_at": "2020-01-01T00:00:00Z"}, "ad_campaign.schedule"),
        ({"time_zone": "America/Nowhere"}, "ad_campaign.time_zone"),
        ({"advertiser_code": "NOBODY"}, "ad_campaign.advertiser"),
        ({"targets": [{"dimension": "FUEL_TYPE", "value": "KEROSENE"}]}, "ad_campaign.target"),
        ({"targets": [{"dimension": "CITY", "value": "X"}] * 2}, "ad_campaign.target"),
        ({"windows": [{"weekday": 1, "from_time": "10:00", "until_time": "09:00"}]}, "ad_campaign.window"),
        ({"windows": [{"weekday": 8, "from_time": "10:00", "until_time": "19:00"}]}, "request.invalid"),
        ({"priority": 11}, "request.invalid"),
        ({"campaign_code": "ADC-REFRESCO"}, "ad_campaign.code_taken"),
    ],
)
def test_what_does_not_belong_together_is_refused_by_name(desk: Desk, values: dict[str, Any], code: str) -> None:
    assert desk.draft_campaign(**values).json()["code"] == code


def test_a_change_names_the_version_that_was_read(desk: Desk) -> None:
    etag = desk.draft_campaign().headers["etag"]
    assert desk.ask("PATCH", "/campaigns/ADC-TEST", json={"priority": 9}).json()["code"] == "ad.version_needed"
    assert desk.ask("PATCH", "/campaigns/ADC-TEST", headers={"if-match": etag}, json={"priority": 9}).is_success
    again = desk.ask("PATCH", "/campaigns/ADC-TEST", headers={"if-match": etag}, json={"priority": 8})
    assert (again.status_code, again.json()["code"]) == (412, "ad.stale")
    # targets are given whole: one stays, one changes sides, one goes
    first = [{"dimension": "CITY", "value": city} for city in ("A", "B", "C")]
    assert len(desk.change_campaign("ADC-TEST", targets=first).json()["targets"]) == 3
    second = [{"dimension": "CITY", "value": "A"}, {"dimension": "CITY", "value": "B", "is_excluded": True}]
    changed = desk.change_campaign("ADC-TEST", targets=second).json()["targets"]
    assert [(one["value"], one["is_excluded"]) for one in changed] == [("A", False), ("B", True)]


def test_lists_are_filtered_and_come_in_pages(desk: Desk) -> None:
    for number in range(5):
        desk.draft_campaign(campaign_code=f"PAGE-{number}", name=f"Página {number}")
    seen: list[str] = []
    cursor: str | None = None
    while True:
        wanted = {"q": "página", "limit": 2} | ({"cursor": cursor} if cursor else {})
        page = desk.ask("GET", "/campaigns", params=wanted).json()
        seen += [one["campaign_code"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [f"PAGE-{number}" for number in range(5)]
    running = desk.ask("GET", "/campaigns", params={"running": True, "advertiser": "LLANTAS-TECOLOTE"}).json()["items"]
    assert [one["campaign_code"] for one in running] == ["ADC-LLANTAS"]
    assert desk.ask("GET", "/campaigns", params={"cursor": "x"}).json()["code"] == "request.cursor"


def test_only_those_who_run_the_platform_may(desk: Desk) -> None:
    for role in (Role.CUSTOMER, Role.EMPLOYEE, Role.STATION_ADMIN):
        answer = desk.client.get("/api/ads/campaigns", headers=desk.login(THIRD, role))
        assert (answer.status_code, answer.json()["code"]) == (403, "auth.not_permitted"), role
    headers = desk.login(second=False) | {"idempotency-key": "a-key-that-is-long-enough"}
    answer = desk.client.post("/api/ads/campaigns", json={}, headers=headers)
    assert answer.status_code == 403
    assert desk.client.get("/api/ads/campaigns").status_code == 401


def test_a_campaign_ends_when_its_schedule_does_and_the_next_days_budget_is_dealt_before_it_begins(
    desk: Desk, admin: Admin, settings: Settings
) -> None:
    nothing_else_runs(admin)
    over, _ = make_campaign(admin, ends_at=datetime.now(UTC) - timedelta(seconds=1))
    _, code = make_campaign(admin, daily_budget=10, total_budget=500)
    assert run_job(settings, "ads.deal_budgets") == "3 budgets dealt"
    assert sum(allotted for allotted, _ in shares(admin, code, "tomorrow")) == 10
    assert run_job(settings, "ads.deal_budgets") == "0 budgets dealt"
    assert run_job(settings, "ads.end_campaigns") == "1 campaigns ended"
    ended = admin.execute("SELECT status FROM ad_schema.ad_campaigns WHERE id = %s", (over,)).fetchone()
    assert ended == ("COMPLETED",)
    assert desk.ask("GET", f"/campaigns/{code}").json()["status"] == "ACTIVE"


def test_a_budget_nearly_spent_is_told_of_once_and_again_when_it_was_raised(
    desk: Desk, admin: Admin, settings: Settings
) -> None:
    nothing_else_runs(admin)
    campaign_id, code = make_campaign(admin, total_budget=100, budget_alert_percent=80)
    make_ad(admin, campaign_id)
    run_job(settings, "ads.deal_budgets")
    spend = "UPDATE ad_schema.ad_campaign_budget_shards SET spent = trunc(allotted * %s, 2) WHERE campaign_id = %s"
    admin.execute(spend, (Decimal("0.79"), campaign_id))
    assert run_job(settings, "ads.pace_campaigns") == "0 advertisements rest, 0 budgets told of"
    admin.execute(spend, (Decimal("0.81"), campaign_id))
    assert run_job(settings, "ads.pace_campaigns").endswith("1 budgets told of")
    assert run_job(settings, "ads.pace_campaigns").endswith("0 budgets told of")
    events = admin.execute(
        "SELECT aggregate_key, payload ->> 'total_budget', payload ->> 'budget_alert_percent'"
        "  FROM ad_schema.outbox_events WHERE event_type = 'ad.campaign.budget_alert'"
    ).fetchall()
    assert events == [(code, "100.00", "80")]
    assert desk.change_campaign(code, total_budget="200.00").json()["budget_alerted_at"] is None
    assert run_job(settings, "ads.pace_campaigns").endswith("0 budgets told of")
