"""The legacy points: they add up under concurrency, and the ledger only grows."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from psycopg import errors
from tests.schema import catalog
from tests.schema.catalog import Conn
from tests.schema.racing import wait_until_blocked
from tests.schema.redemption_steps import DRIVER

Connect = Callable[[str], Conn]


def book(conn: Conn, entry_type: str, points: int, reference: str, *, owner: UUID = DRIVER) -> int:
    """Books points; the balance after them."""
    return catalog.number(
        conn,
        """
        INSERT INTO redemption_schema.points_ledger (user_id, entry_type, points, source_reference)
        VALUES (%s, %s, %s, %s) RETURNING balance_after
        """,
        owner,
        entry_type,
        points,
        reference,
    )


def test_points_booked_by_several_connections_at_once_add_up(admin: Conn, as_role: Connect) -> None:
    writers, entries = 4, 25

    def work(number: int) -> None:
        app = connections[number]
        for entry in range(entries):
            book(app, "EARNED", 10, f"earned-{number}-{entry}")
            book(app, "REDEEMED", -3, f"redeemed-{number}-{entry}")

    connections = [as_role("redemption_app") for _ in range(writers)]
    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(work, range(writers)))
    ledger = catalog.rows(
        admin,
        """
        SELECT entry_number, points, balance_after FROM redemption_schema.points_ledger
         WHERE user_id = %s ORDER BY entry_number
        """,
        DRIVER,
    )
    balance = 0
    for expected_number, (entry_number, points, balance_after) in enumerate(ledger, start=1):
        balance += points
        assert (entry_number, balance_after) == (expected_number, balance)
    assert len(ledger) == writers * entries * 2
    assert balance == writers * entries * 7
    assert catalog.rows(
        admin, "SELECT balance, entry_count FROM redemption_schema.points_accounts WHERE user_id = %s", DRIVER
    ) == [(balance, len(ledger))]


def test_two_redemptions_of_the_last_points_do_not_both_succeed(admin: Conn, as_role: Connect) -> None:
    first, second = as_role("redemption_app"), as_role("redemption_app")
    book(first, "EARNED", 100, "start")
    with ThreadPoolExecutor(1) as pool:
        with first.transaction():
            assert book(first, "REDEEMED", -100, "wash-1") == 0
            racing = pool.submit(book, second, "REDEEMED", -100, "wash-2")
            wait_until_blocked(admin, second)
        with pytest.raises(errors.CheckViolation) as refused:
            racing.result(timeout=20)
    assert refused.value.diag.constraint_name == "points_ledger_balance_after_check"
    assert catalog.rows(
        admin, "SELECT balance, entry_count FROM redemption_schema.points_accounts WHERE user_id = %s", DRIVER
    ) == [(0, 2)]


def test_points_of_the_same_fact_move_once_even_under_on_conflict(as_role: Connect) -> None:
    app = as_role("redemption_app")
    book(app, "EARNED", 100, "receipt-1")
    with pytest.raises(errors.UniqueViolation):
        app.execute(
            """
            INSERT INTO redemption_schema.points_ledger (user_id, entry_type, points, source_reference)
            VALUES (%s, 'EARNED', 100, 'receipt-1') ON CONFLICT DO NOTHING
            """,
            (DRIVER,),
        )
    assert book(app, "EARNED", 1, "receipt-2") == 101


@pytest.mark.parametrize(
    ("entry_type", "points"), [("EARNED", -5), ("BONUS", 0), ("REDEEMED", 5), ("EXPIRED", 1), ("GIFT", 5)]
)
def test_points_have_the_sign_of_their_entry(as_role: Connect, entry_type: str, points: int) -> None:
    app = as_role("redemption_app")
    book(app, "EARNED", 100, "start")
    with pytest.raises(errors.CheckViolation):
        book(app, entry_type, points, "wrong")


def test_the_runtime_role_sets_no_balance_itself(as_role: Connect) -> None:
    app = as_role("redemption_app")
    for statement in (
        "UPDATE redemption_schema.points_accounts SET balance = 1000000",
        """
        INSERT INTO redemption_schema.points_ledger (user_id, entry_type, points, source_reference, balance_after)
        VALUES (gen_random_uuid(), 'EARNED', 1, 'x', 1000000)
        """,
    ):
        with pytest.raises(errors.InsufficientPrivilege):
            app.execute(statement.encode())
