"""Campaigns as those run them who may: over HTTP, with a token, against a real database."""

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from gasolinera.config import Settings
from gasolinera.coupon.jobs import CAMPAIGN_JOBS
from gasolinera.permissions import Caller, Role
from gasolinera.security import issue_access_token
from tests.applications import create_app
from tests.schema.coupon_rows import (
    new_coupons,
    use,
)

Client = TestClient[Litestar]
Admin = psycopg.Connection[Any]
Login = Callable[..., dict[str, str]]
AUTHOR = UUID("a0000000-0000-4000-8000-000000000001")
SECOND = UUID("a0000000-0000-4000-8000-000000000002")
THIRD = UUID("a0000000-0000-4000-8000-000000000003")


@pytest.fixture
def app(settings: Settings) -> Litestar:
    return create_app(settings)


@pytest.fixture
def client(app: Litestar) -> Generator[Client]:
    with TestClient(app, raise_server_exceptions=False) as opened:
        yield opened


@pytest.fixture
def login(app: Litestar, client: Client) -> Login:
    def headers(
        user: UUID = AUTHOR, role: Role = Role.SYSTEM_ADMIN, station: str | None = None, *, is_second: bool = True
    ) -> dict[str, str]:
        caller = Caller(
            role=role,
            user_id=user,
            session_id=uuid4(),
            station_code=station,
            employee_number=None if station is None else "EMP000011",
            has_second_factor=is_second,
        )
        token = issue_access_token(app.state["keyring"], caller, now=datetime.now(UTC)).token
        return {"authorization": f"Bearer {token}"}

    return headers


def new(**values: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "campaign_code": "VERANO2027",
        "name": "Verano 2027",
        "discount_type": "PERCENTAGE",
        "discount_value": "12.50",
        "maximum_discount": "50.00",
        "valid_from": (now - timedelta(days=1)).isoformat(),
        "valid_until": (now + timedelta(days=30)).isoformat(),
        "budget_amount": "1000.00",
        **values,
    }


class Desk:
    """Those who run campaigns, and what they ask."""

    def __init__(self, client: Client, login: Login) -> None:
        self.client, self.login = client, login

    def draft(self, **values: Any) -> Any:
        headers = self.login() | {"idempotency-key": str(uuid4())}
        return self.client.post("/api/campaigns", json=new(**values), headers=headers)

    def read(self, code: str = "VERANO2027", **who: Any) -> Any:
        return self.client.get(f"/api/campaigns/{code}", headers=self.login(**who))

    def change(self, user: UUID = AUTHOR, version: str | None = None, **values: Any) -> Any:
        etag = version or self.read().headers["etag"]
        return self.client.patch(
            "/api/campaigns/VERANO2027", json=values, headers=self.login(user) | {"if-match": etag}
        )

    def go(self, status: str, code: str = "VERANO2027") -> tuple[int, str]:
        answer = self.client.post(f"/api/campaigns/{code}/status", json={"status": status}, headers=self.login())
        return answer.status_code, answer.json().get("code") or answer.json()["status"]

    def approve(self, user: UUID, version: str | None = None) -> tuple[int, str | None]:
        etag = version or self.read().headers["etag"]
        answer = self.client.post("/api/campaigns/VERANO2027/approval", headers=self.login(user) | {"if-match": etag})
        return answer.status_code, answer.json().get("code")

    def clock(self, *, opens: bool = True) -> tuple[int, str | None]:
        answer = self.client.post(
            "/api/campaigns/VERANO2027/opening", json={"opens_by_clock": opens}, headers=self.login()
        )
        return answer.status_code, answer.json().get("code")


@pytest.fixture
def desk(client: Client, login: Login) -> Desk:
    return Desk(client, login)


def run_the_clock(app: Litestar, client: Client) -> str:
    with client.portal() as portal:
        return str(portal.call(CAMPAIGN_JOBS[0].run, app.state["coupon"], dict[str, str]()))


def test_a_campaign_is_drafted_read_and_found(desk: Desk, admin: Admin) -> None:
    made = desk.draft(
        stations=["JSM002", "JSM001"],
        weekdays=[5, 1],
        daily_from="22:00",
        daily_until="06:00",
        per_user_period="WEEK",
        per_user_period_limit=1,
    )
    assert made.status_code == 201, made.text
    body = made.json()
    assert (body["status"], body["stations"], body["weekdays"]) == ("DRAFT", ["JSM001", "JSM002"], [1, 5])
    assert (body["daily_from"], body["daily_until"], body["per_user_period"]) == ("22:00", "06:00", "WEEK")
    assert (body["discount_value"], body["budget_amount"], body["spent"]) == ("12.50", "1000.00", "0.00")
    assert body["created_by"] == str(AUTHOR)
    read = desk.read("verano2027")
    assert (read.json(), read.headers["etag"]) == (body, made.headers["etag"])
    again = desk.draft()
    assert (again.status_code, again.json()["code"]) == (409, "campaign.code_taken")
    logged = admin.execute(
        "SELECT action, actor, new_values -> 'stations' FROM coupon_schema.coupon_audit_log"
        " WHERE campaign_code = 'VERANO2027'"
    ).fetchall()
    assert logged == [("CAMPAIGN_CREATED", str(AUTHOR), ["JSM001", "JSM002"])]


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"discount_value": "101"}, "campaign.discount"),
        ({"discount_value": "0.001"}, "campaign.amount"),
        ({"discount_type": "FIXED_AMOUNT"}, "campaign.discount"),
        ({"time_zone": "America/Atlantis"}, "campaign.time_zone"),
        ({"valid_until": "2020-01-01T00:00:00Z"}, "campaign.validity"),
        ({"valid_from": "0001-01-01T00:00:00+10:00"}, "campaign.moment"),
        ({"valid_until": "9999-12-31T23:59:59-10:00"}, "campaign.moment"),
        ({"valid_from": "2052-01-01T00:00:00Z", "valid_until": "2053-01-01T00:00:00Z"}, "campaign.unfit"),
        ({"daily_from": "06:00"}, "campaign.hours"),
        ({"daily_from": "24:00", "daily_until": "00:00"}, "campaign.hours"),
        ({"audience": "LOYAL"}, "campaign.loyal_after_redemptions"),
        ({"per_user_period": "DAY"}, "campaign.per_user_period"),
        ({"currency": "CRC", "minimum_purchase": "0.50", "maximum_discount": None}, "campaign.amount"),
        ({"weekdays": [8]}, "request.invalid"),
        ({"stations": []}, "request.invalid"),
        ({"name": "\u2800"}, "campaign.name"),
        ({"budget": "1"}, "request.invalid"),
    ],
)
def test_a_draft_with_a_wrong_value_is_refused(desk: Desk, values: dict[str, Any], code: str) -> None:
    refused = desk.draft(**values)
    assert (refused.status_code, refused.json()["code"]) == (422, code), refused.text


def test_a_change_names_the_version_that_it_is_of(desk: Desk) -> None:
    first = desk.draft().headers["etag"]
    changed = desk.change(version=first, name="Verano largo", stations=["JSM001"])
    assert (changed.status_code, changed.json()["name"], changed.json()["stations"]) == (
        200,
        "Verano largo",
        ["JSM001"],
    )
    stale = desk.change(version=first, name="Otro")
    assert (stale.status_code, stale.json()["code"]) == (412, "campaign.stale")
    everywhere = desk.change(stations=None, per_user_usage_limit=3, maximum_discount=None)
    assert (everywhere.json()["stations"], everywhere.json()["per_user_usage_limit"]) == (None, 3)
    assert everywhere.json()["maximum_discount"] is None
    beyond = desk.change(valid_until="9999-12-31T23:59:59-10:00")
    assert (beyond.status_code, beyond.json()["code"]) == (422, "campaign.moment")
    unnamed = desk.client.patch("/api/campaigns/VERANO2027", json={"name": "X"}, headers=desk.login())
    assert (unnamed.status_code, unnamed.json()["code"]) == (428, "campaign.version_needed")
    desk.go("CANCELLED")
    over = desk.change(name="Tarde")
    assert (over.status_code, over.json()["code"]) == (409, "campaign.over")


def test_of_two_changes_of_one_version_one_is_made(desk: Desk) -> None:
    etag = desk.draft().headers["etag"]

    def change(name: str) -> int:
        return desk.change(version=etag, name=name).status_code

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(change, ("Una", "Otra")))
    assert sorted(answers) == [200, 412]


def test_a_campaign_goes_from_state_to_state_as_it_may_and_each_step_is_told(desk: Desk, admin: Admin) -> None:
    desk.draft()
    assert desk.go("PAUSED") == (409, "campaign.status")
    assert desk.go("ACTIVE") == (200, "ACTIVE")
    assert desk.go("DRAFT") == (409, "campaign.status")
    assert desk.go("PAUSED") == (200, "PAUSED")
    assert desk.go("ACTIVE") == (200, "ACTIVE")
    assert desk.go("COMPLETED") == (200, "COMPLETED")
    assert desk.go("ACTIVE") == (409, "campaign.status")
    assert desk.go("ACTIVE", "NOBODY") == (404, "campaign.unknown")
    told = admin.execute(
        "SELECT payload ->> 'status', payload ->> 'cancellation_policy' FROM coupon_schema.outbox_events"
        " WHERE event_type = 'campaign.changed' AND aggregate_key = 'VERANO2027' ORDER BY id"
    ).fetchall()
    assert told == [(status, "RESTORE_IF_VALID") for status in ("DRAFT", "ACTIVE", "PAUSED", "ACTIVE", "COMPLETED")]


def test_a_small_budget_opens_alone_and_a_large_one_after_a_second_persons_approval(desk: Desk) -> None:
    desk.draft(budget_amount="50000.01")
    assert desk.go("ACTIVE") == (409, "campaign.approval_needed")
    assert desk.approve(AUTHOR) == (403, "campaign.own_approval")
    assert desk.approve(SECOND, '"1"') == (412, "campaign.stale")
    assert desk.approve(SECOND) == (200, None)
    assert desk.read().json()["approved_by"] == str(SECOND)
    assert desk.go("ACTIVE") == (200, "ACTIVE")
    desk.go("CANCELLED")
    assert desk.approve(THIRD) == (409, "campaign.over")


def test_what_has_no_budget_needs_approval_and_some_bound(desk: Desk) -> None:
    desk.draft(budget_amount=None)
    assert desk.go("ACTIVE") == (409, "campaign.unbounded")
    desk.change(total_usage_limit=10)
    assert desk.go("ACTIVE") == (409, "campaign.approval_needed")
    assert desk.approve(SECOND) == (200, None)
    desk.change(total_usage_limit=11)
    assert desk.go("ACTIVE") == (409, "campaign.approval_needed")


def test_who_raises_a_budget_ends_its_approval_and_does_not_give_it_anew(desk: Desk) -> None:
    desk.draft(budget_amount="60000")
    desk.approve(SECOND)
    desk.go("ACTIVE")
    assert desk.change(SECOND, budget_amount="59000").json()["approved_by"] == str(SECOND)
    raised = desk.change(SECOND, budget_amount="90000")
    assert (raised.status_code, raised.json()["code"]) == (409, "campaign.approval_needed")
    desk.go("PAUSED")
    raised = desk.change(SECOND, budget_amount="90000")
    assert (raised.status_code, raised.json()["approved_by"], raised.json()["raised_by"]) == (200, None, str(SECOND))
    assert desk.go("ACTIVE") == (409, "campaign.approval_needed")
    assert desk.approve(SECOND) == (403, "campaign.own_approval")
    assert desk.approve(AUTHOR) == (403, "campaign.own_approval")
    assert desk.approve(THIRD) == (200, None)
    assert desk.go("ACTIVE") == (200, "ACTIVE")


def test_the_clock_opens_drafts_that_were_told_to_and_closes_what_is_over(
    app: Litestar, client: Client, desk: Desk, admin: Admin
) -> None:
    now = datetime.now(UTC)
    desk.draft(valid_from=(now + timedelta(hours=1)).isoformat())
    assert run_the_clock(app, client) == "0 campaigns opened, 0 closed"
    assert desk.clock() == (200, None)
    assert desk.read().json()["opens_by_clock"]
    assert run_the_clock(app, client) == "0 campaigns opened, 0 closed"
    admin.execute("UPDATE coupon_schema.campaigns SET valid_from = now() WHERE campaign_code = 'VERANO2027'")
    assert run_the_clock(app, client) == "1 campaigns opened, 0 closed"
    assert (desk.read().json()["status"], desk.read().json()["opens_by_clock"]) == ("ACTIVE", False)
    admin.execute("UPDATE coupon_schema.campaigns SET valid_until = now() WHERE campaign_code = 'VERANO2027'")
    assert run_the_clock(app, client) == "0 campaigns opened, 1 closed"
    assert desk.read().json()["status"] == "COMPLETED"
    actors = admin.execute(
        "SELECT actor FROM coupon_schema.coupon_audit_log WHERE campaign_code = 'VERANO2027'"
        " AND new_values ->> 'status' IN ('ACTIVE', 'COMPLETED')"
    ).fetchall()
    assert actors == [("job:coupon.keep_campaigns_to_the_clock",)] * 2


def test_only_what_could_open_waits_for_the_clock(desk: Desk) -> None:
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    desk.draft()
    assert desk.clock() == (409, "campaign.has_begun")
    desk.change(valid_from=later, budget_amount="60000")
    assert desk.clock() == (409, "campaign.approval_needed")
    desk.change(budget_amount="50000")
    assert desk.clock() == (200, None)
    raised = desk.change(budget_amount="60000")
    assert (raised.status_code, raised.json()["code"]) == (409, "campaign.approval_needed")
    assert desk.clock(opens=False) == (200, None)
    desk.go("CANCELLED")
    assert desk.clock() == (409, "campaign.status")


def test_a_list_is_read_by_pages_and_narrowed(desk: Desk) -> None:
    def codes(query: str, **who: Any) -> list[str]:
        found = desk.client.get(f"/api/campaigns?{query}", headers=desk.login(**who))
        assert found.status_code == 200, found.text
        return [item["campaign_code"] for item in found.json()["items"]]

    everything = codes("limit=100")
    assert everything == sorted(everything)
    assert len(everything) == 8
    first = desk.client.get("/api/campaigns?limit=5", headers=desk.login()).json()
    assert codes(f"limit=5&cursor={first['next_cursor']}") == everything[5:]
    assert codes("status=DRAFT") == ["STUDENT2026"]
    assert codes("q=verano") == codes("q=SUMMER") == ["SUMMER2026"]
    assert codes("running=true") == ["PREMIUM2026", "SUMMER2026", "WEEKEND2026", "WELCOME2026"]
    assert "PREMIUM2026" in codes("station=JSM002")
    assert "PREMIUM2026" not in codes("station=JSM001")
    # A station's administrator sees the own station, whatever is asked.
    assert codes("station=JSM002&limit=100", role=Role.STATION_ADMIN, station="JSM001") == [
        code for code in everything if code != "PREMIUM2026"
    ]


def test_who_may_what(desk: Desk, client: Client, login: Login) -> None:
    manager = login(role=Role.STATION_ADMIN, station="JSM001")
    assert client.get("/api/campaigns/PREMIUM2026", headers=manager).status_code == 404
    assert client.get("/api/campaigns/SUMMER2026", headers=manager).status_code == 200
    assert client.get("/api/campaigns/SUMMER2026/audit", headers=manager).status_code == 403
    assert client.get("/api/campaigns/statistics", headers=manager).status_code == 403
    assert client.post("/api/campaigns", json=new(), headers=manager | {"idempotency-key": "k-1"}).status_code == 403
    customer = login(role=Role.CUSTOMER)
    assert client.get("/api/campaigns", headers=customer).status_code == 403
    running = client.get("/api/campaigns/active", headers=customer).json()["items"]
    assert [one["campaign_code"] for one in running] == ["PREMIUM2026", "SUMMER2026", "WEEKEND2026", "WELCOME2026"]
    for path in ("/status", "/approval", "/opening"):
        answer = client.post(f"/api/campaigns/SUMMER2026{path}", json={}, headers=login(is_second=False))
        assert (answer.status_code, answer.json()["code"]) == (403, "auth.second_factor_needed"), path


def test_the_log_says_who_changed_what(desk: Desk) -> None:
    desk.draft()
    desk.change(name="Otro nombre", stations=["JSM003"])
    desk.change(stations=["JSM004"])
    log = desk.client.get("/api/campaigns/VERANO2027/audit", headers=desk.login()).json()["items"]
    assert [entry["action"] for entry in log] == ["CAMPAIGN_CHANGED"] * 4 + ["CAMPAIGN_CREATED"]
    stations = [
        (entry["old_values"].get("stations"), entry["new_values"].get("stations"))
        for entry in log[:-1]
        if "stations" in entry["old_values"] | entry["new_values"]
    ]
    assert sorted(map(str, stations)) == ["(None, ['JSM003'])", "(None, ['JSM004'])", "(['JSM003'], None)"]
    assert {entry["actor"] for entry in log} == {str(AUTHOR)}
    first = desk.client.get("/api/campaigns/VERANO2027/audit?limit=2", headers=desk.login()).json()
    rest = desk.client.get(
        f"/api/campaigns/VERANO2027/audit?cursor={first['next_cursor']}", headers=desk.login()
    ).json()
    assert [*first["items"], *rest["items"]] == log


def test_a_period_and_its_zone_are_fixed_once_the_campaign_has_opened(desk: Desk) -> None:
    desk.draft(per_user_period="DAY", per_user_period_limit=1)
    assert desk.change(per_user_period="MONTH").status_code == 200
    desk.go("ACTIVE")
    changes: list[dict[str, Any]] = [{"per_user_period": "DAY"}, {"time_zone": "America/Cancun"}]
    for values in changes:
        refused = desk.change(**values)
        assert (refused.status_code, refused.json()["code"]) == (409, "campaign.period_is_fixed")
    assert desk.change(per_user_period_limit=5).json()["per_user_period_limit"] == 5


def test_a_budget_below_what_is_spent_is_refused(desk: Desk, admin: Admin) -> None:
    desk.draft(discount_type="FIXED_AMOUNT", discount_value="100", maximum_discount=None)
    desk.go("ACTIVE")
    row = admin.execute("SELECT id FROM coupon_schema.campaigns WHERE campaign_code = 'VERANO2027'").fetchone()
    assert row is not None
    use(admin, *new_coupons(admin, row[0], 2))
    assert Decimal(desk.read().json()["spent"]) == 200
    refused = desk.change(budget_amount="199.99")
    assert (refused.status_code, refused.json()["code"]) == (409, "campaign.limit_below_usage")
