"""The steps of a redemption, as the tests of its schema take them."""

from collections import Counter
from itertools import count
from uuid import UUID

from tests.schema import catalog
from tests.schema.catalog import Conn
from tests.schema.ticket_numbers import user

DRIVER = user(1)
STRANGER = user(2)
_keys = count(1)


def begin(app: Conn, *, holder: UUID = DRIVER, tickets: int = 3, raffle: str | None = None) -> str:
    """A PENDING redemption; its transaction reference."""
    return catalog.texts(
        app,
        """
        INSERT INTO redemption_schema.redemptions (user_id, coupon_code, campaign_code, station_code, employee_number,
               terminal_code, original_amount, final_amount, currency, idempotency_key, tickets_earned, raffle_code)
        VALUES (%s, 'COUPON0001', 'CAMPAIGN', 'JSM001', 'EMP000022', 'JSM001-T1', 500, 500, 'MXN', %s, %s, %s)
        RETURNING transaction_reference
        """,
        holder,
        f"a-key-of-this-test-{next(_keys)}",
        tickets,
        raffle,
    )[0]


def move(conn: Conn, reference: str, status: str) -> None:
    conn.execute(
        """
        UPDATE redemption_schema.redemptions
           SET status = %(status)s,
               failure_code = CASE %(status)s WHEN 'FAILED' THEN 'COUPON_REFUSED' ELSE failure_code END
         WHERE transaction_reference = %(reference)s
        """,
        {"status": status, "reference": reference},
    )


def completed(app: Conn, *, holder: UUID = DRIVER, tickets: int = 3, raffle: str | None = None) -> str:
    reference = begin(app, holder=holder, tickets=tickets, raffle=raffle)
    move(app, reference, "COMPLETED")
    return reference


def tickets_of(conn: Conn, reference: str) -> Counter[str]:
    """How many tickets of a redemption are in each status, its bonuses included."""
    return Counter(
        catalog.texts(
            conn,
            """
            SELECT t.status FROM redemption_schema.raffle_tickets AS t
              JOIN redemption_schema.redemptions AS r ON r.id = t.redemption_id WHERE r.transaction_reference = %s
            """,
            reference,
        )
    )


def issue(
    conn: Conn, source: str, reference: str, tickets: int, *, holder: UUID = DRIVER, redemption: str | None = None
) -> str:
    """The outcome of one call of issue_tickets."""
    return catalog.texts(
        conn,
        """
        SELECT outcome FROM redemption_schema.issue_tickets(%s, ARRAY[%s], ARRAY[%s::uuid], ARRAY[%s::integer],
               p_transaction_references => ARRAY[%s])
        """,
        source,
        reference,
        holder,
        tickets,
        redemption,
    )[0]
