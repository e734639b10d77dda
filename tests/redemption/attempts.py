"""Attempts as the tests of fraud make them: a redemption begun and assessed in one transaction, as the service does."""

from collections.abc import Mapping
from itertools import count
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import msgspec
import psycopg

from gasolinera.redemption.models_fraud import Decision

Connection: TypeAlias = psycopg.Connection[Any]

_numbers = count(1)
DRIVER = UUID("b0000000-0000-4000-8000-000000000001")
# By the law of cosines the first is 461.6 km from JSM905, 56.3 km from JSM904.
PLACES = {"JSM001": (19.4270, -99.1332), "JSM904": (19.2900, -99.6500), "JSM905": (20.6700, -103.3500)}


class Assessed(msgspec.Struct, frozen=True):
    reference: str
    detection_id: UUID
    risk_score: int
    decision: Decision
    fraud_type: str | None
    rule_points: Mapping[str, int]


def begin(
    app: Connection,
    *,
    user: UUID = DRIVER,
    station: str = "JSM001",
    amount: int | None = None,
    coupon: str | None = None,
    method: str = "QR_SCAN",
    device: str | None = None,
    employee: str = "EMP000022",
) -> str:
    """A PENDING redemption; amounts and coupons differ unless they are given."""
    number = next(_numbers)
    row = app.execute(
        """
        INSERT INTO redemption_schema.redemptions (user_id, coupon_code, campaign_code, station_code, employee_number,
               terminal_code, validation_method, device_id, original_amount, final_amount, currency, idempotency_key)
        VALUES (%s, %s, 'CAMPAIGN', %s, %s, 'TERMINAL-1', %s, %s, %s, %s, 'MXN', %s) RETURNING transaction_reference
        """,
        (
            user,
            coupon or f"COUPON{number:06}",
            station,
            employee,
            method,
            device,
            amount or 300 + number % 97,
            amount or 300 + number % 97,
            str(uuid4()),
        ),
    ).fetchone()
    assert row is not None
    return row[0]


def assess(app: Connection, reference: str, *, device: str | None = None) -> Assessed:
    row = app.execute(
        """
        SELECT a.detection_id, a.risk_score, a.decision, a.fraud_type, a.rule_points
          FROM redemption_schema.redemptions AS r
         CROSS JOIN LATERAL redemption_schema.assess_redemption(
               r.transaction_reference, r.user_id, r.coupon_code, r.station_code, r.employee_number, %s,
               r.original_amount, r.currency) AS a
         WHERE r.transaction_reference = %s
        """,
        (device, reference),
    ).fetchone()
    assert row is not None
    return Assessed(reference, row[0], row[1], Decision(row[2]), row[3], row[4])


def attempt(app: Connection, *, device: str | None = None, ends: str | None = "COMPLETED", **facts: Any) -> Assessed:
    """One attempt; unless blocked it ends as said, None leaves it PENDING."""
    with app.transaction():
        reference = begin(app, device=device, **facts)
        assessed = assess(app, reference, device=device)
    status = "FAILED" if assessed.decision is Decision.BLOCKED else ends
    if status is not None:
        app.execute(
            "UPDATE redemption_schema.redemptions SET status = %s,"
            " failure_code = CASE %s WHEN 'FAILED' THEN 'FRAUD_BLOCKED' END WHERE transaction_reference = %s",
            (status, status, reference),
        )
    return assessed


def age(admin: Connection, minutes: float, reference: str | None = None) -> None:
    """Moves redemptions and what is known of attempts into the past: one, or all of them."""
    admin.execute("SET session_replication_role = replica")
    for table in ("fraud_detection_log", "code_refusals"):
        admin.execute(
            "SELECT redemption_schema.ensure_month_partitions(%s, (now() - interval '1 month')::date, now()::date)",
            (table,),
        )
    for table in ("redemptions", "fraud_detection_log"):
        admin.execute(
            f"UPDATE redemption_schema.{table} SET created_at = created_at - make_interval(secs => %s)"
            " WHERE %s::text IS NULL OR transaction_reference = %s".encode(),
            (minutes * 60, reference, reference),
        )
    admin.execute("SET session_replication_role = origin")
