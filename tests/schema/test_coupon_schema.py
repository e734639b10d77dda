"""The coupon schema's campaigns, coupons and logs: states, terms, rounding, and what nobody may read."""

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from itertools import product
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import errors
from tests.schema import catalog
from tests.schema.catalog import BY_NAME, Conn
from tests.schema.coupon_rows import (
    ANA,
    LUIS,
    new_campaign,
    new_coupons,
    refused_by,
)

from gasolinera.coupon.codes import normalised

Connect = Callable[[str], Conn]

COUPON = BY_NAME["coupon"]
UNIT = {"MXN": Decimal("0.01"), "CRC": Decimal(1), "USD": Decimal("0.01")}


def cents(lowest: str, highest: str) -> st.SearchStrategy[Decimal]:
    return st.decimals(lowest, highest, places=2)


# Discounts


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(["PERCENTAGE", "FIXED_AMOUNT"]),
    value=cents("0.01", "100"),
    cap=st.none() | cents("0.01", "80"),
    currency=st.sampled_from(sorted(UNIT)),
    amount=cents("0.01", "99999"),
)
def test_a_discount_is_rounded_half_up_once_and_exceeds_neither_cap_nor_amount(
    admin: Conn, kind: str, value: Decimal, cap: Decimal | None, currency: str, amount: Decimal
) -> None:
    exact = amount * value / 100 if kind == "PERCENTAGE" else value
    rounded = (exact / UNIT[currency]).quantize(Decimal(1), ROUND_HALF_UP) * UNIT[currency]
    expected = min(limit for limit in (rounded, cap, amount) if limit is not None)
    row = catalog.rows(
        admin, "SELECT coupon_schema.discount_amount(%s, %s, %s, %s, %s)", kind, value, cap, currency, amount
    )[0]
    assert row[0] == expected


# Campaigns

STATES = ("DRAFT", "ACTIVE", "PAUSED", "COMPLETED", "CANCELLED")
ALLOWED = {
    "DRAFT": {"ACTIVE", "CANCELLED"},
    "ACTIVE": {"PAUSED", "COMPLETED", "CANCELLED"},
    "PAUSED": {"ACTIVE", "COMPLETED", "CANCELLED"},
    "COMPLETED": set[str](),
    "CANCELLED": set[str](),
}


def test_a_campaign_goes_only_from_state_to_state_as_it_may(as_role: Connect) -> None:
    conn = as_role("coupon_app")
    went: dict[str, set[str]] = {state: set() for state in STATES}
    for number, (before, after) in enumerate(product(STATES, STATES)):
        if before == after:
            continue
        campaign = new_campaign(conn, f"TEST_{number}", status=before)
        try:
            conn.execute("UPDATE coupon_schema.campaigns SET status = %s WHERE id = %s", (after, campaign))
            went[before].add(after)
        except errors.CheckViolation as refused:
            assert refused.diag.constraint_name == "campaigns_status_transition"  # noqa: PT017 - both outcomes are counted
    assert went == ALLOWED


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"campaign_code": "AB"}, "campaigns_campaign_code_check"),
        ({"campaign_code": "verano"}, "campaigns_campaign_code_check"),
        ({"campaign_code": "VERANO-1"}, "campaigns_campaign_code_check"),
        ({"campaign_code": "V" * 51}, "campaigns_campaign_code_check"),
        ({"name": " "}, "campaigns_name_check"),
        ({"status": "OPEN"}, "campaigns_status_check"),
        ({"discount_type": "BUY_X_GET_Y"}, "campaigns_discount_type_check"),
        ({"discount_value": 0}, "campaigns_discount_check"),
        ({"discount_type": "PERCENTAGE", "discount_value": Decimal("100.01")}, "campaigns_discount_check"),
        ({"maximum_discount": 5}, "campaigns_discount_check"),  # a fixed amount has no cap
        ({"discount_type": "PERCENTAGE", "maximum_discount": -1}, "campaigns_maximum_discount_check"),
        ({"minimum_purchase": -1}, "campaigns_minimum_purchase_check"),
        ({"currency": "EUR"}, "campaigns_currency_check"),
        ({"currency": "mxn"}, "campaigns_currency_check"),
        ({"currency": "CRC", "discount_value": Decimal("0.50")}, "campaigns_rounding_check"),
        ({"currency": "CRC", "minimum_purchase": Decimal("0.50")}, "campaigns_rounding_check"),
        ({"currency": "CRC", "budget_amount": Decimal("0.50")}, "campaigns_rounding_check"),
        ({"time_zone": "America/Atlantis"}, "campaigns_time_zone_check"),
        ({"time_zone": "XYZ+5"}, "campaigns_time_zone_check"),
        ({"valid_until": "2020-01-01"}, "campaigns_validity_check"),  # equal to valid_from
        ({"weekdays": [0]}, "campaigns_weekdays_check"),
        ({"weekdays": [8]}, "campaigns_weekdays_check"),
        ({"weekdays": []}, "campaigns_weekdays_check"),
        ({"weekdays": [1, None]}, "campaigns_weekdays_check"),
        ({"daily_from": "06:00"}, "campaigns_daily_hours_check"),
        ({"daily_from": "06:00", "daily_until": "06:00"}, "campaigns_daily_hours_check"),
        ({"fuel_types": ["KEROSENE"]}, "campaigns_fuel_types_check"),
        ({"fuel_types": []}, "campaigns_fuel_types_check"),
        ({"station_scope": "SOME"}, "campaigns_station_scope_check"),
        ({"audience": "VIP"}, "campaigns_audience_check"),
        ({"audience": "LOYAL"}, "campaigns_loyal_after_redemptions_check"),
        ({"loyal_after_redemptions": 10}, "campaigns_loyal_after_redemptions_check"),
        ({"total_usage_limit": 0}, "campaigns_total_usage_limit_check"),
        ({"per_user_usage_limit": 0}, "campaigns_per_user_usage_limit_check"),
        ({"budget_amount": 0}, "campaigns_budget_amount_check"),
        ({"raffle_tickets_per_coupon": -1}, "campaigns_raffle_tickets_per_coupon_check"),
        ({"raffle_code": "monthly"}, "campaigns_raffle_code_check"),
        ({"cancellation_policy": "MAYBE"}, "campaigns_cancellation_policy_check"),
        ({"shard_count": 65}, "campaigns_shard_count_check"),
        ({"approved_by": LUIS}, "campaigns_approval_check"),  # LUIS made it
        ({"approved_at": None}, "campaigns_approval_check"),
        ({"metadata": "[]"}, "campaigns_metadata_check"),
    ],
)
def test_a_campaign_with_a_wrong_value_is_refused(as_role: Connect, values: dict[str, Any], constraint: str) -> None:
    filled = {"code": values.pop("campaign_code", "TEST"), "status": "DRAFT", **values}
    with pytest.raises(errors.CheckViolation) as refused:
        new_campaign(as_role("coupon_app"), **filled)
    assert refused_by(refused) == constraint


@pytest.mark.parametrize(
    "values",
    [
        {"discount_type": "PERCENTAGE", "discount_value": Decimal("12.5"), "maximum_discount": 50},
        {"currency": "CRC", "time_zone": "America/Costa_Rica", "minimum_purchase": 5000},
        {"daily_from": "22:00", "daily_until": "06:00"},
        {"daily_from": "00:00", "daily_until": "24:00"},
        {"time_zone": "America/Argentina/Buenos_Aires"},
        {"audience": "LOYAL", "loyal_after_redemptions": 10},
        {"fuel_types": ["DIESEL"], "weekdays": [6, 7]},
    ],
)
def test_good_campaigns_are_accepted(as_role: Connect, values: dict[str, Any]) -> None:
    assert new_campaign(as_role("coupon_app"), **values) > 0


@pytest.mark.parametrize("change", ["campaign_code = 'OTHER'", "currency = 'USD'", "shard_count = 8"])
def test_what_coupons_and_shards_rely_on_never_changes(admin: Conn, change: str) -> None:
    campaign = new_campaign(admin)
    with pytest.raises(errors.RestrictViolation):
        admin.execute(f"UPDATE coupon_schema.campaigns SET {change} WHERE id = {campaign}".encode())


def test_a_campaign_with_coupons_is_not_deleted(admin: Conn, as_role: Connect) -> None:
    new_coupons(admin, new_campaign(admin))
    # PostgreSQL 18 reports RESTRICT under a code of its own.
    with pytest.raises((errors.ForeignKeyViolation, errors.RestrictViolation)):
        admin.execute("DELETE FROM coupon_schema.campaigns WHERE campaign_code = 'TEST'")
    with pytest.raises(errors.InsufficientPrivilege):
        as_role("coupon_app").execute("DELETE FROM coupon_schema.campaigns")


def test_a_changed_campaign_is_logged_with_what_changed_and_who_did_it(as_role: Connect) -> None:
    conn = as_role("coupon_app")
    with conn.transaction():
        conn.execute("SELECT set_config('gasolinera.actor', %s, true)", (ANA,))
        campaign = new_campaign(conn)
        conn.execute("UPDATE coupon_schema.campaigns SET total_usage_limit = 7 WHERE id = %s", (campaign,))
        conn.execute("UPDATE coupon_schema.campaigns SET name = name WHERE id = %s", (campaign,))
    logged = catalog.rows(
        conn,
        """
        SELECT action, actor, old_values, CASE action WHEN 'CAMPAIGN_CHANGED' THEN new_values END,
               new_values ->> 'total_usage_limit'
          FROM coupon_schema.coupon_audit_log WHERE campaign_code = 'TEST' ORDER BY id
        """,
    )
    assert logged == [
        ("CAMPAIGN_CREATED", ANA, None, None, "1000"),
        ("CAMPAIGN_CHANGED", ANA, {"total_usage_limit": 1000}, {"total_usage_limit": 7}, "7"),
    ]


# Coupons

COUPON_STATES = ("ACTIVE", "USED", "EXPIRED", "CANCELLED", "SUSPENDED")


def test_a_coupon_goes_only_from_state_to_state_as_it_may(as_role: Connect) -> None:
    conn = as_role("coupon_app")
    went: dict[str, set[str]] = {state: set() for state in COUPON_STATES}
    campaign = new_campaign(conn)
    pairs = [(before, after) for before, after in product(COUPON_STATES, COUPON_STATES) if before != after]
    move = "UPDATE coupon_schema.coupons SET status = %s, status_reason = 'test' WHERE id = %s"
    for coupon, (before, after) in zip(new_coupons(conn, campaign, len(pairs)), pairs, strict=True):
        if before == "USED":
            continue  # only a use makes it, and only giving back ends it: see the tests of usage
        if before != "ACTIVE":
            conn.execute(move, (before, coupon))
        try:
            conn.execute(move, (after, coupon))
            went[before].add(after)
        except errors.CheckViolation as refused:
            assert refused.diag.constraint_name in {  # noqa: PT017 - both outcomes are counted
                "coupons_status_transition",
                "coupons_status_usage_count_check",
            }
    assert went == {
        "ACTIVE": {"EXPIRED", "CANCELLED", "SUSPENDED"},
        "USED": set(),
        "EXPIRED": set(),
        "CANCELLED": set(),
        "SUSPENDED": {"ACTIVE", "EXPIRED", "CANCELLED"},
    }


def test_a_used_coupon_is_not_made_good_by_hand(as_role: Connect) -> None:
    conn = as_role("coupon_app")
    for status in ("ACTIVE", "SUSPENDED", "CANCELLED"):
        with pytest.raises(errors.CheckViolation):
            conn.execute(
                "UPDATE coupon_schema.coupons SET status = %s, status_reason = 'test' WHERE status = 'USED'", (status,)
            )


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("coupon_code = 'gasx000000001'", "coupons_coupon_code_check"),
        ("coupon_code = 'GASX-00000001'", "coupons_coupon_code_check"),
        ("coupon_code = 'SHORT1'", "coupons_code_length_check"),
        ("valid_until = valid_from", "coupons_validity_check"),
        ("max_usage = 0", "coupons_max_usage_check"),
        ("usage_count = -1", "coupons_usage_count_check"),
        ("usage_count = max_usage + 1", "coupons_usage_count_check"),
        ("usage_count = max_usage", "coupons_status_usage_count_check"),
        ("status = 'USED'", "coupons_status_usage_count_check"),
        ("status = 'SUSPENDED'", "coupons_withdrawn_reason_check"),
        ("discount_type = 'PERCENTAGE', discount_value = 101", "coupons_discount_check"),
        ("raffle_tickets = 101", "coupons_raffle_tickets_check"),
        ("dense_index = 4294967296", "coupons_dense_index_check"),
        ("qr_signature = decode(repeat('00', 64), 'hex')", "coupons_qr_check"),
        ("qr_payload = 'x', qr_key_id = 1, qr_signature = 'short'", "coupons_qr_check"),
        ("metadata = '1'", "coupons_metadata_check"),
    ],
)
def test_a_coupon_with_a_wrong_value_is_refused(admin: Conn, change: str, constraint: str) -> None:
    (coupon,) = new_coupons(admin, new_campaign(admin), max_usage=2)
    with pytest.raises(errors.CheckViolation) as refused:
        admin.execute(f"UPDATE coupon_schema.coupons SET {change} WHERE id = {coupon}".encode())
    assert refused_by(refused) == constraint


def test_a_coupon_has_its_campaigns_currency(admin: Conn) -> None:
    (coupon,) = new_coupons(admin, new_campaign(admin))
    with pytest.raises(errors.ForeignKeyViolation) as refused:
        admin.execute("UPDATE coupon_schema.coupons SET currency = 'USD' WHERE id = %s", (coupon,))
    assert refused_by(refused) == "coupons_campaign_id_fk"


def test_coupons_have_indexes_without_gaps_for_the_bitmap(as_role: Connect) -> None:
    conn = as_role("coupon_app")
    new_coupons(conn, new_campaign(conn), 100)
    indexes = [int(row[0]) for row in catalog.rows(conn, "SELECT dense_index FROM coupon_schema.coupons ORDER BY 1")]
    assert indexes == list(range(140))


def test_a_signed_coupon_names_a_key_that_exists(as_role: Connect) -> None:
    conn = as_role("coupon_app")
    (coupon,) = new_coupons(conn, new_campaign(conn))
    sign = "UPDATE coupon_schema.coupons SET qr_key_id = 1, qr_payload = %s, qr_signature = %s WHERE id = %s"
    with pytest.raises(errors.ForeignKeyViolation) as refused:
        conn.execute(sign, (bytes(28), bytes(64), coupon))
    assert refused_by(refused) == "coupons_qr_key_id_fk"
    conn.execute("INSERT INTO coupon_schema.qr_signing_keys (key_id, public_key) VALUES (1, %s)", (bytes(32),))
    conn.execute(sign, (bytes(28), bytes(64), coupon))
    with pytest.raises(errors.CheckViolation) as refused:
        conn.execute(sign, (bytes(29), bytes(64), coupon))
    assert refused_by(refused) == "coupons_qr_check"
    with pytest.raises(errors.InsufficientPrivilege):
        conn.execute("UPDATE coupon_schema.qr_signing_keys SET public_key = %s", (bytes(range(32)),))


def test_available_coupons_can_be_used_now(admin: Conn) -> None:
    available = set(catalog.texts(admin, "SELECT coupon_code FROM coupon_schema.available_coupons"))
    # WELCOME 07 to 10, SUMMER 11 to 20 and 31 to 40, WEEKEND 21 to 24; LOYALTY is paused.
    assert {code[:-1] for code in available} == {f"GASX{n:08}" for n in (*range(7, 25), *range(31, 41))}
    assert all(normalised(code) == code for code in available)


# Attempts


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ("'GUESSED', 'SUCCESS', 'QR_SCAN'", "coupon_validation_attempts_success_check"),
        ("'GUESSED', 'UNKNOWN', 'QR_SCAN'", "coupon_validation_attempts_result_check"),
        ("'GUESSED', 'INVALID_CODE', 'TELEPATHY'", "coupon_validation_attempts_validation_method_check"),
        (f"'{'X' * 101}', 'INVALID_CODE', 'MANUAL_ENTRY'", "coupon_validation_attempts_coupon_code_check"),
    ],
)
def test_an_attempt_with_a_wrong_value_is_refused(as_role: Connect, values: str, constraint: str) -> None:
    with pytest.raises(errors.CheckViolation) as refused:
        as_role("coupon_app").execute(
            "INSERT INTO coupon_schema.coupon_validation_attempts (coupon_code, result, validation_method)"
            f" VALUES ({values})".encode()
        )
    assert refused_by(refused) == constraint


@pytest.mark.parametrize("table", ["coupon_validation_attempts", "coupon_audit_log"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET created_at = now()", "DELETE FROM {}", "TRUNCATE {}"])
def test_logs_are_append_only(admin: Conn, as_role: Connect, table: str, statement: str) -> None:
    statement = statement.format(f"coupon_schema.{table}")
    with pytest.raises(errors.InsufficientPrivilege):
        as_role("coupon_app").execute(statement.encode())
    with pytest.raises(errors.RestrictViolation):
        admin.execute(statement.encode())


# Secrets, production


@pytest.mark.parametrize(
    "column",
    [
        "coupons.coupon_code", "coupons.user_id", "coupons.qr_payload", "coupons.qr_signature",
        "available_coupons.coupon_code", "campaign_user_usages.user_id", "coupon_usage_history.user_id",
        "coupon_usage_history.employee_number", "coupon_validation_attempts.coupon_code",
        "coupon_validation_attempts.device_id", "coupon_validation_attempts.latitude",
        "coupon_validation_attempts.ip_address", "coupon_audit_log.coupon_code", "coupon_audit_log.ip_address",
    ],
)  # fmt: skip
def test_the_reading_role_reads_neither_codes_nor_persons(as_role: Connect, column: str) -> None:
    table, name = column.split(".")
    with pytest.raises(errors.InsufficientPrivilege):
        as_role("coupon_ro").execute(f"SELECT {name} FROM coupon_schema.{table}".encode())


def test_the_reading_role_reads_what_reports_need(as_role: Connect) -> None:
    conn = as_role("coupon_ro")
    counted = catalog.rows(conn, "SELECT status, count(*) FROM coupon_schema.coupons GROUP BY status ORDER BY status")
    assert counted == [("ACTIVE", 31), ("CANCELLED", 1), ("EXPIRED", 1), ("SUSPENDED", 1), ("USED", 6)]
    assert catalog.number(conn, "SELECT count(*) FROM coupon_schema.campaign_usage") == 8


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"approved_by": None, "approved_at": None}, "campaigns_budget_approved_check"),
        ({"created_by": None}, "campaigns_created_by_check"),
        ({"total_usage_limit": None}, "campaigns_bounded_check"),
    ],
)
def test_production_opens_no_campaign_that_is_not_approved_and_bounded(
    production: Conn, values: dict[str, Any], constraint: str
) -> None:
    with pytest.raises(errors.CheckViolation) as refused:
        new_campaign(production, **values)
    assert refused_by(refused) == constraint
    new_campaign(production, **{**values, "status": "DRAFT"})
