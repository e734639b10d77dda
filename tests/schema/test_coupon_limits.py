"""Limits of a user and of a campaign, and its budget: granted to the last one, refused to the next, for crowds too."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from psycopg import errors
from tests.schema import catalog
from tests.schema.catalog import Conn
from tests.schema.coupon_rows import (
    ANA,
    LUIS,
    assert_counters_equal_history,
    new_campaign,
    new_coupons,
    refused_by,
    restore,
    use,
    used,
)
from tests.schema.races import second_of_two

Connect = Callable[[str], Conn]


# A user's limit


def test_the_use_above_a_users_limit_is_refused_whatever_the_coupon(as_role: Connect) -> None:
    conn = as_role("coupon_app")
    coupons = new_coupons(conn, new_campaign(conn, per_user_usage_limit=2), 4)
    use(conn, *coupons[:2])
    with pytest.raises(errors.CheckViolation) as refused:
        use(conn, coupons[2])
    assert refused_by(refused) == "campaign_user_usages_limit_check"
    use(conn, coupons[2], user=LUIS)
    assert_counters_equal_history(conn)


def test_two_coupons_at_once_do_not_get_around_a_users_limit(admin: Conn, as_role: Connect) -> None:
    campaign = new_campaign(admin, per_user_usage_limit=2)
    coupons = iter(new_coupons(admin, campaign, 3))
    use(admin, next(coupons))
    error = second_of_two(admin, as_role("coupon_app"), as_role("coupon_app"), lambda conn: use(conn, next(coupons)))
    assert isinstance(error, errors.CheckViolation)
    assert error.diag.constraint_name == "campaign_user_usages_limit_check"
    assert_counters_equal_history(admin)


def test_two_coupons_of_one_user_at_once_are_both_used_when_the_limit_has_room(admin: Conn, as_role: Connect) -> None:
    campaign = new_campaign(admin, per_user_usage_limit=2)
    coupons = iter(new_coupons(admin, campaign, 2))
    error = second_of_two(admin, as_role("coupon_app"), as_role("coupon_app"), lambda conn: use(conn, next(coupons)))
    assert error is None
    assert used(admin, campaign) == 2


# A campaign's limit and budget


def test_the_whole_limit_is_granted_though_all_uses_fall_into_one_shard(as_role: Connect) -> None:
    conn = as_role("coupon_app")
    campaign = new_campaign(conn, total_usage_limit=10, shard_count=4)
    coupons = [coupon for coupon in new_coupons(conn, campaign, 48) if coupon % 4 == 1]
    for coupon in coupons[:10]:
        use(conn, coupon)
        assert_counters_equal_history(conn)
    with pytest.raises(errors.CheckViolation) as refused:
        use(conn, coupons[10])
    assert refused_by(refused) == "campaign_usage_shards_used_check"
    restore(conn, coupons[:1])
    use(conn, coupons[11])
    with pytest.raises(errors.CheckViolation):
        use(conn, coupons[10])
    assert_counters_equal_history(conn)


def test_a_budget_is_spent_to_the_last_cent_and_not_beyond(as_role: Connect) -> None:
    conn = as_role("coupon_app")
    campaign = new_campaign(conn, total_usage_limit=None, budget_amount=Decimal("100.05"), shard_count=7)
    coupons = new_coupons(conn, campaign, 14)
    for coupon in coupons[:9]:
        use(conn, coupon)
    with pytest.raises(errors.CheckViolation) as refused:
        use(conn, *coupons[9:11])
    assert refused_by(refused) == "campaign_usage_shards_spent_check"
    use(conn, coupons[9])
    with pytest.raises(errors.CheckViolation):
        use(conn, coupons[10])
    use(conn, coupons[10], discount=Decimal("0.05"))
    with pytest.raises(errors.CheckViolation):
        use(conn, coupons[11], discount=Decimal("0.01"))
    left = catalog.rows(
        conn, "SELECT budget_amount - spent FROM coupon_schema.campaign_usage WHERE campaign_id = %s", campaign
    )
    assert left == [(Decimal("0.00"),)]
    assert_counters_equal_history(conn)


def test_one_statement_takes_the_whole_limit_and_none_more(as_role: Connect) -> None:
    conn = as_role("coupon_app")
    campaign = new_campaign(conn, total_usage_limit=500)
    coupons = new_coupons(conn, campaign, 501)
    with pytest.raises(errors.CheckViolation) as refused:
        use(conn, *coupons)
    assert refused_by(refused) == "campaign_usage_shards_used_check"
    use(conn, *coupons[:500])
    assert used(conn, campaign) == 500
    assert_counters_equal_history(conn)


def test_two_uses_of_the_last_place_get_it_once(admin: Conn, as_role: Connect) -> None:
    campaign = new_campaign(admin, total_usage_limit=3, shard_count=3)
    coupons = new_coupons(admin, campaign, 4)
    use(admin, *coupons[:2])
    last = iter(coupons[2:])
    users = iter((ANA, LUIS))
    error = second_of_two(
        admin,
        as_role("coupon_app"),
        as_role("coupon_app"),
        lambda conn: use(conn, next(last), user=next(users)),
    )
    assert isinstance(error, errors.CheckViolation)
    assert error.diag.constraint_name == "campaign_usage_shards_used_check"
    assert_counters_equal_history(admin)


def test_a_crowd_gets_exactly_the_limit_and_nobody_waits_for_ever(admin: Conn, as_role: Connect) -> None:
    limit, workers = 100, 4
    campaign = new_campaign(admin, total_usage_limit=limit, shard_count=5)
    coupons = new_coupons(admin, campaign, 140)
    connections = [as_role("coupon_app") for _ in range(workers)]
    start = threading.Barrier(workers)

    def scan(worker: int) -> list[str]:
        outcomes: list[str] = []
        start.wait()
        for coupon in coupons[worker::workers]:
            try:
                use(connections[worker], coupon, user=(ANA, LUIS)[worker % 2])
                outcomes.append("used")
            except errors.Error as error:
                outcomes.append(error.diag.constraint_name or repr(error))
        return outcomes

    with ThreadPoolExecutor(workers) as pool:
        outcomes = [outcome for worker in pool.map(scan, range(workers)) for outcome in worker]
    assert outcomes.count("used") == limit
    assert set(outcomes) == {"used", "campaign_usage_shards_used_check"}
    assert used(admin, campaign) == limit
    assert_counters_equal_history(admin)


def test_uses_of_different_shards_do_not_wait_for_each_other(admin: Conn, as_role: Connect) -> None:
    campaign = new_campaign(admin, total_usage_limit=100_000, shard_count=2)
    one, other = new_coupons(admin, campaign, 2)
    first, second = as_role("coupon_app"), as_role("coupon_app")
    second.execute("SET lock_timeout = '1s'")
    with first.transaction():
        use(first, one, user=ANA)
        use(second, other, user=LUIS)
    assert used(admin, campaign) == 2


def test_a_new_limit_is_dealt_and_one_below_the_uses_is_refused(as_role: Connect) -> None:
    conn = as_role("coupon_app")
    campaign = new_campaign(conn, total_usage_limit=3, budget_amount=30, approval_needed_above=1000)
    coupons = new_coupons(conn, campaign, 8)
    use(conn, *coupons[:3])
    change = "UPDATE coupon_schema.campaigns SET total_usage_limit = %s, budget_amount = %s WHERE id = %s"
    for limit, budget in ((2, 30), (3, Decimal("29.99"))):
        with pytest.raises(errors.CheckViolation) as refused:
            conn.execute(change, (limit, budget, campaign))
        assert refused_by(refused) == "campaigns_limit_below_usage"
    conn.execute(change, (5, 1000, campaign))
    use(conn, *coupons[3:5])
    with pytest.raises(errors.CheckViolation):
        use(conn, coupons[5])
    conn.execute(change, (5 + 1, 999, campaign))
    use(conn, coupons[5])
    with pytest.raises(errors.CheckViolation):
        use(conn, coupons[6])
    assert_counters_equal_history(conn)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE coupon_schema.campaign_usage_shards SET used = 0",
        "UPDATE coupon_schema.campaign_usage_shards SET usage_allotment = NULL",
        "UPDATE coupon_schema.campaign_user_usages SET used_count = 0",
        "DELETE FROM coupon_schema.campaign_user_usages",
        "UPDATE coupon_schema.coupons SET usage_count = 0",
        "UPDATE coupon_schema.coupons SET max_usage = 100",
        "SELECT coupon_schema.count_campaign_usage('{1}', '{0}', '{-1}', '{-1}')",
        "SELECT coupon_schema.deal_campaign_limits(1)",
    ],
)
def test_the_service_cannot_write_a_counter(as_role: Connect, statement: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        as_role("coupon_app").execute(statement.encode())
