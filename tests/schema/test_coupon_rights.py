"""What the service itself may not do in coupon_schema: back-date, take more than a coupon gives, forge."""

from collections.abc import Callable
from typing import Any

import pytest
from psycopg import errors, sql
from tests.schema import catalog
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
        "campaigns.created_at", "campaigns.updated_at", "campaign_stations.created_at", "qr_signing_keys.created_at",
        "coupons.created_at", "coupons.usage_count", "coupon_validation_attempts.created_at",
        "coupon_validation_attempts.ip_address", "coupon_validation_attempts.correlation_id",
        "coupon_audit_log.actor", "coupon_audit_log.correlation_id", "coupon_audit_log.ip_address",
        "coupon_audit_log.user_agent", "coupon_audit_log.created_at",
    ],
)  # fmt: skip
def test_the_service_does_not_choose_when_something_happened_or_who_asked(as_role: Connect, column: str) -> None:
    table, name = column.split(".")
    statement = sql.SQL("INSERT INTO {} ({}) VALUES (DEFAULT)").format(
        sql.Identifier("coupon_schema", table), sql.Identifier(name)
    )
    with pytest.raises(errors.InsufficientPrivilege):
        as_role("coupon_app").execute(statement)


@pytest.mark.parametrize("change", ["campaign_code = 'OTHER'", "created_by = NULL", "created_at = now()"])
def test_the_service_does_not_change_what_a_campaign_is_or_who_made_it(as_role: Connect, change: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        as_role("coupon_app").execute(f"UPDATE coupon_schema.campaigns SET {change}".encode())


def test_the_service_logs_what_is_done_by_hand_and_forges_no_change_of_a_campaign(as_role: Connect) -> None:
    conn = as_role("coupon_app")
    log = "INSERT INTO coupon_schema.coupon_audit_log (action, campaign_code) VALUES (%s, 'WELCOME2026')"
    conn.execute(log, ("COUPONS_EXPORTED",))
    for action in ("CAMPAIGN_CREATED", "CAMPAIGN_CHANGED"):
        with pytest.raises(errors.RestrictViolation) as refused:
            conn.execute(log, (action,))
        assert refused_by(refused) == "coupon_audit_log_not_forged"


def test_a_shard_remembers_when_it_last_counted(admin: Conn, as_role: Connect) -> None:
    (coupon,) = new_coupons(admin, campaign := new_campaign(admin, shard_count=1))
    shard = "SELECT updated_at FROM coupon_schema.campaign_usage_shards WHERE campaign_id = %s"
    before = catalog.rows(admin, shard, campaign)[0][0]
    use(as_role("coupon_app"), coupon)
    assert catalog.rows(admin, shard, campaign)[0][0] > before


# Values that compare as if they were good


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"discount_value": "NaN"}, "campaigns_discount_check"),
        ({"discount_type": "PERCENTAGE", "maximum_discount": "NaN"}, "campaigns_maximum_discount_check"),
        ({"minimum_purchase": "NaN"}, "campaigns_minimum_purchase_check"),
        ({"budget_amount": "NaN"}, "campaigns_budget_amount_check"),
        ({"weekdays": [1, 1, 1, 1]}, "campaigns_weekdays_check"),
        ({"weekdays": [[1, 2], [3, 4]]}, "campaigns_weekdays_check"),
        ({"weekdays": "[0:1]={1,2}"}, "campaigns_weekdays_check"),
        ({"fuel_types": [["REGULAR"], ["PREMIUM"]]}, "campaigns_fuel_types_check"),
        ({"fuel_types": ["REGULAR", "REGULAR"]}, "campaigns_fuel_types_check"),
        ({"valid_from": "-infinity"}, "campaigns_validity_check"),
        ({"valid_until": "infinity"}, "campaigns_validity_check"),
        ({"name": "\u00a0"}, "campaigns_name_check"),
        ({"name": "\u200b\u200b"}, "campaigns_name_check"),
    ],
)
def test_a_campaign_with_a_value_that_only_looks_good_is_refused(
    as_role: Connect, values: dict[str, Any], constraint: str
) -> None:
    with pytest.raises(errors.CheckViolation) as refused:
        new_campaign(as_role("coupon_app"), **values)
    assert refused_by(refused) == constraint


@pytest.mark.parametrize(
    ("table", "change", "constraint"),
    [
        ("coupons", "discount_value = 'NaN'", "coupons_discount_check"),
        ("coupons", "minimum_purchase = 'NaN'", "coupons_minimum_purchase_check"),
        ("coupons", "maximum_discount = 'NaN', discount_type = 'PERCENTAGE'", "coupons_maximum_discount_check"),
        ("coupons", "valid_from = '-infinity'", "coupons_validity_check"),
        ("coupons", "valid_until = 'infinity'", "coupons_validity_check"),
        ("campaign_usage_shards", "spent = 'NaN'", "campaign_usage_shards_spent_check"),
        ("campaign_usage_shards", "spend_allotment = 'NaN'", "campaign_usage_shards_spend_allotment_check"),
    ],
)
def test_no_coupon_and_no_counter_has_such_a_value(admin: Conn, table: str, change: str, constraint: str) -> None:
    new_coupons(admin, new_campaign(admin))
    with pytest.raises(errors.CheckViolation) as refused:
        admin.execute(f"UPDATE coupon_schema.{table} SET {change}".encode())
    assert refused_by(refused) == constraint


def test_no_purchase_is_worth_a_number_that_is_none(admin: Conn, as_role: Connect) -> None:
    (coupon,) = new_coupons(admin, new_campaign(admin))
    with pytest.raises(errors.CheckViolation) as refused:
        use(as_role("coupon_app"), coupon, amount="NaN")
    assert refused_by(refused) == "coupon_usage_history_original_amount_check"
    with pytest.raises(errors.CheckViolation) as refused:
        as_role("coupon_app").execute(
            """
            INSERT INTO coupon_schema.coupon_validation_attempts
                (coupon_code, result, validation_method, amount, currency)
            VALUES ('X', 'INVALID_CODE', 'QR_SCAN', 'NaN', 'MXN')
            """
        )
    assert refused_by(refused) == "coupon_validation_attempts_amount_check"
