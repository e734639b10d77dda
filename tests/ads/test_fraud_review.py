"""Doubtful views wait for a person, who accepts or rejects each once."""

import asyncio
from collections.abc import Generator
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from gasolinera.ads import fraud_review
from gasolinera.config import Settings
from gasolinera.database import open_database
from gasolinera.errors import ConflictError
from gasolinera.permissions import Caller, Role
from tests.ads.watching import (
    ANA,
    REVIEWER,
    Admin,
    Viewers,
    good,
    one,
    problem,
    put_campaign,
    put_redemption,
    told,
    watching,
)


@pytest.fixture
def viewers(settings: Settings, admin: Admin) -> Generator[Viewers]:
    admin.execute("DELETE FROM ad_schema.ad_view_reviews")  # the sample's
    put_campaign(admin)
    with watching(settings, admin) as found:
        yield found


def ask(viewers: Viewers, method: str, path: str, role: Role = Role.SYSTEM_ADMIN, user: UUID = REVIEWER,
        body: dict[str, Any] | None = None) -> Any:  # fmt: skip
    return viewers.client.request(method, f"/api/ads/reviews{path}", headers=viewers.headers(user, role), json=body)


def doubtful(viewers: Viewers, user: UUID = ANA, reference: str | None = None) -> str:
    """A completed view that waits to be looked at."""
    view = str(viewers.watch(reference, user)["view_id"])
    viewers.admin.execute(
        "INSERT INTO ad_schema.ad_view_reviews (engagement_id, fraud_score, findings)"
        ' SELECT id, 45, \'{"HIDDEN": 20, "SILENT": 25}\' FROM ad_schema.ad_engagements WHERE public_id = %s',
        (view,),
    )
    return view


def test_the_queue_is_read_page_by_page_the_oldest_first_and_each_view_with_what_its_player_told(
    viewers: Viewers,
) -> None:
    views = [doubtful(viewers, uuid4()) for _ in range(3)]
    pages: list[str] = []
    cursor = ""
    for _ in views:
        page = good(ask(viewers, "GET", f"?limit=1{cursor}"))
        pages += [line["view_id"] for line in page["items"]]
        cursor = f"&cursor={page['next_cursor']}"
    assert (pages, cursor) == (views, "&cursor=None")
    assert good(ask(viewers, "GET", "?campaign=ADC-REFRESCO"))["items"] == []
    found = good(ask(viewers, "GET", f"/{views[0]}"))
    assert found["review"]["findings"] == {"HIDDEN": 20, "SILENT": 25}
    assert (found["review"]["cost"], found["review"]["view_status"]) == ("1.50", "COMPLETED")
    happened = [event["event_type"] for event in found["events"]]
    assert happened[0] == "START"
    assert happened[-1] == "COMPLETE"
    assert problem(ask(viewers, "GET", f"/{uuid4()}")) == (404, "ads.review_unknown")


def test_a_rejection_takes_the_bonus_back_is_not_billed_and_is_said_once(viewers: Viewers, admin: Admin) -> None:
    put_campaign(admin, total_budget="1.50", daily_budget="1.50")
    view = doubtful(viewers, reference=put_redemption(admin, tickets=3))
    shares = "SELECT array_agg(spent ORDER BY spent) FROM ad_schema.ad_campaign_budget_shards JOIN ad_schema.ad_serving"
    shares += " USING (campaign_id) WHERE spent > 0"
    assert one(admin, shares) == [Decimal("1.50")] * 2
    assert problem(viewers.serve(None, uuid4())) == (404, "ads.nothing_to_show")
    assert problem(ask(viewers, "POST", f"/{view}/reject", body={})) == (422, "request.invalid")
    assert problem(ask(viewers, "POST", f"/{view}/reject", body={"note": "  "})) == (422, "request.invalid")
    for _ in range(2):
        review = good(ask(viewers, "POST", f"/{view}/reject", body={"note": "Nobody was there."}))
        assert (review["status"], review["bonus_taken_back"], review["bonus_tickets"]) == ("REJECTED", 3, 0)
        assert (review["decided_by"], review["note"]) == (str(REVIEWER), "Nobody was there.")
        assert review["cost"] == "0.00"
    assert [event["bonus_tickets"] for event in told(admin, "ad.view.rejected")] == [3]
    # The total budget's share and the day's have it back, and somebody else can be shown the advertisement.
    assert one(admin, shares) is None
    charged = one(admin, "SELECT cost, rejected_cost FROM ad_schema.ad_engagements WHERE public_id = %s", view)
    assert charged == (0, Decimal("1.50"))
    assert viewers.watch(None, uuid4())["status"] == "COMPLETED"
    assert one(admin, shares) == [Decimal("1.50")] * 2
    assert problem(ask(viewers, "POST", f"/{view}/accept", body={})) == (409, "ads.review_decided")
    assert good(ask(viewers, "GET", ""))["items"] == []
    assert [line["view_id"] for line in good(ask(viewers, "GET", "?status=REJECTED"))["items"]] == [view]


def test_what_is_accepted_stays_accepted(viewers: Viewers, admin: Admin) -> None:
    view = doubtful(viewers)
    for _ in range(2):
        assert good(ask(viewers, "POST", f"/{view}/accept", body={"note": None}))["status"] == "ACCEPTED"
    assert problem(ask(viewers, "POST", f"/{view}/reject", body={"note": "No."})) == (409, "ads.review_decided")
    assert one(admin, "SELECT status FROM ad_schema.ad_engagements WHERE public_id = %s", view) == "COMPLETED"


def test_a_completed_view_is_rejected_without_having_been_in_the_queue_and_a_running_one_not(
    viewers: Viewers, admin: Admin
) -> None:
    quiet = str(viewers.watch()["view_id"])
    assert problem(ask(viewers, "POST", f"/{quiet}/accept", body={})) == (409, "ads.not_in_queue")
    assert good(ask(viewers, "POST", f"/{quiet}/reject", body={"note": "A bot."}))["status"] == "REJECTED"
    running = viewers.start(None, uuid4())
    assert problem(ask(viewers, "POST", f"/{running}/reject", body={"note": "A bot."})) == (409, "ads.not_in_queue")
    assert problem(ask(viewers, "POST", f"/{uuid4()}/reject", body={"note": "A bot."})) == (404, "ads.review_unknown")
    assert one(admin, "SELECT count(*) FROM ad_schema.ad_view_reviews WHERE decided_at IS NOT NULL") == 1


def test_nobody_decides_about_an_own_view_and_only_who_may_sees_the_queue(viewers: Viewers) -> None:
    own = doubtful(viewers, REVIEWER)
    assert problem(ask(viewers, "POST", f"/{own}/accept", body={})) == (403, "ads.own_view")
    for role in (Role.CUSTOMER, Role.EMPLOYEE, Role.STATION_ADMIN):
        for method, path in (("GET", ""), ("GET", f"/{own}"), ("POST", f"/{own}/accept"), ("POST", f"/{own}/reject")):
            body = {"note": "x"} if method == "POST" else None
            assert problem(ask(viewers, method, path, role, ANA, body)) == (403, "auth.not_permitted")


def test_of_many_who_decide_differently_at_once_one_decides(viewers: Viewers, settings: Settings, admin: Admin) -> None:
    view = UUID(doubtful(viewers, reference=put_redemption(admin)))

    async def decide(number: int) -> str:
        caller = Caller(role=Role.SYSTEM_ADMIN, user_id=UUID(int=number + 1))
        try:
            async with open_database(settings, "ads") as db, db.transaction() as conn:
                await fraud_review.decide(conn, caller, view, is_accepted=number % 2 == 0, note="Seen.")
        except ConflictError:
            return "refused"
        return "ACCEPTED" if number % 2 == 0 else "REJECTED"

    async def race() -> list[str]:
        return await asyncio.gather(*(decide(number) for number in range(8)))

    outcomes = asyncio.run(race())
    decided = one(admin, "SELECT status FROM ad_schema.ad_view_reviews")
    assert sorted(outcomes) == sorted([decided] * 4 + ["refused"] * 4)
    assert len(told(admin, "ad.view.rejected")) == (decided == "REJECTED")
