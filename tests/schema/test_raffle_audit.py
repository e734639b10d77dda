"""What happens to a raffle is on record, and the runtime role neither forges nor back-dates the record."""

from collections.abc import Callable
from typing import LiteralString

import pytest
from psycopg import errors
from tests.schema import catalog
from tests.schema.catalog import Conn
from tests.schema.raffle_steps import add_prize, draft, drawing, enter, freeze_now, move, opened, prizes_of, win
from tests.schema.ticket_numbers import user

Connect = Callable[[str], Conn]


def events(conn: Conn, prefix: str, code: str = "TEST-1") -> list[tuple[str, str | None]]:
    """(event, subject) of a raffle in order, of events whose name begins so."""
    return catalog.rows(
        conn,
        """
        SELECT event_type, subject FROM raffle_schema.raffle_audit_log
         WHERE raffle_code = %s AND starts_with(event_type, %s) ORDER BY id
        """,
        code,
        prefix,
    )


def test_every_state_of_a_draw_is_on_record(as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = opened(app, algorithm="PROVABLY_FAIR")
    enter(app, raffle, {user(1): 1})
    move(app, raffle, "CLOSED")
    void = freeze_now(app, raffle)
    move(app, raffle, "CANCELLED")
    app.execute(
        """
        UPDATE raffle_schema.raffle_draws SET status = 'VOID', void_reason = 'The key was lost',
               void_signature = sha256('a') || sha256('b') WHERE id = %s
        """,
        (void,),
    )
    assert events(app, "DRAW_") == [("DRAW_FROZEN", "2"), ("DRAW_VOID", "2")]
    assert catalog.texts(
        app, "SELECT new_values ->> 'reason' FROM raffle_schema.raffle_audit_log WHERE event_type = 'DRAW_VOID'"
    ) == ["The key was lost"]


def test_every_state_of_a_winner_is_on_record(admin: Conn, as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = opened(app)
    ticket = enter(app, raffle, {user(1): 1})[0]
    drawn = drawing(admin, app, raffle)
    win(app, drawn, 1, ticket, prizes_of(app, raffle)[0], 1)
    app.execute("UPDATE raffle_schema.raffle_winners SET status = 'NOTIFIED' WHERE draw_id = %s", (drawn,))
    assert [event for event, _ in events(app, "WINNER_")] == ["WINNER_SELECTED", "WINNER_NOTIFIED"]
    assert events(app, "PRIZE_") == [("PRIZE_ADDED", "1")], "the inventory is no change of a prize"


def test_a_disqualification_and_its_undo_are_on_record(as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = opened(app)
    ticket = enter(app, raffle, {user(1): 1, user(2): 1})[0]
    change = """
        UPDATE raffle_schema.raffle_tickets SET disqualified_at = now() + %s::interval, disqualification_reason = %s
         WHERE ticket_number = %s
    """
    app.execute(change, ("0", "An employee", ticket))
    app.execute(change, ("0", "An employee", ticket))  # a new time of the same verdict is told as well
    app.execute(change, (None, None, ticket))
    app.execute(change, (None, None, ticket))
    assert events(app, "TICKET_") == [
        ("TICKET_DISQUALIFIED", ticket),
        ("TICKET_DISQUALIFIED", ticket),
        ("TICKET_REQUALIFIED", ticket),
    ]


def test_a_deleted_draft_and_its_prizes_are_on_record(as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = draft(app, "TEST-1")
    prize = add_prize(app, raffle, 1)
    app.execute("UPDATE raffle_schema.raffle_prizes SET prize_value = 5 WHERE id = %s", (prize,))
    app.execute("UPDATE raffle_schema.raffle_prizes SET prize_value = 5 WHERE id = %s", (prize,))
    app.execute("DELETE FROM raffle_schema.raffle_prizes WHERE id = %s", (prize,))
    app.execute("DELETE FROM raffle_schema.raffles WHERE id = %s", (raffle,))
    assert events(app, "") == [
        ("RAFFLE_CREATED", None),
        ("PRIZE_ADDED", "1"),
        ("PRIZE_CHANGED", "1"),
        ("PRIZE_REMOVED", "1"),
        ("RAFFLE_DELETED", None),
    ]
    assert catalog.rows(
        app,
        """
        SELECT (old_values ->> 'prize_value')::numeric, (new_values ->> 'prize_value')::numeric
          FROM raffle_schema.raffle_audit_log WHERE raffle_code = 'TEST-1' AND event_type = 'PRIZE_CHANGED'
        """,
    ) == [(1000, 5)]


def test_the_record_is_written_by_the_triggers_alone(as_role: Connect) -> None:
    app = as_role("raffle_app")
    with pytest.raises(errors.InsufficientPrivilege):
        app.execute(
            "INSERT INTO raffle_schema.raffle_audit_log (event_type, raffle_code) VALUES ('RAFFLE_OPEN', 'TEST-1')"
        )
    app.execute("SELECT set_config('gasolinera.actor', 'EMP000011', false)")
    draft(app, "TEST-1")
    assert catalog.texts(app, "SELECT actor FROM raffle_schema.raffle_audit_log WHERE raffle_code = 'TEST-1'") == [
        "EMP000011"
    ]


@pytest.mark.parametrize("column", ["created_at", "opened_at", "closed_at", "completed_at", "created_by", "id"])
def test_the_runtime_role_dates_no_raffle(as_role: Connect, column: str) -> None:
    app = as_role("raffle_app")
    for statement in (
        b"INSERT INTO raffle_schema.raffles (" + column.encode() + b") VALUES (DEFAULT)",
        b"UPDATE raffle_schema.raffles SET " + column.encode() + b" = DEFAULT",
    ):
        with pytest.raises(errors.InsufficientPrivilege):
            app.execute(statement)


@pytest.mark.parametrize("zone", ["Nowhere/Land", "America/Atlantis", "", "mexico", "CST6CDT", "Etc/GMT+6"])
def test_a_raffle_is_in_a_time_zone_that_exists(as_role: Connect, zone: str) -> None:
    app = as_role("raffle_app")
    raffle = draft(app, "TEST-1")
    change = "UPDATE raffle_schema.raffles SET time_zone = %s WHERE id = %s"
    with pytest.raises((errors.CheckViolation, errors.InvalidParameterValue)):
        app.execute(change, (zone, raffle))
    for good in ("America/Cancun", "America/Argentina/Buenos_Aires", "UTC"):
        app.execute(change, (good, raffle))


WRONG: tuple[LiteralString, ...] = (
    "UPDATE raffle_schema.raffles SET draw_at = 'infinity' WHERE raffle_code = 'TEST-1'",
    "UPDATE raffle_schema.raffles SET opens_at = '-infinity' WHERE raffle_code = 'TEST-1'",
    "UPDATE raffle_schema.raffle_prizes SET prize_value = 'NaN' WHERE rank = 1000",
)


@pytest.mark.parametrize("statement", WRONG)
def test_a_raffle_ends_and_its_prize_is_worth_a_number(as_role: Connect, statement: LiteralString) -> None:
    app = as_role("raffle_app")
    add_prize(app, draft(app, "TEST-1"), 1000)
    with pytest.raises(errors.CheckViolation):
        app.execute(statement)
