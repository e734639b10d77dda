"""What the service itself may not do in coupon_schema: back-date, take more than a coupon gives, forge."""

from collections.abc import Callable

import pytest
from psycopg import errors, sql
from tests.schema.catalog import Conn
from tests.schema.coupon_rows import (
    assert_counters_equal_history,
    new_campaign,
    new_coupons,
    refused_by,
    state,
    use,
)

Connect = Callable[[str], Conn]


# Uses


def test_an_expired_coupon_is_not_used_in_the_past(admin: Conn, as_role: Connect) -> None:
    (coupon,) = new_coupons(admin, new_campaign(admin))
    admin.execute("UPDATE coupon_schema.coupons SET valid_until = now() - interval '1 second' WHERE id = %s", (coupon,))
    with pytest.raises(errors.InsufficientPrivilege):
        use(as_role("coupon_app"), coupon, used_at="2026-01-01")
    with pytest.raises(errors.CheckViolation, match="not valid any more") as refused:
        use(as_role("coupon_app"), coupon)
    assert refused_by(refused) == "coupon_usage_history_usable"
    assert state(admin, coupon) == ("ACTIVE", 0)


def test_a_use_takes_as_many_tickets_as_the_coupon_gives_and_no_more(as_role: Connect) -> None:
    conn = as_role("coupon_app")
    first, second = new_coupons(conn, new_campaign(conn, raffle_tickets_per_coupon=3), 2)
    for tickets in (4, 100):
        with pytest.raises(errors.CheckViolation, match="it gives 3 raffle tickets") as refused:
            use(conn, first, tickets=tickets)
        assert refused_by(refused) == "coupon_usage_history_usable"
    use(conn, first, tickets=3)
    use(conn, second, tickets=0)
    assert_counters_equal_history(conn)


# What the database itself writes down


@pytest.mark.parametrize(
    "column",
    [
        "coupon_usage_history.used_at", "coupon_usage_history.created_at", "coupon_usage_history.updated_at",
        "coupon_usage_history.restored_at", "coupon_usage_history.restored_by", "coupon_usage_history.correlation_id",
    ],
)  # fmt: skip
def test_the_service_does_not_choose_when_something_happened_or_who_asked(as_role: Connect, column: str) -> None:
    table, name = column.split(".")
    statement = sql.SQL("INSERT INTO {} ({}) VALUES (DEFAULT)").format(
        sql.Identifier("coupon_schema", table), sql.Identifier(name)
    )
    with pytest.raises(errors.InsufficientPrivilege):
        as_role("coupon_app").execute(statement)
