"""Which views start, how long the shortest one takes, what a player's words hold, and how a view ends by itself."""

from collections.abc import Generator
from typing import Any
from uuid import uuid4

import pytest

from gasolinera.ads.views import EXPIRE_VIEWS
from gasolinera.config import Settings
from tests.ads.watching import (
    ANA,
    BEA,
    MAKER,
    REVIEWER,
    Admin,
    Viewers,
    earlier,
    good,
    one,
    problem,
    put_campaign,
    put_redemption,
    run_job,
    watching,
)


@pytest.fixture
def viewers(settings: Settings, admin: Admin) -> Generator[Viewers]:
    with watching(settings, admin) as found:
        yield found


def test_what_was_handed_out_is_not_started_when_the_money_is_gone_meanwhile(viewers: Viewers, admin: Admin) -> None:
    put_campaign(admin, total_budget="1.50")
    late = good(viewers.serve(None, BEA), 201)["token"]
    viewers.watch()
    assert problem(viewers.post("/views/start", {"token": late}, BEA)) == (409, "ads.not_shown")
    admin.execute("UPDATE ad_schema.ad_campaigns SET total_budget = 3 WHERE status = 'ACTIVE'")
    admin.execute("SELECT ad_schema.deal_budget(id, NULL) FROM ad_schema.ad_campaigns WHERE status = 'ACTIVE'")
    good(viewers.post("/views/start", {"token": late}, BEA), 201)


@pytest.mark.parametrize("status", ["SUSPENDED", "CLOSED"])
def test_what_an_advertiser_had_handed_out_is_not_started_after_he_went(
    viewers: Viewers, admin: Admin, status: str
) -> None:
    put_campaign(admin)
    token = good(viewers.serve(), 201)["token"]
    admin.execute("UPDATE ad_schema.advertisers SET status = %s WHERE advertiser_code = 'REFRESCO-LUNA'", (status,))
    assert problem(viewers.post("/views/start", {"token": token})) == (409, "ads.not_shown")


@pytest.mark.parametrize(("duration", "threshold"), [(1, 80), (3, 80), (1, 5), (600, 1)])
def test_no_advertisement_is_so_short_that_the_tolerance_alone_completes_it(
    viewers: Viewers, admin: Admin, duration: int, threshold: int
) -> None:
    ad = put_campaign(admin, duration=duration, skip_after=None)
    admin.execute("UPDATE ad_schema.ad_campaigns SET status = 'PAUSED' WHERE status = 'ACTIVE'")
    with admin.transaction():
        admin.execute("SET LOCAL session_replication_role = replica")
        admin.execute(
            "UPDATE ad_schema.advertisements SET completion_threshold_percent = %s WHERE public_id = %s",
            (threshold, ad),
        )
        admin.execute(
            "UPDATE ad_schema.ad_campaigns SET status = 'ACTIVE' WHERE id ="
            " (SELECT campaign_id FROM ad_schema.advertisements WHERE public_id = %s)",
            (ad,),
        )
    outcome = "SELECT outcome FROM ad_schema.finish_view(%s, %s, {}, %s, NULL, NULL)"
    # In the transaction of the start, when no time has passed at all, nothing is enough.
    with admin.transaction(force_rollback=True):
        view = _begun(admin, ad)
        assert one(admin, outcome.format(1), view, ANA, duration) == "NOT_WATCHED"
    needed_s = duration * threshold / 100
    view = _begun(admin, ad)
    earlier(admin, view, needed_s)
    assert one(admin, outcome.format(1), view, ANA, duration) == "COMPLETED"


def test_hide_and_mute_hold_until_show_and_unmute_and_what_is_left_out_is_as_it_was(
    viewers: Viewers, admin: Admin
) -> None:
    put_campaign(admin, duration=60)
    view = viewers.start()
    state = "SELECT visible_percent, is_muted FROM ad_schema.ad_view_states ORDER BY created_at DESC LIMIT 1"
    steps: list[tuple[dict[str, Any], tuple[int, bool]]] = [
        ({"visible_percent": 70, "is_muted": True}, (70, True)),
        ({}, (70, True)),
        ({"event": "UNMUTE"}, (70, False)),
        ({"event": "MUTE"}, (70, True)),
        ({"is_muted": False}, (70, True)),
        ({"event": "HIDE"}, (0, True)),
        ({"visible_percent": 100}, (0, True)),
        ({"event": "SHOW"}, (100, True)),
        ({"event": "UNMUTE", "visible_percent": 60}, (60, False)),
    ]
    for sequence, (said, expected) in enumerate(steps, 1):
        good(viewers.report(view, sequence, 0, **said))
        assert one(admin, state) == expected, said


def test_who_skips_or_falls_silent_after_enough_was_watched_has_completed_the_view(
    viewers: Viewers, admin: Admin, settings: Settings
) -> None:
    put_campaign(admin)
    for user, ending in ((ANA, "skip"), (BEA, "job"), (REVIEWER, "start"), (MAKER, "late report")):
        view = viewers.start(put_redemption(admin, user), user)
        earlier(admin, view, 14)
        good(viewers.report(view, 1, 14, user))  # 93 %
        if ending == "skip":
            good(viewers.report(view, 2, 14, user, event="SKIP"))
        elif ending == "job":
            earlier(admin, view, 121)
            assert run_job(settings, EXPIRE_VIEWS) == "0 views expired, 1 settled, 0 tokens forgotten"
        elif ending == "start":
            earlier(admin, view, 31)
            token = good(viewers.serve(None, user), 201)["token"]
            good(viewers.post("/views/start", {"token": token}, user), 201)
        else:
            earlier(admin, view, 121)
            assert problem(viewers.report(view, 2, 15, user)) == (410, "ads.view_over")
        shown = good(viewers.get(f"/views/{view}", user))
        assert (ending, shown["status"], shown["bonus_tickets"]) == (ending, "COMPLETED", 3)


def _begun(admin: Admin, ad: str) -> str:
    """A view of it that begins in this transaction."""
    token = uuid4().bytes * 2
    admin.execute(
        "INSERT INTO ad_schema.ad_view_tokens (token_hash, advertisement_id, user_id, expires_at)"
        " SELECT %s, id, %s, now() + interval '1 minute' FROM ad_schema.advertisements WHERE public_id = %s",
        (token, ANA, ad),
    )
    outcome, facts = one(admin, "SELECT outcome, facts FROM ad_schema.begin_view(%s, %s, 100, false)", token, ANA)
    assert outcome == "STARTED"
    return str(facts["view_id"])
