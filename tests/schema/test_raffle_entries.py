"""Entries and tickets of the raffle schema: counts that stay true, and who may enter what."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from psycopg import errors
from tests.schema import catalog
from tests.schema.catalog import Conn
from tests.schema.racing import wait_until_blocked
from tests.schema.raffle_steps import (
    counted,
    enter,
    miscounted,
    move,
    opened,
    totals,
)
from tests.schema.ticket_numbers import numbers, user

Connect = Callable[[str], Conn]


# Counts


def test_ten_thousand_tickets_in_one_statement_are_counted(as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = opened(app)
    enter(app, raffle, {user(i): 10 for i in range(1000)})
    assert totals(app, raffle) == (10_000, 1000)
    assert miscounted(app) == []


def test_counts_stay_true_through_mixed_batches(admin: Conn, as_role: Connect) -> None:
    dice = random.Random(2026)  # noqa: S311 - test data
    app = as_role("raffle_app")
    raffles = [opened(app, f"TEST-{i}") for i in (1, 2)]
    for _ in range(12):
        for raffle in raffles:
            enter(app, raffle, {user(dice.randrange(15)): dice.randint(1, 4) for _ in range(5)})
        # one statement that cancels in both raffles and brings others back
        app.execute(
            """
            UPDATE raffle_schema.raffle_tickets
               SET status = CASE status WHEN 'ACTIVE' THEN 'CANCELLED' ELSE 'ACTIVE' END
             WHERE raffle_id = ANY (%s) AND id %% 5 = %s
            """,
            (raffles, dice.randrange(5)),
        )
        # retention and erasure delete as the owner
        admin.execute(
            "DELETE FROM raffle_schema.raffle_tickets WHERE raffle_id = ANY (%s) AND id %% 7 = %s",
            (raffles, dice.randrange(7)),
        )
        assert [totals(app, raffle) for raffle in raffles] == [counted(app, raffle) for raffle in raffles]
    assert miscounted(app) == []


def test_a_user_who_loses_every_ticket_takes_part_no_more(as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = opened(app)
    enter(app, raffle, {user(1): 3, user(2): 1})
    app.execute("UPDATE raffle_schema.raffle_tickets SET status = 'CANCELLED' WHERE user_id = %s", (user(1),))
    assert totals(app, raffle) == (1, 1)
    enter(app, raffle, {user(1): 2})
    assert totals(app, raffle) == (3, 2)


def test_changes_that_leave_the_status_leave_the_counts(as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = opened(app)
    enter(app, raffle, {user(1): 3})
    app.execute(
        """
        UPDATE raffle_schema.raffle_tickets SET disqualified_at = now(), disqualification_reason = 'An employee'
         WHERE raffle_id = %s
        """,
        (raffle,),
    )
    assert totals(app, raffle) == (3, 1)


def test_several_connections_at_once_count_right(as_role: Connect) -> None:
    writers, batches = 4, 10
    connections = [as_role("raffle_app") for _ in range(writers)]
    raffle = opened(connections[0])
    seeds = {(w, b): {user(i): 2 for i in range(b, b + 5)} for w in range(writers) for b in range(batches)}

    def work(writer: int) -> None:
        for batch in range(batches):
            enter(connections[writer], raffle, seeds[writer, batch])

    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(work, range(writers)))
    expected_users = {holder for holders in seeds.values() for holder in holders}
    assert totals(connections[0], raffle) == (writers * batches * 10, len(expected_users))
    assert miscounted(connections[0]) == []


def test_writers_of_different_users_do_not_wait_for_each_other(as_role: Connect) -> None:
    first, second = as_role("raffle_app"), as_role("raffle_app")
    raffle = opened(first)
    if first.info.backend_pid % 16 == second.info.backend_pid % 16:
        second = as_role("raffle_app")  # the same of 16 parts by chance
    with first.transaction():
        enter(first, raffle, {user(1): 5})
        second.execute("SET lock_timeout = '5s'")
        enter(second, raffle, {user(2): 5})
    assert totals(first, raffle) == (10, 2)


def test_the_counts_are_written_by_the_triggers_alone(as_role: Connect) -> None:
    app = as_role("raffle_app")
    opened(app)
    for statement in (
        "UPDATE raffle_schema.raffle_counters SET ticket_count = 0",
        "UPDATE raffle_schema.raffle_participants SET ticket_count = 0",
        "UPDATE raffle_schema.raffle_entries SET ticket_count = 0",
        "UPDATE raffle_schema.raffle_prizes SET quantity_awarded = 0",
        "SELECT raffle_schema.add_ticket_counts(ARRAY[1], ARRAY[1], ARRAY[gen_random_uuid()], ARRAY[1])",
    ):
        with pytest.raises((errors.InsufficientPrivilege, errors.UndefinedFunction)):
            app.execute(statement.encode())


def test_the_summary_of_a_raffle_with_three_prizes_counts_each_ticket_once(as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = opened(app, quantities=(1, 2, 5))
    enter(app, raffle, {user(1): 2, user(2): 2})
    assert catalog.rows(
        app, "SELECT status, total_tickets FROM raffle_schema.raffle_summary WHERE id = %s", raffle
    ) == [("OPEN", 4)]
    assert catalog.number(app, "SELECT count(*) FROM raffle_schema.raffle_prizes WHERE raffle_id = %s", raffle) == 3


# Who may enter what


def test_nobody_has_more_tickets_than_the_raffle_allows(as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = opened(app, max_tickets=5)
    enter(app, raffle, {user(1): 4, user(2): 5})
    with pytest.raises(errors.CheckViolation) as refused:
        enter(app, raffle, {user(1): 2})
    assert refused.value.diag.constraint_name == "raffle_participants_max_tickets_check"
    enter(app, raffle, {user(1): 1})
    assert totals(app, raffle) == (10, 2)


def test_two_connections_do_not_pass_the_limit_together(admin: Conn, as_role: Connect) -> None:
    first, second = as_role("raffle_app"), as_role("raffle_app")
    raffle = opened(first, max_tickets=5)
    with ThreadPoolExecutor(1) as pool:
        with first.transaction():
            enter(first, raffle, {user(1): 3})
            racing = pool.submit(enter, second, raffle, {user(1): 3})
            wait_until_blocked(admin, second)
        with pytest.raises(errors.CheckViolation):
            racing.result(timeout=20)
    assert totals(first, raffle) == counted(first, raffle) == (3, 1)


def test_a_ticket_is_in_one_raffle_at_most_until_it_is_given_back(as_role: Connect) -> None:
    app = as_role("raffle_app")
    first, second = opened(app, "TEST-1"), opened(app, "TEST-2")
    ticket = enter(app, first, {user(1): 1})[0]
    enter(app, second, {user(1): 1})
    again = """
        INSERT INTO raffle_schema.raffle_tickets (raffle_id, entry_id, ticket_number, user_id)
        SELECT raffle_id, id, %s, user_id FROM raffle_schema.raffle_entries WHERE raffle_id = %s
    """
    with pytest.raises(errors.UniqueViolation):
        app.execute(again, (ticket, second))
    move(app, first, "CANCELLED")
    app.execute("UPDATE raffle_schema.raffle_tickets SET status = 'CANCELLED' WHERE raffle_id = %s", (first,))
    app.execute(again, (ticket, second))
    assert (totals(app, first), totals(app, second)) == ((0, 0), (2, 1))


def test_a_ticket_with_a_wrong_check_character_is_refused(as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = opened(app)
    good = enter(app, raffle, {user(1): 1})[0]
    bad = good[:-1] + ("0" if good[-1] != "0" else "1")
    with pytest.raises(errors.CheckViolation) as refused:
        app.execute(
            """
            INSERT INTO raffle_schema.raffle_tickets (raffle_id, entry_id, ticket_number, user_id)
            SELECT raffle_id, id, %s, user_id FROM raffle_schema.raffle_entries WHERE raffle_id = %s
            """,
            (bad, raffle),
        )
    assert refused.value.diag.constraint_name == "raffle_tickets_ticket_number_check"


def test_a_ticket_belongs_to_the_user_and_raffle_of_its_entry(as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle, other = opened(app, "TEST-1"), opened(app, "TEST-2")
    enter(app, raffle, {user(1): 1})
    for to_raffle, holder in ((other, user(1)), (raffle, user(2))):
        with pytest.raises(errors.ForeignKeyViolation):
            app.execute(
                """
                INSERT INTO raffle_schema.raffle_tickets (raffle_id, entry_id, ticket_number, user_id)
                SELECT %s, id, %s, %s FROM raffle_schema.raffle_entries WHERE raffle_id = %s
                """,
                (to_raffle, numbers(900_001, 1)[0], holder, raffle),
            )


def test_an_issuance_enters_a_raffle_once(as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = opened(app)
    insert = """
        INSERT INTO raffle_schema.raffle_entries (raffle_id, issuance_id, user_id, source, entered_at)
        SELECT id, '11111111-1111-4111-8111-111111111111', %s, 'BONUS', opens_at
          FROM raffle_schema.raffles WHERE id = %s
    """
    app.execute(insert, (user(1), raffle))
    with pytest.raises(errors.UniqueViolation):
        app.execute(insert, (user(1), raffle))


def test_entries_belong_to_the_half_open_window_of_the_raffle(as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = opened(app)
    insert = """
        INSERT INTO raffle_schema.raffle_entries (raffle_id, issuance_id, user_id, source, entered_at)
        SELECT id, gen_random_uuid(), %s, 'BONUS',
               CASE %s WHEN 'first' THEN opens_at WHEN 'before' THEN opens_at - interval '1 microsecond'
                       WHEN 'last' THEN closes_at - interval '1 microsecond' ELSE closes_at END
          FROM raffle_schema.raffles WHERE id = %s
    """
    for moment in ("first", "last"):
        app.execute(insert, (user(1), moment, raffle))
    for moment in ("before", "end"):
        with pytest.raises(errors.CheckViolation):
            app.execute(insert, (user(1), moment, raffle))


def test_a_closed_raffle_takes_nothing_and_gives_nothing_back(as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = opened(app)
    enter(app, raffle, {user(1): 2})
    move(app, raffle, "CLOSED")
    with pytest.raises(errors.CheckViolation):
        enter(app, raffle, {user(2): 1})
    with pytest.raises(errors.RestrictViolation):
        app.execute("UPDATE raffle_schema.raffle_tickets SET status = 'CANCELLED' WHERE raffle_id = %s", (raffle,))
    with pytest.raises(errors.RestrictViolation):
        app.execute(
            """
            INSERT INTO raffle_schema.raffle_tickets (raffle_id, entry_id, ticket_number, user_id)
            SELECT raffle_id, id, %s, user_id FROM raffle_schema.raffle_entries WHERE raffle_id = %s
            """,
            (numbers(900_001, 1)[0], raffle),
        )
    assert totals(app, raffle) == counted(app, raffle) == (2, 1)


def test_closing_waits_for_entries_under_way_and_refuses_those_after(admin: Conn, as_role: Connect) -> None:
    first, second, third = (as_role("raffle_app") for _ in range(3))
    raffle = opened(first)
    with ThreadPoolExecutor(2) as pool:
        with first.transaction():
            enter(first, raffle, {user(1): 2})
            closing = pool.submit(move, second, raffle, "CLOSED")
            wait_until_blocked(admin, second)
        closing.result(timeout=20)
        with pytest.raises(errors.CheckViolation):
            enter(third, raffle, {user(2): 1})
    assert totals(first, raffle) == counted(first, raffle) == (2, 1)


def test_an_entry_that_was_waiting_when_the_raffle_closed_is_refused(admin: Conn, as_role: Connect) -> None:
    first, second = as_role("raffle_app"), as_role("raffle_app")
    raffle = opened(first)
    with ThreadPoolExecutor(1) as pool:
        with first.transaction():
            move(first, raffle, "CLOSED")
            racing = pool.submit(enter, second, raffle, {user(1): 1})
            wait_until_blocked(admin, second)
        with pytest.raises(errors.RestrictViolation):
            racing.result(timeout=20)
    assert totals(first, raffle) == counted(first, raffle) == (0, 0)


def test_the_sample_tickets_are_those_that_the_redemption_service_made(admin: Conn) -> None:
    entered = catalog.rows(
        admin,
        """
        SELECT t.ticket_number, t.user_id, r.raffle_code, e.issuance_id FROM raffle_schema.raffle_tickets AS t
          JOIN raffle_schema.raffles AS r ON r.id = t.raffle_id
          JOIN raffle_schema.raffle_entries AS e ON e.id = t.entry_id ORDER BY 1
        """,
    )
    issued = catalog.rows(
        admin,
        """
        SELECT ticket_number, user_id, raffle_code, issuance_id FROM redemption_schema.raffle_tickets
         WHERE raffle_code IS NOT NULL ORDER BY 1
        """,
    )
    assert entered == issued
    assert len(entered) == 27
