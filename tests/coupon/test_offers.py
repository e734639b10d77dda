"""The dry run: what a coupon or a campaign would give for a purchase, and every reason why not."""

import re
from decimal import Decimal
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.schema import catalog
from tests.schema.coupon_rows import ANA, LUIS, new_campaign, new_coupons, restore, use

Admin = psycopg.Connection[Any]
# A Monday noon in Mexico City.
MONDAY_NOON = "2026-11-16T18:00:00Z"


def explain(conn: Admin, coupon: int | None, *, campaign: int | None = None, **values: Any) -> tuple[Any, ...]:
    """(discount, final amount, tickets, reasons) of a purchase of 200 MXN of REGULAR by ANA at JSM001."""
    asked = {
        "user": ANA,
        "station": "JSM001",
        "fuel": "REGULAR",
        "amount": 200,
        "currency": "MXN",
        "at": MONDAY_NOON,
        **values,
    }
    rows = conn.execute(
        "SELECT discount_amount, final_amount, raffle_tickets, reasons FROM coupon_schema.explain_use("
        "%(coupon)s, %(user)s, %(station)s, %(fuel)s, %(amount)s, %(currency)s, %(at)s, %(campaign)s)",
        {**asked, "coupon": coupon, "campaign": campaign},
    ).fetchall()
    assert len(rows) <= 1
    return tuple(rows[0]) if rows else ()


def why_not(conn: Admin, coupon: int | None, **values: Any) -> list[str]:
    return list(explain(conn, coupon, **values)[3])


def test_a_good_coupon_says_what_it_gives(admin: Admin) -> None:
    campaign = new_campaign(
        admin, discount_type="PERCENTAGE", discount_value=Decimal("12.5"), maximum_discount=20,
        raffle_tickets_per_coupon=3, budget_amount=1000,
    )  # fmt: skip
    (coupon,) = new_coupons(admin, campaign)
    assert explain(admin, coupon) == (20, 180, 3, [])
    assert explain(admin, coupon, amount=Decimal("99.99")) == (Decimal("12.50"), Decimal("87.49"), 3, [])
    # The campaign as if by a new coupon; what is not known is not judged.
    assert explain(admin, None, campaign=campaign) == (20, 180, 3, [])
    unknown: dict[str, None] = dict.fromkeys(("user", "station", "fuel", "amount", "currency"))
    assert explain(admin, coupon, **unknown) == (None, None, 3, [])
    assert explain(admin, 10**9) == ()
    # A coupon keeps the terms that it was issued under.
    admin.execute("UPDATE coupon_schema.campaigns SET maximum_discount = 5 WHERE id = %s", (campaign,))
    assert explain(admin, coupon)[0] == 20
    assert explain(admin, None, campaign=campaign)[0] == 5


def test_all_reasons_come_at_once(admin: Admin) -> None:
    campaign = new_campaign(
        admin, station_scope="LISTED", fuel_types=["DIESEL"], weekdays=[2], minimum_purchase=500, audience="ASSIGNED",
        status="PAUSED",
    )  # fmt: skip
    (coupon,) = new_coupons(admin, campaign, user=LUIS)
    admin.execute(
        "UPDATE coupon_schema.coupons SET status = 'SUSPENDED', status_reason = 'x', valid_until = %s WHERE id = %s",
        (MONDAY_NOON, coupon),
    )
    assert why_not(admin, coupon) == [
        "EXPIRED", "SUSPENDED", "CAMPAIGN_NOT_ACTIVE", "USER_NOT_ELIGIBLE", "STATION_NOT_ELIGIBLE",
        "FUEL_NOT_ELIGIBLE", "TIME_NOT_ELIGIBLE", "MINIMUM_NOT_MET",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("status = 'CANCELLED', status_reason = 'x'", "CANCELLED"),
        ("status = 'EXPIRED'", "EXPIRED"),
        ("valid_from = '2026-11-16T18:00:01Z'", "NOT_YET_VALID"),
        ("valid_until = '2026-11-16T18:00:00Z'", "EXPIRED"),
        (f"user_id = '{LUIS}'", "USER_NOT_ELIGIBLE"),
    ],
)
def test_what_stands_in_the_way_of_a_coupon(admin: Admin, change: str, reason: str) -> None:
    (coupon,) = new_coupons(admin, new_campaign(admin))
    admin.execute(f"UPDATE coupon_schema.coupons SET {change} WHERE id = {coupon}".encode())
    assert why_not(admin, coupon) == [reason]


def test_a_used_coupon_is_used_up_until_it_is_given_back(admin: Admin) -> None:
    once = new_coupons(admin, new_campaign(admin))
    twice = new_coupons(admin, new_campaign(admin, "TWICE"), max_usage=2)
    use(admin, once[0], twice[0], used_at="2026-11-13")
    assert why_not(admin, once[0]) == ["ALREADY_USED"]
    assert why_not(admin, twice[0]) == []
    restore(admin, once)
    assert why_not(admin, once[0]) == []


# Monday 2026-11-16 in Mexico City (UTC-6): hours of the same day, and over midnight from Monday's evening on.
@pytest.mark.parametrize(
    ("hours", "weekdays", "at", "is_good"),
    [
        (("06:00", "12:00"), [1], "2026-11-16T12:00:00Z", True),  # 06:00
        (("06:00", "12:00"), [1], "2026-11-16T11:59:59Z", False),
        (("06:00", "12:00"), [1], "2026-11-16T17:59:59Z", True),
        (("06:00", "12:00"), [1], "2026-11-16T18:00:00Z", False),  # 12:00, the first moment too late
        (("00:00", "24:00"), [1], "2026-11-17T05:59:59Z", True),
        (("22:00", "02:00"), [1], "2026-11-17T04:00:00Z", True),  # Monday 22:00
        (("22:00", "02:00"), [1], "2026-11-17T07:59:59Z", True),  # Tuesday 01:59:59, still Monday's
        (("22:00", "02:00"), [1], "2026-11-17T08:00:00Z", False),
        (("22:00", "02:00"), [1], "2026-11-16T07:00:00Z", False),  # Monday 01:00 is Sunday's
        (("22:00", "02:00"), [7], "2026-11-16T07:00:00Z", True),
        (("22:00", "02:00"), [2], "2026-11-17T07:00:00Z", False),
        ((None, None), [1], "2026-11-16T06:00:00Z", True),  # Monday 00:00
        ((None, None), [1], "2026-11-17T06:00:00Z", False),
        ((None, None), [2], "2026-11-16T18:00:00Z", False),
    ],
)
def test_weekdays_and_hours_are_of_the_zone_and_over_midnight(
    admin: Admin, hours: tuple[str | None, str | None], weekdays: list[int], at: str, *, is_good: bool
) -> None:
    campaign = new_campaign(admin, daily_from=hours[0], daily_until=hours[1], weekdays=weekdays)
    assert why_not(admin, None, campaign=campaign, at=at) == ([] if is_good else ["TIME_NOT_ELIGIBLE"])


def test_hours_are_of_the_campaigns_zone_at_every_station(admin: Admin) -> None:
    campaign = new_campaign(admin, daily_from="12:00", daily_until="13:00", time_zone="America/Tijuana")
    for station in ("JSM001", "JSM013", None):
        assert why_not(admin, None, campaign=campaign, station=station) == ["TIME_NOT_ELIGIBLE"]
        assert why_not(admin, None, campaign=campaign, station=station, at="2026-11-16T20:30:00Z") == []


def test_places_fuels_currencies_and_minimums(admin: Admin) -> None:
    campaign = new_campaign(admin, station_scope="LISTED", fuel_types=["PREMIUM"], minimum_purchase=200)
    admin.execute(
        "INSERT INTO coupon_schema.campaign_stations (campaign_id, station_code) VALUES (%s, 'JSM002')", (campaign,)
    )
    good = {"campaign": campaign, "station": "JSM002", "fuel": "PREMIUM"}
    assert why_not(admin, None, **good) == []
    assert why_not(admin, None, **good | {"station": "JSM001"}) == ["STATION_NOT_ELIGIBLE"]
    assert why_not(admin, None, **good | {"currency": "USD"}) == ["STATION_NOT_ELIGIBLE"]
    assert why_not(admin, None, **good | {"fuel": "REGULAR"}) == ["FUEL_NOT_ELIGIBLE"]
    assert why_not(admin, None, **good, amount=Decimal("199.99")) == ["MINIMUM_NOT_MET"]
    admin.execute("DELETE FROM coupon_schema.campaign_stations WHERE campaign_id = %s", (campaign,))
    assert why_not(admin, None, **good) == ["STATION_NOT_ELIGIBLE"]


@pytest.mark.parametrize(
    ("terms", "reason"),
    [({"station_scope": "LISTED"}, "not for this station"), ({"fuel_types": ["DIESEL"]}, "not for this fuel")],
)
def test_no_use_is_counted_where_the_campaign_does_not_hold(admin: Admin, terms: dict[str, Any], reason: str) -> None:
    """Even of a statement that did not ask what the coupon gives; an unknown fuel is none of the campaign's."""
    (coupon,) = new_coupons(admin, new_campaign(admin, **terms))
    with pytest.raises(psycopg.errors.CheckViolation, match=reason):
        use(admin, coupon)


def test_audiences(admin: Admin) -> None:
    stranger = str(uuid4())
    everybody = new_coupons(admin, new_campaign(admin, "EVERYBODY"), 3)
    newcomers = new_campaign(admin, "NEWCOMERS", audience="NEW")
    regulars = new_campaign(admin, "REGULARS", audience="LOYAL", loyal_after_redemptions=2)
    named = new_campaign(admin, "NAMED", audience="ASSIGNED")
    (theirs,) = new_coupons(admin, named, user=stranger)
    (unnamed,) = new_coupons(admin, new_campaign(admin, "NAMED_2", audience="ASSIGNED"))

    def eligible(campaign: int) -> bool:
        reasons = why_not(admin, None, campaign=campaign, user=stranger)
        assert reasons in ([], ["USER_NOT_ELIGIBLE"])
        return not reasons

    assert (eligible(newcomers), eligible(regulars), eligible(named)) == (True, False, True)
    use(admin, everybody[0], user=stranger, used_at="2026-11-13", reference="RDM-1")
    assert (eligible(newcomers), eligible(regulars)) == (False, False)
    use(admin, everybody[1], user=stranger, used_at="2026-11-14", reference="RDM-2")
    assert (eligible(newcomers), eligible(regulars)) == (False, True)
    # What was given back was no redemption.
    restore(admin, everybody[:2])
    assert (eligible(newcomers), eligible(regulars)) == (True, False)
    assert why_not(admin, theirs, user=stranger) == []
    assert why_not(admin, theirs) == ["USER_NOT_ELIGIBLE"]
    assert why_not(admin, None, campaign=named) == ["USER_NOT_ELIGIBLE"]
    assert why_not(admin, unnamed) == ["USER_NOT_ELIGIBLE"]


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"total_usage_limit": 2}, "LIMIT_REACHED"),
        ({"per_user_usage_limit": 2}, "LIMIT_REACHED"),
        ({"per_user_period": "MONTH", "per_user_period_limit": 2}, "LIMIT_REACHED"),
        ({"budget_amount": Decimal("29.99")}, "BUDGET_EXHAUSTED"),
    ],
)
@pytest.mark.parametrize("shards", [1, 16])
def test_a_limit_that_is_reached_is_a_reason_and_the_use_is_refused(
    admin: Admin, limits: dict[str, Any], reason: str, shards: int
) -> None:
    campaign = new_campaign(admin, **limits, shard_count=shards)
    coupons = new_coupons(admin, campaign, 3)
    for number in (0, 1):
        assert why_not(admin, coupons[number]) == []
        assert why_not(admin, None, campaign=campaign) == []
        use(admin, coupons[number], reference=f"RDM-{number}", used_at=MONDAY_NOON)
    assert why_not(admin, coupons[2]) == [reason]
    with pytest.raises(psycopg.errors.CheckViolation):
        use(admin, coupons[2], reference="RDM-9", used_at=MONDAY_NOON)
    restore(admin, coupons[:1])
    assert why_not(admin, coupons[2]) == []


def test_a_limit_of_a_period_ends_with_it(admin: Admin) -> None:
    campaign = new_campaign(admin, per_user_period="DAY", per_user_period_limit=1)
    first, _ = new_coupons(admin, campaign, 2)
    use(admin, first, used_at=MONDAY_NOON)
    assert why_not(admin, None, campaign=campaign, at="2026-11-17T05:59:59Z") == ["LIMIT_REACHED"]
    assert why_not(admin, None, campaign=campaign, at="2026-11-17T06:00:00Z") == []
    assert why_not(admin, None, campaign=campaign, user=LUIS) == []


def test_every_reason_is_a_word_of_the_log_of_attempts(admin: Admin) -> None:
    kept = catalog.texts(
        admin,
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conname = 'coupon_validation_attempts_result_check' LIMIT 1",
    )
    source = catalog.texts(admin, "SELECT prosrc FROM pg_proc WHERE proname = 'explain_use'")[0]
    words = set(re.findall(r"THEN '([A-Z_]+)'", source))
    assert len(words) == 13
    assert {word for word in words if f"'{word}'" not in kept[0]} == set()


def test_the_question_is_one_plan_with_the_statement_that_asks(admin: Admin) -> None:
    """Inlined, so that a use pays for no second planning."""
    plan = catalog.texts(admin, "EXPLAIN SELECT * FROM coupon_schema.explain_use(1, NULL, NULL, NULL, 1, 'MXN', now())")
    assert not any("Function Scan" in line for line in plan)
