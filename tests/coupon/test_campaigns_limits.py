"""What the database holds campaigns to by itself: who opens a large budget, how often a user comes, who comes first."""

from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.schema.coupon_rows import (
    ANA,
    LUIS,
    assert_counters_equal_history,
    new_campaign,
    new_coupons,
    refused_by,
    restore,
    use,
)
from tests.schema.races import second_of_two

Admin = psycopg.Connection[Any]


def test_the_database_itself_opens_no_large_budget_without_another_person(admin: Admin, as_role: Any) -> None:
    conn = as_role("coupon_app")
    unapproved: dict[str, Any] = {"approved_by": None, "approved_at": None, "approval_needed_above": 100}
    larger: list[dict[str, Any]] = [
        {"budget_amount": 101},
        {"budget_amount": None},
        {"status": "DRAFT", "opens_by_clock": True},
    ]
    for values in larger:
        with pytest.raises(psycopg.errors.CheckViolation) as refused:
            new_campaign(conn, **unapproved | values)
        assert refused_by(refused) == "campaigns_budget_approved_check"
    small: dict[str, Any] = unapproved | {"budget_amount": 100}
    new_campaign(conn, **small)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute("UPDATE coupon_schema.campaigns SET raised_by = NULL")


# The limit of a user by period


def test_a_user_uses_a_campaign_so_often_in_a_period_and_again_in_the_next(admin: Admin) -> None:
    weekly = new_campaign(admin, per_user_period="WEEK", per_user_period_limit=2)
    coupons = new_coupons(admin, weekly, 5)
    # In Mexico City, Sunday 23:59:59 and Monday 00:00:00.
    sunday, monday = "2026-11-23 05:59:59Z", "2026-11-23 06:00:00Z"
    use(admin, coupons[0], used_at="2026-11-16 06:00:00Z")
    use(admin, coupons[1], used_at=sunday)
    with pytest.raises(psycopg.errors.CheckViolation) as refused:
        use(admin, coupons[2], used_at=sunday)
    assert refused_by(refused) == "campaign_user_period_usages_limit_check"
    use(admin, coupons[2], used_at=sunday, user=LUIS)
    use(admin, coupons[3], used_at=monday)
    # What is given back counts in the period of its use.
    restore(admin, [coupons[0]])
    use(admin, coupons[0], used_at=sunday, reference="RDM-AGAIN")
    counted = admin.execute(
        "SELECT user_id::text, period_start::text, used_count FROM coupon_schema.campaign_user_period_usages"
        " WHERE campaign_id = %s ORDER BY 1, 2",
        (weekly,),
    ).fetchall()
    assert counted == [(ANA, "2026-11-16", 2), (ANA, "2026-11-23", 1), (LUIS, "2026-11-16", 1)]
    assert_counters_equal_history(admin)


def test_two_uses_at_once_do_not_pass_the_limit_of_a_period(admin: Admin, as_role: Any) -> None:
    daily = new_campaign(admin, per_user_period="DAY", per_user_period_limit=1)
    one, other = new_coupons(admin, daily, 2)
    coupons = iter((one, other))
    error = second_of_two(admin, as_role("coupon_app"), as_role("coupon_app"), lambda conn: use(conn, next(coupons)))
    assert error is not None
    assert error.diag.constraint_name == "campaign_user_period_usages_limit_check"
    assert_counters_equal_history(admin)


def test_of_two_first_redemptions_at_once_one_is_the_first(admin: Admin, as_role: Any) -> None:
    stranger = str(uuid4())
    pair = [new_coupons(admin, new_campaign(admin, f"NEW_{n}", audience="NEW"))[0] for n in (1, 2)]
    coupons = iter(pair)
    error = second_of_two(
        admin, as_role("coupon_app"), as_role("coupon_app"), lambda conn: use(conn, next(coupons), user=stranger)
    )
    assert error is not None
    assert "first redemption" in str(error)
    # Given back it was none.
    restore(admin, pair)
    use(admin, pair[1], user=stranger, reference="RDM-FIRST")
