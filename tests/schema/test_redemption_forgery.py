"""The redemption schema against its own runtime role: nothing is forged, back-dated, endless or not a number."""

from collections.abc import Callable

import pytest
from psycopg import errors
from tests.schema import catalog
from tests.schema.catalog import Conn
from tests.schema.redemption_steps import DRIVER, STRANGER, begin, completed, issue
from tests.schema.ticket_numbers import user

Connect = Callable[[str], Conn]

FORGED = {
    "redemption_audit_log": ("event_type", "actor", "created_at", "id"),
    "fraud_detection_log": ("id", "actor", "correlation_id", "ip_address", "user_agent", "created_at"),
    "fraud_reviews": ("detection_id", "reviewed_at", "created_at"),
    "qr_validations": ("created_at", "scanned_at", "completed_at", "status", "ip_address"),
    "redemptions": ("created_at", "completed_at", "created_by", "ip_address", "id"),
    "outbox_events": ("id", "occurred_at", "created_at", "published_at"),
    "points_ledger": ("created_at", "actor", "entry_number", "balance_after"),
}


@pytest.mark.parametrize("table", FORGED)
def test_the_runtime_role_forges_and_back_dates_nothing(as_role: Connect, table: str) -> None:
    app = as_role("redemption_app")
    for column in FORGED[table]:
        with pytest.raises(errors.InsufficientPrivilege):
            app.execute(f"INSERT INTO redemption_schema.{table} ({column}) VALUES (DEFAULT)".encode())


def test_an_assessed_attempt_names_who_the_request_came_from(as_role: Connect) -> None:
    app = as_role("redemption_app")
    app.execute("SELECT set_config('gasolinera.actor', 'EMP000022', false)")
    app.execute(
        """
        INSERT INTO redemption_schema.fraud_detection_log (user_id, fraud_type, risk_score, action_taken)
        VALUES (%s, 'VELOCITY_FRAUD', 50, 'FLAGGED')
        """,
        (DRIVER,),
    )
    assert catalog.rows(
        app,
        """
        SELECT l.actor, v.detected_at = l.created_at FROM redemption_schema.fraud_detection_log AS l
          JOIN redemption_schema.fraud_reviews AS v USING (detection_id) WHERE l.user_id = %s
        """,
        DRIVER,
    ) == [("EMP000022", True)]


@pytest.mark.parametrize(
    "column", ["fuel_litres", "price_per_litre", "original_amount", "discount_amount", "final_amount"]
)
def test_what_a_redemption_measures_is_a_number(as_role: Connect, column: str) -> None:
    app = as_role("redemption_app")
    reference = begin(app)
    change = "UPDATE redemption_schema.redemptions SET fuel_type = 'REGULAR', {} WHERE transaction_reference = %s"
    values = {"fuel_litres": "20", "price_per_litre": "25"} | {column: "'NaN'"}
    assignments = ", ".join(f"{name} = {value}" for name, value in values.items())
    with pytest.raises(errors.CheckViolation):
        app.execute(change.format(assignments).encode(), (reference,))
    everything = ", ".join(f"{name} = 'NaN'" for name in ("original_amount", "discount_amount", "final_amount"))
    with pytest.raises(errors.CheckViolation):
        app.execute(change.format(everything).encode(), (reference,))


CODE = """
    INSERT INTO redemption_schema.qr_validations
           (station_code, dispenser_code, employee_number, amount, currency, expires_at)
    VALUES ('JSM001', 'D03', 'EMP000022', %s, 'MXN', now() + %s::interval)
"""


def test_a_pump_code_has_an_amount_and_an_end(as_role: Connect) -> None:
    app = as_role("redemption_app")
    for amount, life in (("NaN", "10 minutes"), ("0", "10 minutes"), ("5", "25 hours"), ("5", "-1 second")):
        with pytest.raises(errors.CheckViolation):
            app.execute(CODE, (amount, life))
    app.execute(CODE, ("5", "10 minutes"))


@pytest.mark.parametrize("expiry", ["infinity", "now() + interval '3 years'"])
def test_tickets_do_not_last_for_ever(as_role: Connect, expiry: str) -> None:
    app = as_role("redemption_app")
    moment = "'infinity'" if expiry == "infinity" else expiry
    with pytest.raises(errors.CheckViolation) as refused:
        app.execute(
            f"""
            SELECT * FROM redemption_schema.issue_tickets('FREE_ENTRY', ARRAY['test'], ARRAY[gen_random_uuid()],
                   ARRAY[1], p_expires_at => ARRAY[{moment}]::timestamptz[])
            """.encode()
        )
    assert refused.value.diag.constraint_name == "ticket_issuances_expires_at_check"
    change = f"UPDATE redemption_schema.redemptions SET tickets_expire_at = {moment} WHERE transaction_reference = %s"
    with pytest.raises(errors.CheckViolation) as refused:
        app.execute(change.encode(), (begin(app),))
    assert refused.value.diag.constraint_name == "redemptions_tickets_expire_at_check"
    assert issue(app, "FREE_ENTRY", "test", 1, holder=user(9)) == "ISSUED"


def test_points_name_a_redemption_of_their_owner(as_role: Connect) -> None:
    app = as_role("redemption_app")
    reference = completed(app, holder=DRIVER)
    book = """
        INSERT INTO redemption_schema.points_ledger (user_id, entry_type, points, source_reference, redemption_id)
        SELECT %s, 'EARNED', 10, transaction_reference, id + %s FROM redemption_schema.redemptions
         WHERE transaction_reference = %s
    """
    for holder, beside in ((STRANGER, 0), (DRIVER, 1000)):
        with pytest.raises(errors.ForeignKeyViolation):
            app.execute(book, (holder, beside, reference))
    app.execute(book, (DRIVER, 0, reference))
    with pytest.raises(errors.CheckViolation):
        app.execute(
            """
            INSERT INTO redemption_schema.points_ledger (user_id, entry_type, points, source_reference, expires_at)
            VALUES (%s, 'EARNED', 10, 'endless', 'infinity')
            """,
            (DRIVER,),
        )
