"""The redemption schema: a redemption, the logs about it, the pump's code and the outbox."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from psycopg import errors
from tests.schema import catalog
from tests.schema.catalog import Conn
from tests.schema.racing import wait_until_blocked
from tests.schema.redemption_steps import DRIVER, STRANGER, begin, completed, move

Connect = Callable[[str], Conn]


# Redemptions

STATUSES = ("PENDING", "IN_PROGRESS", "COMPLETED", "FAILED", "CANCELLED")
ROADS: dict[str, tuple[str, ...]] = {
    "PENDING": (),
    "IN_PROGRESS": ("IN_PROGRESS",),
    "COMPLETED": ("IN_PROGRESS", "COMPLETED"),
    "FAILED": ("FAILED",),
    "CANCELLED": ("CANCELLED",),
}
ALLOWED = {
    "PENDING": {"IN_PROGRESS", "COMPLETED", "FAILED", "CANCELLED"},
    "IN_PROGRESS": {"COMPLETED", "FAILED", "CANCELLED"},
    "COMPLETED": {"CANCELLED"},
    "FAILED": set[str](),
    "CANCELLED": set[str](),
}


@pytest.mark.parametrize("start", STATUSES)
def test_a_redemption_goes_only_where_it_may(as_role: Connect, start: str) -> None:
    app = as_role("redemption_app")
    reached: set[str] = set()
    for goal in STATUSES:
        if goal == start:
            continue
        reference = begin(app)
        for step in ROADS[start]:
            move(app, reference, step)
        try:
            move(app, reference, goal)
        except errors.CheckViolation:
            continue
        reached.add(goal)
    assert reached == ALLOWED[start]


@pytest.mark.parametrize("status", ["IN_PROGRESS", "COMPLETED", "FAILED", "CANCELLED"])
def test_a_redemption_begins_pending_even_for_the_owner(admin: Conn, status: str) -> None:
    with pytest.raises(errors.CheckViolation):
        admin.execute(
            """
            INSERT INTO redemption_schema.redemptions (user_id, coupon_code, campaign_code, station_code,
                   employee_number, terminal_code, original_amount, final_amount, currency, idempotency_key, status)
            VALUES (%s, 'COUPON0001', 'CAMPAIGN', 'JSM001', 'EMP000022', 'JSM001-T1', 1, 1, 'MXN', 'sixteen-letters-x',
                    %s)
            """,
            (DRIVER, status),
        )


def test_a_finished_redemption_keeps_its_facts(as_role: Connect) -> None:
    app = as_role("redemption_app")
    reference = completed(app)
    for change in (
        "original_amount = 600, final_amount = 600",
        "discount_amount = 100, final_amount = 400",
        "tickets_earned = 50",
        "raffle_code = 'ANOTHER-1'",
    ):
        with pytest.raises(errors.RestrictViolation):
            app.execute(
                b"UPDATE redemption_schema.redemptions SET " + change.encode() + b" WHERE transaction_reference = %s",
                (reference,),
            )


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("discount_amount = 600, final_amount = -100", "redemptions_discount_amount_check"),
        ("discount_amount = -1, final_amount = 501", "redemptions_discount_amount_check"),
        ("discount_amount = 75, final_amount = 426", "redemptions_final_amount_check"),
        ("original_amount = 0, final_amount = 0", "redemptions_original_amount_check"),
        ("currency = 'EUR'", "redemptions_currency_check"),
        (
            "currency = 'CRC', discount_amount = 10.50, final_amount = 489.50",
            "redemptions_rounding_check",
        ),
        ("fuel_litres = 10, price_per_litre = NULL", "redemptions_fuel_check"),
        ("fuel_type = 'KEROSENE'", "redemptions_fuel_type_check"),
        # 10 litres at 20 are not 500; only production and test ask
        ("fuel_type = 'REGULAR', fuel_litres = 10, price_per_litre = 20", "redemptions_pump_amount_check"),
        ("metadata = '[]'", "redemptions_metadata_check"),
        ("coupon_code = 'lower'", "redemptions_coupon_code_check"),
        ("employee_number = 'E1'", "redemptions_employee_number_check"),
    ],
)
def test_wrong_facts_are_refused_by_a_named_rule(admin: Conn, change: str, constraint: str) -> None:
    with pytest.raises(errors.CheckViolation) as refused:
        admin.execute(
            b"UPDATE redemption_schema.redemptions SET " + change.encode() + b" WHERE transaction_reference = %s",
            (begin(admin),),
        )
    assert refused.value.diag.constraint_name == constraint


def test_the_same_key_of_the_same_employee_is_one_redemption(as_role: Connect) -> None:
    app = as_role("redemption_app")
    insert = """
        INSERT INTO redemption_schema.redemptions (user_id, coupon_code, campaign_code, station_code, employee_number,
               terminal_code, original_amount, final_amount, currency, idempotency_key)
        VALUES (%s, 'COUPON0001', 'CAMPAIGN', 'JSM001', %s, 'JSM001-T1', 500, 500, 'MXN', 'the-key-of-one-request')
    """
    app.execute(insert, (DRIVER, "EMP000022"))
    app.execute(insert, (DRIVER, "EMP000024"))
    with pytest.raises(errors.UniqueViolation) as refused:
        app.execute(insert, (DRIVER, "EMP000022"))
    assert refused.value.diag.constraint_name == "redemptions_employee_number_idempotency_key_key"


def test_transaction_references_differ_and_grow_past_six_digits(admin: Conn, as_role: Connect) -> None:
    app = as_role("redemption_app")
    admin.execute("SELECT setval('redemption_schema.transaction_reference_seq', 999998)")
    numbers = [begin(app).rsplit("-", 1)[1] for _ in range(2)]
    assert numbers == ["999999", "1000000"]


def test_each_change_of_status_is_on_record_with_who_asked(as_role: Connect) -> None:
    app = as_role("redemption_app")
    reference = begin(app)
    with app.transaction():
        app.execute("SELECT set_config('gasolinera.actor', 'EMP000022', true)")
        app.execute("SELECT set_config('gasolinera.ip_address', '192.0.2.7', true)")
        move(app, reference, "COMPLETED")
    move(app, reference, "CANCELLED")
    history = catalog.rows(
        app,
        """
        SELECT old_status, new_status, actor, host(ip_address) FROM redemption_schema.redemption_audit_log
         WHERE transaction_reference = %s ORDER BY id
        """,
        reference,
    )
    assert history == [("PENDING", "COMPLETED", "EMP000022", "192.0.2.7"), ("COMPLETED", "CANCELLED", None, None)]


# Logs that only grow


@pytest.mark.parametrize("table", ["redemption_audit_log", "fraud_detection_log", "points_ledger"])
def test_a_log_is_never_changed(admin: Conn, as_role: Connect, table: str) -> None:
    name = b"redemption_schema." + table.encode()
    app = as_role("redemption_app")
    for statement in (
        b"DELETE FROM " + name,
        b"UPDATE " + name + b" SET created_at = now()",
        b"TRUNCATE " + name + b" CASCADE",
    ):
        with pytest.raises(errors.InsufficientPrivilege):
            app.execute(statement)
        with pytest.raises(errors.RestrictViolation):
            admin.execute(statement)


def detect(conn: Conn, action: str, fraud_type: str | None = "VELOCITY_FRAUD", score: int = 50) -> None:
    conn.execute(
        """
        INSERT INTO redemption_schema.fraud_detection_log (user_id, fraud_type, risk_score, action_taken)
        VALUES (%s, %s, %s, %s)
        """,
        (DRIVER, fraud_type, score, action),
    )


def test_every_attempt_but_an_allowed_one_is_in_the_review_queue(as_role: Connect) -> None:
    app = as_role("redemption_app")
    for action in ("ALLOWED", "FLAGGED", "ALLOWED_WITH_REVIEW", "BLOCKED"):
        detect(app, action)
    queued = catalog.texts(
        app,
        """
        SELECT l.action_taken FROM redemption_schema.fraud_reviews AS v
          JOIN redemption_schema.fraud_detection_log AS l USING (detection_id) WHERE l.user_id = %s ORDER BY l.id
        """,
        DRIVER,
    )
    assert queued == ["FLAGGED", "ALLOWED_WITH_REVIEW", "BLOCKED"]
    with pytest.raises(errors.CheckViolation):
        app.execute("UPDATE redemption_schema.fraud_reviews SET status = 'CONFIRMED'")


def test_a_score_is_0_to_100_and_a_measure_has_a_reason(as_role: Connect) -> None:
    app = as_role("redemption_app")
    for action, fraud_type, score in (
        ("BLOCKED", None, 90),
        ("BLOCKED", "BAD_MOOD", 90),
        ("FLAGGED", "DEVICE_FRAUD", 101),
    ):
        with pytest.raises(errors.CheckViolation):
            detect(app, action, fraud_type, score)
    detect(app, "ALLOWED", None, 0)


# The pump's code

SCAN = """
    UPDATE redemption_schema.qr_validations SET status = 'SCANNED', scanned_by = %s
     WHERE nonce = %s AND status = 'GENERATED' AND now() < expires_at
"""


def show_code(app: Conn) -> str:
    return catalog.texts(
        app,
        """
        INSERT INTO redemption_schema.qr_validations (station_code, dispenser_code, employee_number, expires_at)
        VALUES ('JSM001', 'D03', 'EMP000022', now() + interval '15 minutes') RETURNING nonce
        """,
    )[0]


def scan(conn: Conn, nonce: str, driver: UUID) -> int:
    return conn.execute(SCAN, (driver, nonce)).rowcount


def test_of_two_drivers_who_scan_the_same_pump_code_one_wins(admin: Conn, as_role: Connect) -> None:
    first, second = as_role("redemption_app"), as_role("redemption_app")
    nonce = show_code(first)
    with ThreadPoolExecutor(1) as pool:
        with first.transaction():
            assert scan(first, nonce, DRIVER) == 1
            racing = pool.submit(scan, second, nonce, STRANGER)
            wait_until_blocked(admin, second)
        assert racing.result(timeout=20) == 0
    with pytest.raises(errors.RestrictViolation):
        first.execute(
            "UPDATE redemption_schema.qr_validations SET status = 'ACTIVATED', scanned_by = %s WHERE nonce = %s",
            (STRANGER, nonce),
        )


def test_an_expired_pump_code_is_not_scanned(admin: Conn, as_role: Connect) -> None:
    app = as_role("redemption_app")
    nonce = show_code(app)
    admin.execute(
        """
        UPDATE redemption_schema.qr_validations
           SET created_at = now() - interval '10 minutes', expires_at = now() - interval '1 second' WHERE nonce = %s
        """,
        (nonce,),
    )
    with pytest.raises(errors.CheckViolation):
        app.execute(
            "UPDATE redemption_schema.qr_validations SET status = 'SCANNED', scanned_by = %s WHERE nonce = %s",
            (DRIVER, nonce),
        )


def test_a_pump_code_skips_no_step(as_role: Connect) -> None:
    app = as_role("redemption_app")
    nonce = show_code(app)
    for status in ("ACTIVATED", "COMPLETED"):
        with pytest.raises(errors.CheckViolation):
            app.execute(
                "UPDATE redemption_schema.qr_validations SET status = %s, scanned_by = %s WHERE nonce = %s",
                (status, DRIVER, nonce),
            )
    assert scan(app, nonce, DRIVER) == 1
    for status in ("ACTIVATED", "COMPLETED"):
        app.execute("UPDATE redemption_schema.qr_validations SET status = %s WHERE nonce = %s", (status, nonce))


# The outbox


def test_an_event_waits_in_the_outbox_until_it_is_published_and_has_one_id(as_role: Connect) -> None:
    app = as_role("redemption_app")
    waiting = "SELECT event_id FROM redemption_schema.outbox_events WHERE published_at IS NULL ORDER BY id"
    before = catalog.texts(app, waiting)
    event = catalog.texts(
        app,
        """
        INSERT INTO redemption_schema.outbox_events (event_type, aggregate_type, aggregate_key, payload)
        VALUES ('redemption.completed', 'redemption', 'RDM-20261101-000001', '{}') RETURNING event_id
        """,
    )[0]
    with pytest.raises(errors.UniqueViolation):
        app.execute(
            """
            INSERT INTO redemption_schema.outbox_events (event_id, event_type, aggregate_type, aggregate_key, payload)
            VALUES (%s, 'redemption.completed', 'redemption', 'RDM-20261101-000001', '{}')
            """,
            (event,),
        )
    assert catalog.texts(app, waiting) == [*before, event]
    app.execute("UPDATE redemption_schema.outbox_events SET published_at = now() WHERE event_id = %s", (event,))
    assert catalog.texts(app, waiting) == before
    with pytest.raises(errors.InsufficientPrivilege):
        app.execute("UPDATE redemption_schema.outbox_events SET payload = '{}'")
