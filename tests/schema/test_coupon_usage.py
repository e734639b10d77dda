"""The use of a coupon: counted once everywhere or refused, for one and for many at once, and given back whole."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

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
    state,
    use,
    used,
)
from tests.schema.races import second_of_two

Connect = Callable[[str], Conn]


# One coupon


def test_a_use_is_counted_and_the_last_one_uses_the_coupon_up(as_role: Connect) -> None:
    conn = as_role("coupon_app")
    campaign = new_campaign(conn)
    (coupon,) = new_coupons(conn, campaign, max_usage=2)
    use(conn, coupon, reference="RDM-A")
    assert state(conn, coupon) == ("ACTIVE", 1)
    use(conn, coupon, reference="RDM-B")
    assert state(conn, coupon) == ("USED", 2)
    with pytest.raises(errors.CheckViolation) as refused:
        use(conn, coupon, reference="RDM-C")
    assert refused_by(refused) == "coupon_usage_history_usable"
    assert used(conn, campaign) == 2
    assert_counters_equal_history(conn)


def test_the_same_redemption_uses_a_coupon_once(as_role: Connect) -> None:
    conn = as_role("coupon_app")
    (coupon,) = new_coupons(conn, new_campaign(conn), max_usage=5)
    use(conn, coupon)
    with pytest.raises(errors.UniqueViolation) as refused:
        use(conn, coupon)
    assert refused_by(refused) == "coupon_usage_history_redemption_reference_key"
    assert state(conn, coupon) == ("ACTIVE", 1)


def test_a_retry_that_ignores_the_conflict_counts_nothing(as_role: Connect) -> None:
    conn = as_role("coupon_app")
    before = catalog.rows(conn, "SELECT * FROM coupon_schema.campaign_usage ORDER BY campaign_id")
    conn.execute(
        """
        INSERT INTO coupon_schema.coupon_usage_history
            (redemption_reference, coupon_id, user_id, station_code, original_amount, discount_amount, final_amount,
             currency)
        SELECT redemption_reference, coupon_id, user_id, station_code, original_amount, discount_amount, final_amount,
               currency
          FROM coupon_schema.coupon_usage_history
        ON CONFLICT (redemption_reference) DO NOTHING
        """
    )
    assert catalog.rows(conn, "SELECT * FROM coupon_schema.campaign_usage ORDER BY campaign_id") == before
    assert_counters_equal_history(conn)


def test_two_stations_scanning_one_coupon_use_it_once(admin: Conn, as_role: Connect) -> None:
    campaign = new_campaign(admin)
    (coupon,) = new_coupons(admin, campaign)
    references = iter(("RDM-A", "RDM-B"))
    error = second_of_two(
        admin,
        as_role("coupon_app"),
        as_role("coupon_app"),
        lambda conn: use(conn, coupon, reference=next(references)),
    )
    assert isinstance(error, errors.CheckViolation)
    assert error.diag.constraint_name == "coupon_usage_history_usable"
    assert state(admin, coupon) == ("USED", 1)
    assert used(admin, campaign) == 1


def test_one_statement_uses_a_coupon_no_more_often_than_it_may(as_role: Connect) -> None:
    conn = as_role("coupon_app")
    (coupon,) = new_coupons(conn, new_campaign(conn), max_usage=2)
    with pytest.raises(errors.CheckViolation) as refused:
        use(conn, coupon, coupon, coupon)
    assert refused_by(refused) == "coupons_usage_count_check"
    use(conn, coupon, coupon)
    assert state(conn, coupon) == ("USED", 2)


@pytest.mark.parametrize(
    ("values", "because"),
    [
        ({"user": LUIS}, "somebody else's"),
        ({"amount": 99}, "below"),
        ({"discount": Decimal("10.01")}, "more than its terms"),
        ({"currency": "USD"}, "currency"),
        ({"tickets": 1}, "it gives 0 raffle tickets"),
        ({"used_at": "2019-12-31"}, "not valid yet"),
        ({"used_at": "2100-01-01"}, "not valid any more"),  # the end itself is too late
    ],
)
def test_a_use_against_the_coupons_terms_is_refused(
    admin: Conn, as_role: Connect, values: dict[str, Any], because: str
) -> None:
    conn = admin if "used_at" in values else as_role("coupon_app")
    (coupon,) = new_coupons(conn, new_campaign(conn, minimum_purchase=100), user=ANA)
    with pytest.raises(errors.CheckViolation, match=because) as refused:
        use(conn, coupon, **values)
    assert refused_by(refused) == "coupon_usage_history_usable"
    assert state(conn, coupon) == ("ACTIVE", 0)
    use(conn, coupon, amount=100)


@pytest.mark.parametrize("status", ["SUSPENDED", "CANCELLED", "EXPIRED"])
def test_a_coupon_that_is_not_active_is_not_used(as_role: Connect, status: str) -> None:
    conn = as_role("coupon_app")
    (coupon,) = new_coupons(conn, new_campaign(conn))
    conn.execute("UPDATE coupon_schema.coupons SET status = %s, status_reason = 'test' WHERE id = %s", (status, coupon))
    with pytest.raises(errors.CheckViolation, match=status) as refused:
        use(conn, coupon)
    assert refused_by(refused) == "coupon_usage_history_usable"


@pytest.mark.parametrize("status", ["PAUSED", "COMPLETED", "CANCELLED"])
def test_a_campaign_that_is_not_active_has_no_use(as_role: Connect, status: str) -> None:
    conn = as_role("coupon_app")
    campaign = new_campaign(conn)
    (coupon,) = new_coupons(conn, campaign)
    conn.execute("UPDATE coupon_schema.campaigns SET status = %s WHERE id = %s", (status, campaign))
    with pytest.raises(errors.CheckViolation, match=status) as refused:
        use(conn, coupon)
    assert refused_by(refused) == "coupon_usage_history_usable"


def test_one_bad_coupon_of_a_batch_stops_all_of_it(as_role: Connect) -> None:
    conn = as_role("coupon_app")
    campaign = new_campaign(conn)
    coupons = new_coupons(conn, campaign, 5)
    use(conn, coupons[3], reference="RDM-BEFORE")
    with pytest.raises(errors.CheckViolation):
        use(conn, *coupons)
    assert used(conn, campaign) == 1
    use(conn, *coupons[:3])
    assert used(conn, campaign) == 4
    assert_counters_equal_history(conn)


# Giving back


def test_a_restored_use_gives_everything_back_once(as_role: Connect) -> None:
    conn = as_role("coupon_app")
    campaign = new_campaign(conn, total_usage_limit=1, per_user_usage_limit=1, budget_amount=10)
    first, second = new_coupons(conn, campaign, 2)
    use(conn, first)
    with pytest.raises(errors.CheckViolation):
        use(conn, second)
    assert restore(conn, [first]) == 1
    assert restore(conn, [first]) == 0
    assert state(conn, first) == ("ACTIVE", 0)
    assert_counters_equal_history(conn)
    use(conn, second)
    assert_counters_equal_history(conn)


def test_two_cancellations_at_once_give_back_once(admin: Conn, as_role: Connect) -> None:
    campaign = new_campaign(admin)
    (coupon,) = new_coupons(admin, campaign, max_usage=3)
    use(admin, coupon, coupon)
    given: list[int] = []
    error = second_of_two(
        admin,
        as_role("coupon_app"),
        as_role("coupon_app"),
        lambda conn: given.append(restore(conn, [coupon])),
    )
    assert error is None
    assert given == [2, 0]
    assert state(admin, coupon) == ("ACTIVE", 0)
    assert_counters_equal_history(admin)


def test_a_suspended_coupon_stays_suspended_when_a_use_is_given_back(as_role: Connect) -> None:
    conn = as_role("coupon_app")
    (coupon,) = new_coupons(conn, new_campaign(conn), max_usage=2)
    use(conn, coupon)
    conn.execute(
        "UPDATE coupon_schema.coupons SET status = 'SUSPENDED', status_reason = 'test' WHERE id = %s", (coupon,)
    )
    restore(conn, [coupon])
    assert state(conn, coupon) == ("SUSPENDED", 0)


@pytest.mark.parametrize(
    "change",
    [
        "discount_amount = 0, final_amount = original_amount",
        "coupon_id = coupon_id - 1",
        "user_id = gen_random_uuid()",
        "used_at = now() - interval '1 hour'",
        "id = DEFAULT",
    ],
)
def test_a_use_does_not_change(admin: Conn, as_role: Connect, change: str) -> None:
    (coupon,) = new_coupons(admin, new_campaign(admin))
    use(admin, coupon)
    statement = f"UPDATE coupon_schema.coupon_usage_history SET {change} WHERE coupon_id = {coupon}".encode()
    with pytest.raises(errors.RestrictViolation):
        admin.execute(statement)
    with pytest.raises(errors.InsufficientPrivilege):
        as_role("coupon_app").execute(statement)


@pytest.mark.parametrize("back", ["NULL", "now() + interval '1 hour'"])
def test_what_was_given_back_stays_so(as_role: Connect, back: str) -> None:
    conn = as_role("coupon_app")
    (coupon,) = new_coupons(conn, new_campaign(conn))
    use(conn, coupon)
    restore(conn, [coupon])
    with pytest.raises(errors.RestrictViolation):
        conn.execute(
            f"""
            UPDATE coupon_schema.coupon_usage_history
               SET restored_at = {back}, restore_reason = CASE WHEN {back} IS NOT NULL THEN 'FAILED' END
             WHERE coupon_id = {coupon}
            """.encode()
        )


@pytest.mark.parametrize("statement", ["DELETE FROM {}", "TRUNCATE {}"])
def test_history_is_not_deleted(admin: Conn, as_role: Connect, statement: str) -> None:
    statement = statement.format("coupon_schema.coupon_usage_history")
    with pytest.raises(errors.RestrictViolation):
        admin.execute(statement.encode())
    with pytest.raises(errors.InsufficientPrivilege):
        as_role("coupon_app").execute(statement.encode())


@pytest.mark.parametrize(
    ("amounts", "constraint"),
    [
        ((100, 10, 91), "coupon_usage_history_final_amount_check"),
        ((100, 101, -1), "coupon_usage_history_discount_amount_check"),
        ((0, 0, 0), "coupon_usage_history_original_amount_check"),
    ],
)
def test_amounts_that_do_not_add_up_are_refused(
    as_role: Connect, amounts: tuple[int, int, int], constraint: str
) -> None:
    conn = as_role("coupon_app")
    (coupon,) = new_coupons(conn, new_campaign(conn))
    with pytest.raises(errors.CheckViolation) as refused:
        conn.execute(
            """
            INSERT INTO coupon_schema.coupon_usage_history
                (redemption_reference, coupon_id, user_id, station_code, original_amount, discount_amount,
                 final_amount, currency)
            VALUES ('RDM-TEST', %s, %s, 'JSM001', %s, %s, %s, 'MXN')
            """,
            (coupon, ANA, *amounts),
        )
    assert refused_by(refused) == constraint
