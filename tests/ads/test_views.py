"""The life of a view over HTTP: one token, one view, the server's clock, what it earns and what it costs."""

from collections.abc import Generator
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from gasolinera.ads.views import EXPIRE_VIEWS, hash_token
from gasolinera.config import Settings
from gasolinera.permissions import Role
from tests.ads.watching import (
    ANA,
    BEA,
    Admin,
    Viewers,
    another_ad,
    earlier,
    good,
    one,
    problem,
    put_campaign,
    put_redemption,
    reviews_of,
    run_job,
    told,
    watching,
)


@pytest.fixture
def viewers(settings: Settings, admin: Admin) -> Generator[Viewers]:
    with watching(settings, admin) as found:
        yield found


def test_a_watched_view_earns_the_redemptions_tickets_again_and_costs_what_the_campaign_says(
    viewers: Viewers, admin: Admin
) -> None:
    ad = put_campaign(admin, multiplier=3)
    reference = put_redemption(admin, tickets=4)
    served = good(viewers.serve(reference), 201)
    assert (served["chain_step"], served["base_tickets"], served["bonus_tickets"]) == (1, 4, 8)
    assert served["advertisement"]["advertisement_id"] == ad
    view = viewers.watch(reference)
    assert (view["status"], view["bonus_tickets"], view["quartile"]) == ("COMPLETED", 8, 4)
    assert told(admin, "ad.view.completed") == [
        {
            "view_id": view["view_id"],
            "user_id": str(ANA),
            "reference": reference,
            "chain_step": 1,
            "multiplier": 3,
            "base_tickets": 4,
            "bonus_tickets": 8,
        }
    ]
    cost, shard, quality, fraud, station = one(
        admin,
        "SELECT cost, budget_shard, quality_score, fraud_score, station_code FROM ad_schema.ad_engagements"
        " WHERE public_id = %s",
        view["view_id"],
    )
    assert (cost, shard is not None, fraud, station) == (Decimal("1.50"), True, 0, "JSM001")
    assert quality == 90  # everything but a gesture
    again = good(viewers.complete(view["view_id"], 9, 15))
    assert again == view
    assert len(told(admin, "ad.view.completed")) == 1


def test_the_token_is_kept_as_a_hash_alone_and_starts_one_view_of_its_holder(viewers: Viewers, admin: Admin) -> None:
    put_campaign(admin)
    token = good(viewers.serve(), 201)["token"]
    stored = one(admin, "SELECT count(*) FROM ad_schema.ad_view_tokens WHERE token_hash = %s", hash_token(token))
    assert stored == 1
    assert problem(viewers.post("/views/start", {"token": token}, BEA)) == (410, "ads.token_over")
    view = good(viewers.post("/views/start", {"token": token}), 201)
    assert problem(viewers.post("/views/start", {"token": token})) == (409, "ads.token_used")
    assert good(viewers.get("/views/current"))["view_id"] == view["view_id"]
    assert problem(viewers.get(f"/views/{view['view_id']}", BEA)) == (404, "ads.view_unknown")


def test_a_token_that_is_over_starts_nothing(viewers: Viewers, admin: Admin, settings: Settings) -> None:
    put_campaign(admin)
    token = good(viewers.serve(), 201)["token"]
    admin.execute(
        "UPDATE ad_schema.ad_view_tokens SET created_at = now() - interval '26 hours',"
        " expires_at = now() - interval '25 hours' WHERE token_hash = %s",
        (hash_token(token),),
    )
    assert problem(viewers.post("/views/start", {"token": token})) == (410, "ads.token_over")


def test_nobody_completes_sooner_than_the_servers_clock_allows(viewers: Viewers, admin: Admin) -> None:
    put_campaign(admin)
    reference = put_redemption(admin)
    view = viewers.start(reference)
    refused = viewers.complete(view, 1, 15)
    assert problem(refused) == (409, "ads.not_watched")
    earlier(admin, view, 10.75)
    # 10.75 s and three quarters of tolerance, a twentieth of its length, are 76 %
    assert problem(viewers.complete(view, 2, 15)) == (409, "ads.not_watched")
    shown = good(viewers.get(f"/views/{view}"))
    assert 11.4 < shown["watched_s"] < 12
    earlier(admin, view, 0.6)
    done = good(viewers.complete(view, 3, 15))
    assert done["status"] == "COMPLETED"
    ahead = admin.execute(
        "SELECT details ->> 'ahead_s' FROM ad_schema.ad_engagement_events WHERE details ? 'ahead_s' ORDER BY id"
    ).fetchall()
    assert len(ahead) == 3  # each of them is remembered against the view
    assert one(admin, "SELECT fraud_score FROM ad_schema.ad_engagements WHERE public_id = %s", view) == 60
    assert reviews_of(admin, view) == [("PENDING", 60, {"FASTER_THAN_TIME": 60}, None)]


@pytest.mark.parametrize(
    ("said", "counted_s"),
    [
        ({"event": "PAUSE"}, 4),  # a pause is no watching
        ({"event": "HIDE", "visible_percent": 49}, 4),  # nor what less than half of is in view
        ({"event": "MUTE", "is_muted": True}, 12),  # a film without its sound is
        ({"event": "HEARTBEAT", "visible_percent": 50}, 12),
    ],
)
def test_only_what_somebody_could_perceive_is_watched(
    viewers: Viewers, admin: Admin, said: dict[str, Any], counted_s: int
) -> None:
    put_campaign(admin)
    view = viewers.start()
    earlier(admin, view, 4)
    good(viewers.report(view, 1, 4, **said))
    earlier(admin, view, 8)
    shown = good(viewers.report(view, 2, 15, event="SHOW"))
    assert counted_s <= shown["watched_s"] < counted_s + 1.5


def test_of_audio_what_was_muted_does_not_count_and_what_was_hidden_does(viewers: Viewers, admin: Admin) -> None:
    put_campaign(admin, format="AUDIO", media_type="audio/ogg")
    view = viewers.start()
    good(viewers.report(view, 1, 0, event="MUTE", is_muted=True))
    earlier(admin, view, 8)
    assert good(viewers.report(view, 2, 8, event="UNMUTE", visible_percent=0))["watched_s"] < 1.5
    earlier(admin, view, 8)
    assert good(viewers.report(view, 3, 8, visible_percent=0))["watched_s"] == 8


def test_a_long_silence_counts_for_half_a_minute_at_most(viewers: Viewers, admin: Admin) -> None:
    put_campaign(admin, duration=120, skip_after=None)
    view = viewers.start()
    earlier(admin, view, 100)
    shown = good(viewers.report(view, 1, 100))
    assert 30 <= shown["watched_s"] <= 31.5


def test_a_repeated_or_late_report_does_nothing(viewers: Viewers, admin: Admin) -> None:
    put_campaign(admin)
    view = viewers.start()
    earlier(admin, view, 6)
    first = good(viewers.report(view, 5, 6))
    for sequence in (5, 4, 1):
        again = good(viewers.report(view, sequence, 2, event="PAUSE"))
        assert (again["watched_s"], again["is_playing"]) == (first["watched_s"], True)
    assert one(admin, "SELECT count(*) FROM ad_schema.ad_engagement_events WHERE event_type = 'PAUSE'") == 0


def test_a_replay_takes_nothing_back_and_adds_nothing_twice(viewers: Viewers, admin: Admin) -> None:
    put_campaign(admin)
    view = viewers.start()
    earlier(admin, view, 8)
    good(viewers.report(view, 1, 8))
    replayed = good(viewers.report(view, 2, 0, event="REPLAY"))
    assert (replayed["watched_s"], replayed["position_s"], replayed["quartile"]) == (8, 0, 2)
    earlier(admin, view, 5)
    assert good(viewers.report(view, 3, 5))["watched_s"] == 8


def test_skipping_waits_for_its_time_and_a_click_is_remembered(viewers: Viewers, admin: Admin) -> None:
    put_campaign(admin, skip_after=5)
    view = viewers.start()
    assert problem(viewers.report(view, 1, 1, event="SKIP")) == (409, "ads.not_skippable")
    assert good(viewers.get(f"/views/{view}"))["is_playing"], "what was refused changes nothing"
    earlier(admin, view, 5)
    assert good(viewers.report(view, 3, 5, event="CLICK"))["is_clicked"]
    assert good(viewers.report(view, 4, 5, event="SKIP"))["status"] == "SKIPPED"
    assert problem(viewers.complete(view, 5, 15)) == (410, "ads.view_over")
    assert told(admin, "ad.view.completed") == []


def test_a_second_tab_waits_until_the_first_one_is_silent(viewers: Viewers, admin: Admin) -> None:
    put_campaign(admin)
    view = viewers.start()
    token = good(viewers.serve(), 201)["token"]
    assert problem(viewers.post("/views/start", {"token": token})) == (409, "ads.view_running")
    earlier(admin, view, 31)
    other = good(viewers.post("/views/start", {"token": token}), 201)
    assert other["view_id"] != view
    assert good(viewers.get(f"/views/{view}"))["status"] == "EXPIRED"


def test_views_that_nobody_is_at_end(viewers: Viewers, admin: Admin, settings: Settings) -> None:
    put_campaign(admin)
    view = viewers.start()
    assert run_job(settings, EXPIRE_VIEWS).startswith("0 views")
    earlier(admin, view, 121)
    assert run_job(settings, EXPIRE_VIEWS).startswith("1 views")
    assert problem(viewers.complete(view, 1, 15)) == (410, "ads.view_over")
    late = viewers.start()
    earlier(admin, late, 121)
    assert problem(viewers.complete(late, 1, 15)) == (410, "ads.view_over")
    assert good(viewers.get(f"/views/{late}"))["status"] == "EXPIRED"


def test_the_frequency_cap_is_told(viewers: Viewers, admin: Admin) -> None:
    put_campaign(admin, cap=1)
    tokens = [good(viewers.serve(), 201)["token"] for _ in range(2)]
    view = good(viewers.post("/views/start", {"token": tokens[0]}), 201)
    good(viewers.report(view["view_id"], 1, 0, event="ABANDON"))
    assert problem(viewers.post("/views/start", {"token": tokens[1]})) == (409, "ads.seen_enough")
    assert problem(viewers.serve()) == (404, "ads.nothing_to_show")


# Chains


def test_a_chain_multiplies_the_redemptions_own_tickets_at_each_step(viewers: Viewers, admin: Admin) -> None:
    ad = put_campaign(admin, multiplier=2, max_bonus=5)
    another_ad(admin, ad)
    reference = put_redemption(admin, tickets=3)
    for step in (1, 2):
        view = viewers.watch(reference)
        assert (view["chain_step"], view["base_tickets"], view["bonus_tickets"]) == (step, 3, 3)
    chain = good(viewers.get("/chains"))["items"][0]
    assert (chain["steps_completed"], chain["next_step"], chain["bonus_tickets"]) == (2, 3, 6)
    rich = put_redemption(admin, tickets=100)
    assert viewers.watch(rich)["bonus_tickets"] == 5  # the campaign's cap


def test_the_tenth_step_is_the_last(viewers: Viewers, admin: Admin) -> None:
    put_campaign(admin)
    reference = put_redemption(admin)
    admin.execute(
        "UPDATE ad_schema.ad_redemptions SET steps_completed = 9 WHERE transaction_reference = %s", (reference,)
    )
    assert viewers.watch(reference)["chain_step"] == 10
    assert problem(viewers.serve(reference)) == (409, "ads.nothing_to_multiply")


def test_a_token_of_a_step_that_was_done_meanwhile_starts_nothing(viewers: Viewers, admin: Admin) -> None:
    put_campaign(admin)
    reference = put_redemption(admin)
    stale = good(viewers.serve(reference), 201)["token"]
    viewers.watch(reference)
    assert problem(viewers.post("/views/start", {"token": stale})) == (409, "ads.nothing_to_multiply")


def test_only_own_completed_redemptions_are_multiplied_and_in_time(viewers: Viewers, admin: Admin) -> None:
    put_campaign(admin)
    foreign, late = put_redemption(admin, BEA), put_redemption(admin, until="-1 second")
    empty, cancelled = put_redemption(admin, tickets=0), put_redemption(admin)
    admin.execute(
        "UPDATE ad_schema.ad_redemptions SET cancelled_at = now() WHERE transaction_reference = %s", (cancelled,)
    )
    assert problem(viewers.serve(foreign)) == (404, "ads.unknown_redemption")
    assert problem(viewers.serve("RDM-20261123-999999")) == (404, "ads.unknown_redemption")
    for reference in (late, empty, cancelled):
        assert problem(viewers.serve(reference)) == (409, "ads.nothing_to_multiply")


def test_a_redemption_that_is_cancelled_while_its_view_runs_earns_nothing(viewers: Viewers, admin: Admin) -> None:
    put_campaign(admin)
    reference = put_redemption(admin)
    view = viewers.start(reference)
    admin.execute(
        "UPDATE ad_schema.ad_redemptions SET cancelled_at = now() WHERE transaction_reference = %s", (reference,)
    )
    earlier(admin, view, 15)
    done = good(viewers.complete(view, 1, 15))
    assert (done["status"], done["bonus_tickets"]) == ("COMPLETED", 0)


# Fraud


def test_a_view_whose_reports_run_ahead_again_and_again_is_rejected_unpaid(viewers: Viewers, admin: Admin) -> None:
    put_campaign(admin)
    good(viewers.put("/view-rules", {**good_rules(viewers), "reject_score": 60}))
    reference = put_redemption(admin)
    view = viewers.start(reference)
    for sequence in range(1, 4):
        good(viewers.report(view, sequence, 14))
    earlier(admin, view, 15)
    done = good(viewers.complete(view, 4, 15))
    assert (done["status"], done["bonus_tickets"]) == ("REJECTED", 0)
    assert good(viewers.complete(view, 5, 15))["status"] == "REJECTED"
    cost, shard = one(admin, "SELECT cost, budget_shard FROM ad_schema.ad_engagements WHERE public_id = %s", view)
    assert (cost, shard) == (0, None)
    assert told(admin, "ad.view.completed") == []
    assert reviews_of(admin, view) == [("REJECTED", 60, {"FASTER_THAN_TIME": 60}, None)]
    assert one(admin, "SELECT steps_completed FROM ad_schema.ad_redemptions WHERE user_id = %s", ANA) == 0


def good_rules(viewers: Viewers) -> dict[str, Any]:
    response = viewers.client.get("/api/ads/view-rules", headers=viewers.headers(uuid4(), Role.SYSTEM_ADMIN))
    return dict(good(response))


def test_rules_that_contradict_each_other_are_refused_and_viewers_change_none(viewers: Viewers) -> None:
    rules = good_rules(viewers)
    assert problem(viewers.put("/view-rules", {**rules, "review_score": 80})) == (422, "ads.rules")
    assert problem(viewers.client.put("/api/ads/view-rules", json=rules, headers=viewers.headers(ANA))) == (
        403,
        "auth.not_permitted",
    )


def test_history_pages_hold_every_own_view_once(viewers: Viewers, admin: Admin) -> None:
    put_campaign(admin)
    mine = [viewers.start() for _ in range(1)]
    for _ in range(4):
        good(viewers.report(mine[-1], 1, 0, event="ABANDON"))
        admin.execute("DELETE FROM ad_schema.ad_view_tokens WHERE consumed_at IS NULL")
        mine.append(str(retold(viewers, admin)))
    seen: list[str] = []
    cursor = None
    while True:
        page = good(viewers.get("/views?limit=2" + (f"&cursor={cursor}" if cursor else "")))
        seen += [view["view_id"] for view in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == mine[::-1]


def retold(viewers: Viewers, admin: Admin) -> str:
    """A view more, of a campaign of its own: who turned one away is not shown it again."""
    put_campaign(admin)
    return viewers.start()
