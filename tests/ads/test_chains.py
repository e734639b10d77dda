"""From a redemption to its bonus tickets and back, over the real outboxes and inboxes, and events in any order."""

import asyncio
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from litestar.testing import TestClient

from gasolinera.ads.events import CONSUMERS
from gasolinera.config import Settings
from gasolinera.database import open_database
from gasolinera.inbox import Inbox
from gasolinera.redemption.events import CONSUMERS as REDEMPTION_CONSUMERS
from gasolinera.relay import InboxTransport, Relay
from tests.ads.watching import ANA, REVIEWER, Admin, Viewers, another_ad, good, hear, one, put_campaign, watching
from tests.applications import create_app
from tests.coupon.at_hand import make_campaign, make_coupon
from tests.event_steps import SOON
from tests.redemption.desk import ATTENDANT, MANAGER, Desk, user
from tests.schema.redemption_steps import tickets_of

DRIVER = user(51)


@pytest.fixture
def viewers(settings: Settings, admin: Admin) -> Generator[Viewers]:
    with watching(settings, admin) as found:
        yield found


def carry(settings: Settings) -> None:
    """What the two services have told, into each other's inboxes and to its effect."""

    async def run() -> None:
        async with open_database(settings, "ads") as ads, open_database(settings, "redemption") as redemption:
            to_ads = Inbox("ads", "ad_schema", CONSUMERS)
            to_redemption = Inbox("redemption", "redemption_schema", REDEMPTION_CONSUMERS)
            straight = (
                (
                    Relay("redemption", "redemption_schema", InboxTransport([(to_ads, ads, asyncio.Event())])),
                    redemption,
                ),
                (Relay("ads", "ad_schema", InboxTransport([(to_redemption, redemption, asyncio.Event())])), ads),
            )
            done = 1
            while done:
                done = 0
                for relay, db in straight:
                    done += await relay.work(db, retries=SOON)
                done += await to_ads.work(ads, retries=SOON)
                done += await to_redemption.work(redemption, retries=SOON)

    asyncio.run(run())


def redeem(desk: Desk, admin: Admin) -> str:
    """A redemption that earns two tickets for a raffle that its campaign names."""
    code = make_coupon(admin, make_campaign(admin, "TEN", raffle_tickets_per_coupon=2, raffle_code="MONTHLY-2026-12"))
    pumped = {"litres": "20.000", "price_per_litre": "23.905", "fuel_type": "REGULAR", "dispenser_code": "D03"}
    return str(good(desk.post("", ATTENDANT, {"code": code} | pumped), 201)["transaction_reference"])


def next_steps(viewers: Viewers) -> dict[str, int | None]:
    return {chain["reference"]: chain["next_step"] for chain in good(viewers.get("/chains", DRIVER))["items"]}


def test_a_redeemed_coupons_tickets_are_multiplied_by_a_chain_and_go_with_its_cancellation(
    settings: Settings, admin: Admin
) -> None:
    app = create_app(settings)
    with TestClient(app, raise_server_exceptions=False) as client:
        desk, viewers = Desk(app, client), Viewers(app, client, admin)
        ad = put_campaign(admin, multiplier=3)
        another_ad(admin, ad)
        reference = redeem(desk, admin)
        assert viewers.serve(reference, DRIVER).status_code == 404  # the news has not come yet
        carry(settings)
        steps = [viewers.watch(reference, DRIVER) for _ in range(2)]
        assert [step["bonus_tickets"] for step in steps] == [4, 4]
        carry(settings)
        carry(settings)
        assert tickets_of(admin, reference) == {"ENTERED": 2 + 4 + 4}
        # A person looks at the second one and refuses it.
        view = steps[1]["view_id"]
        outcome = one(admin, "SELECT ad_schema.decide_view_review(%s, false, %s, 'an emulator')", view, REVIEWER)
        assert outcome == "REJECTED"
        assert one(admin, "SELECT ad_schema.decide_view_review(%s, false, %s, 'again')", view, REVIEWER) == (
            "REJECTED_BEFORE"
        )
        carry(settings)
        assert tickets_of(admin, reference) == {"ENTERED": 6, "CANCELLED": 4}
        # The step that was refused is not given again.
        assert next_steps(viewers)[reference] == 3
        running = viewers.start(None, DRIVER)
        good(viewers.report(running, 1, 0, DRIVER, event="ABANDON"))
        good(desk.post(f"/{reference}/cancel", MANAGER, {"reason": "the wrong pump"}))
        carry(settings)
        assert tickets_of(admin, reference) == {"CANCELLED": 10}
        assert viewers.serve(reference, DRIVER).status_code == 409
        assert reference not in next_steps(viewers)
    assert one(admin, "SELECT count(*) FROM ad_schema.dead_letters") == 0
    assert one(admin, "SELECT count(*) FROM redemption_schema.dead_letters") == 0


def facts(reference: str, user_id: UUID = ANA, **more: Any) -> dict[str, Any]:
    """As the catalogue of events has it, with more than matters here."""
    return {
        "reference": reference,
        "user_id": str(user_id),
        "station_code": "JSM001",
        "fuel_type": "REGULAR",
        "tickets_earned": 3,
        "final_amount": "430.29",
        "completed_at": datetime.now(UTC).isoformat(),
        **more,
    }


def test_what_is_told_twice_is_known_once_and_its_window_begins_with_the_redemption(
    viewers: Viewers, admin: Admin, settings: Settings
) -> None:
    put_campaign(admin)
    fresh, old = "RDM-20261123-000801", "RDM-20261121-000802"
    hear(settings, "redemption.completed", fresh, facts(fresh))
    long_ago = datetime.now(UTC) - timedelta(hours=48, seconds=1)
    hear(settings, "redemption.completed", old, facts(old, completed_at=long_ago.isoformat()))
    assert [chain["reference"] for chain in good(viewers.get("/chains"))["items"]] == [fresh]
    assert viewers.serve(fresh).status_code == 201
    assert viewers.serve(old).status_code == 409
    viewers.watch(fresh)
    hear(settings, "redemption.completed", fresh, facts(fresh, tickets_earned=9))
    chain = good(viewers.get("/chains"))["items"][0]
    assert (chain["steps_completed"], chain["base_tickets"]) == (1, 3)


def test_a_cancellation_that_comes_before_its_completion_holds(
    viewers: Viewers, admin: Admin, settings: Settings
) -> None:
    put_campaign(admin)
    reference = "RDM-20261123-000803"
    hear(settings, "redemption.cancelled", reference, facts(reference, cancelled_at=datetime.now(UTC).isoformat()))
    hear(settings, "redemption.completed", reference, facts(reference))
    assert viewers.serve(reference).status_code == 409


def test_what_was_bought_before_an_erasure_and_is_told_after_it_is_not_kept(admin: Admin, settings: Settings) -> None:
    hear(settings, "user.erased", str(ANA), {"public_id": str(ANA), "role": "CUSTOMER", "active": False})
    completed, cancelled = "RDM-20261123-000811", "RDM-20261123-000812"
    hear(settings, "redemption.completed", completed, facts(completed))
    hear(settings, "redemption.cancelled", cancelled, facts(cancelled, cancelled_at=datetime.now(UTC).isoformat()))
    assert one(admin, "SELECT count(*) FROM ad_schema.ad_redemptions WHERE user_id = %s", ANA) == 0
