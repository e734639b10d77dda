"""The raffle schema: counts that stay true, rules that stay published, draws in one chain, prizes that run out."""

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from itertools import count
from uuid import UUID

import pytest
from psycopg import errors
from tests.schema import catalog
from tests.schema.catalog import Conn
from tests.schema.ticket_numbers import numbers, user

Connect = Callable[[str], Conn]

_seeds = count(1)


def draft(app: Conn, code: str, *, max_tickets: int | None = None, multiple_wins: bool = False) -> int:
    return catalog.number(
        app,
        """
        INSERT INTO raffle_schema.raffles (raffle_code, name, raffle_type, opens_at, closes_at, draw_at, organizer,
               permit_number, terms_version, terms_sha256, terms_url, max_tickets_per_user, allows_multiple_wins)
        VALUES (%s, 'A raffle', 'STANDARD', now() - interval '1 day', now() + interval '1 day',
                now() + interval '2 days', 'Us', 'P-1', '1', sha256('terms'), 'https://example.com/terms', %s, %s)
        RETURNING id
        """,
        code,
        max_tickets,
        multiple_wins,
    )


def add_prize(app: Conn, raffle: int, rank: int, quantity: int = 1) -> int:
    return catalog.number(
        app,
        """
        INSERT INTO raffle_schema.raffle_prizes (raffle_id, rank, name, prize_type, prize_value, currency, quantity)
        VALUES (%s, %s, 'Fuel', 'FUEL_CREDIT', 1000, 'MXN', %s) RETURNING id
        """,
        raffle,
        rank,
        quantity,
    )


def move(conn: Conn, raffle: int, status: str) -> None:
    conn.execute(
        """
        UPDATE raffle_schema.raffles
           SET status = %(status)s, cancellation_reason = CASE %(status)s WHEN 'CANCELLED' THEN 'No permit' END
         WHERE id = %(raffle)s
        """,
        {"status": status, "raffle": raffle},
    )


def opened(
    app: Conn,
    code: str = "TEST-1",
    *,
    quantities: tuple[int, ...] = (1,),
    max_tickets: int | None = None,
    multiple_wins: bool = False,
) -> int:
    """An OPEN raffle with one prize for each quantity."""
    raffle = draft(app, code, max_tickets=max_tickets, multiple_wins=multiple_wins)
    for rank, quantity in enumerate(quantities, start=1):
        add_prize(app, raffle, rank, quantity)
    move(app, raffle, "OPEN")
    return raffle


def enter(app: Conn, raffle: int, holders: dict[UUID, int]) -> list[str]:
    """One entry a user with so many tickets, all in one statement; the ticket numbers."""
    users = [holder for holder, tickets in holders.items() for _ in range(tickets)]
    made = numbers(next(_seeds), len(users))
    app.execute(
        """
        WITH ticket AS (
            SELECT * FROM unnest(%s::uuid[], %s::text[]) AS t (user_id, ticket_number)
        ), entry AS (
            INSERT INTO raffle_schema.raffle_entries (raffle_id, issuance_id, user_id, source)
            SELECT DISTINCT ON (user_id) %s, gen_random_uuid(), user_id, 'FREE_ENTRY' FROM ticket
            RETURNING id, raffle_id, user_id
        )
        INSERT INTO raffle_schema.raffle_tickets (raffle_id, entry_id, ticket_number, user_id)
        SELECT e.raffle_id, e.id, t.ticket_number, t.user_id FROM ticket AS t JOIN entry AS e USING (user_id)
        """,
        (users, made, raffle),
    )
    return made


def totals(conn: Conn, raffle: int) -> tuple[int, int]:
    """(tickets, participants) as the counters say."""
    return catalog.rows(
        conn, "SELECT ticket_count, participant_count FROM raffle_schema.raffle_totals WHERE raffle_id = %s", raffle
    )[0]


def counted(conn: Conn, raffle: int) -> tuple[int, int]:
    """(tickets, participants) counted from the rows."""
    return catalog.rows(
        conn,
        """
        SELECT count(*), count(DISTINCT user_id) FROM raffle_schema.raffle_tickets
         WHERE raffle_id = %s AND status = 'ACTIVE'
        """,
        raffle,
    )[0]


def miscounted(conn: Conn) -> list[str]:
    """Entries and participants whose count is not that of their rows."""
    return catalog.texts(
        conn,
        """
        SELECT 'entry ' || e.id FROM raffle_schema.raffle_entries AS e
         WHERE e.ticket_count <> (SELECT count(*) FROM raffle_schema.raffle_tickets AS t
                                   WHERE t.entry_id = e.id AND t.status = 'ACTIVE')
         UNION ALL
        SELECT 'participant ' || p.user_id FROM raffle_schema.raffle_participants AS p
         WHERE p.ticket_count <> (SELECT count(*) FROM raffle_schema.raffle_tickets AS t
                                   WHERE t.raffle_id = p.raffle_id AND t.user_id = p.user_id AND t.status = 'ACTIVE')
        """,
    )


def wait_until_blocked(admin: Conn, blocked: Conn) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if catalog.number(admin, "SELECT cardinality(pg_blocking_pids(%s))", blocked.info.backend_pid):
            return
        time.sleep(0.02)
    pytest.fail("the second connection did not wait for the first")


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
                (to_raffle, numbers(next(_seeds), 1)[0], holder, raffle),
            )


def test_an_issuance_enters_a_raffle_once(as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = opened(app)
    insert = """
        INSERT INTO raffle_schema.raffle_entries (raffle_id, issuance_id, user_id, source)
        VALUES (%s, '11111111-1111-4111-8111-111111111111', %s, 'BONUS')
    """
    app.execute(insert, (raffle, user(1)))
    with pytest.raises(errors.UniqueViolation):
        app.execute(insert, (raffle, user(1)))


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
            (numbers(next(_seeds), 1)[0], raffle),
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


# The states of a raffle

STATUSES = ("DRAFT", "OPEN", "CLOSED", "DRAWING", "COMPLETED", "CANCELLED")
ALLOWED = {
    "DRAFT": {"OPEN", "CANCELLED"},
    "OPEN": {"CLOSED", "CANCELLED"},
    "CLOSED": {"DRAWING", "CANCELLED"},
    "DRAWING": {"COMPLETED", "CANCELLED"},
    "COMPLETED": set[str](),
    "CANCELLED": set[str](),
}


def freeze(app: Conn, raffle: int) -> int:
    """The next draw of the chain, whose round of randomness is half a second away; its id."""
    return catalog.number(
        app,
        """
        INSERT INTO raffle_schema.raffle_draws (raffle_id, chain_number, previous_chain_number,
               previous_manifest_sha256, entry_count, ticket_count, participant_count, merkle_root, manifest,
               manifest_signature, signing_key_id, beacon_chain_sha256, beacon_round, beacon_round_at, frozen_at)
        SELECT %s, last.chain_number + 1, last.chain_number, last.manifest_sha256, 1, 1, 1, sha256('root'),
               convert_to('manifest ' || last.chain_number + 1, 'UTF8'), sha256('a') || sha256('b'), 'key',
               sha256('drand'), 1, now() - interval '1 second', now() - interval '1 hour'
          FROM raffle_schema.raffle_draws AS last ORDER BY last.chain_number DESC LIMIT 1
        RETURNING id
        """,
        raffle,
    )


def draw(app: Conn, drawn: int) -> None:
    app.execute(
        """
        UPDATE raffle_schema.raffle_draws SET status = 'DRAWN', drawn_at = now(), randomness = sha256('random'),
               beacon_signature = sha256('x') || sha256('y')
         WHERE id = %s
        """,
        (drawn,),
    )


def drawing(app: Conn, raffle: int) -> int:
    """Close, freeze and draw; the draw's id."""
    move(app, raffle, "CLOSED")
    drawn = freeze(app, raffle)
    move(app, raffle, "DRAWING")
    draw(app, drawn)
    return drawn


def at(app: Conn, code: str, status: str) -> int:
    """A raffle that came to a state by the allowed road, with all that its next step needs."""
    raffle = draft(app, code)
    add_prize(app, raffle, 1)
    if status == "CANCELLED":
        move(app, raffle, "CANCELLED")
    if status in {"DRAFT", "CANCELLED"}:
        return raffle
    move(app, raffle, "OPEN")
    if status == "OPEN":
        return raffle
    move(app, raffle, "CLOSED")
    drawn = freeze(app, raffle)
    if status == "CLOSED":
        return raffle
    move(app, raffle, "DRAWING")
    draw(app, drawn)
    if status == "COMPLETED":
        move(app, raffle, "COMPLETED")
    return raffle


@pytest.mark.parametrize("start", STATUSES)
def test_a_raffle_goes_only_where_it_may(as_role: Connect, start: str) -> None:
    app = as_role("raffle_app")
    reached: set[str] = set()
    for goal in STATUSES:
        if goal == start:
            continue
        raffle = at(app, f"FROM-{start}-TO-{goal}", start)
        try:
            move(app, raffle, goal)
        except errors.CheckViolation:
            continue
        reached.add(goal)
    assert reached == ALLOWED[start]


def test_a_raffle_opens_with_a_prize_and_not_without(as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = draft(app, "TEST-1")
    with pytest.raises(errors.CheckViolation):
        move(app, raffle, "OPEN")
    add_prize(app, raffle, 1)
    move(app, raffle, "OPEN")


@pytest.mark.parametrize("column", ["opens_at", "closes_at", "draw_at", "terms_version", "terms_sha256"])
def test_a_raffle_opens_with_dates_and_terms_and_not_without(as_role: Connect, column: str) -> None:
    app = as_role("raffle_app")
    raffle = draft(app, "TEST-1")
    add_prize(app, raffle, 1)
    app.execute(b"UPDATE raffle_schema.raffles SET " + column.encode() + b" = NULL WHERE id = %s", (raffle,))
    with pytest.raises(errors.CheckViolation) as refused:
        move(app, raffle, "OPEN")
    assert refused.value.diag.constraint_name == "raffles_published_check"


def test_a_raffle_is_not_drawn_before_its_freeze_nor_completed_before_its_draw(as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = opened(app)
    move(app, raffle, "CLOSED")
    with pytest.raises(errors.CheckViolation):
        move(app, raffle, "DRAWING")
    drawn = freeze(app, raffle)
    move(app, raffle, "DRAWING")
    with pytest.raises(errors.CheckViolation):
        move(app, raffle, "COMPLETED")
    draw(app, drawn)
    move(app, raffle, "COMPLETED")


def test_the_last_prize_cannot_go_while_the_raffle_opens(admin: Conn, as_role: Connect) -> None:
    first, second = as_role("raffle_app"), as_role("raffle_app")
    raffle = draft(first, "TEST-1")
    prize = add_prize(first, raffle, 1)

    def remove() -> None:
        second.execute("DELETE FROM raffle_schema.raffle_prizes WHERE id = %s", (prize,))

    with ThreadPoolExecutor(1) as pool:
        with first.transaction():
            move(first, raffle, "OPEN")
            racing = pool.submit(remove)
            wait_until_blocked(admin, second)
        with pytest.raises(errors.RestrictViolation):
            racing.result(timeout=20)


@pytest.mark.parametrize(
    "change",
    [
        "closes_at = closes_at + interval '1 hour'",
        "max_tickets_per_user = 1000",
        "selection_algorithm = 'RANDOM'",
        "terms_sha256 = sha256('other terms')",
        "allows_multiple_wins = true",
    ],
)
def test_the_published_rules_of_an_open_raffle_stay(as_role: Connect, change: str) -> None:
    app = as_role("raffle_app")
    raffle = opened(app)
    with pytest.raises(errors.RestrictViolation):
        app.execute(b"UPDATE raffle_schema.raffles SET " + change.encode() + b" WHERE id = %s", (raffle,))


def test_the_prizes_of_an_open_raffle_stay(as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = opened(app)
    for statement in (
        "UPDATE raffle_schema.raffle_prizes SET prize_value = 1 WHERE raffle_id = %s",
        "UPDATE raffle_schema.raffle_prizes SET quantity = 9 WHERE raffle_id = %s",
        "DELETE FROM raffle_schema.raffle_prizes WHERE raffle_id = %s",
    ):
        with pytest.raises(errors.RestrictViolation):
            app.execute(statement.encode(), (raffle,))
    with pytest.raises(errors.RestrictViolation):
        add_prize(app, raffle, 2)


def test_only_a_draft_can_be_deleted(as_role: Connect) -> None:
    app = as_role("raffle_app")
    app.execute("DELETE FROM raffle_schema.raffles WHERE id = %s", (draft(app, "TEST-1"),))
    with pytest.raises(errors.RestrictViolation):
        app.execute("DELETE FROM raffle_schema.raffles WHERE id = %s", (opened(app, "TEST-2"),))


def test_changes_of_state_are_on_record_and_the_record_stays(admin: Conn, as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = opened(app)
    move(app, raffle, "CANCELLED")
    assert catalog.texts(
        app, "SELECT event_type FROM raffle_schema.raffle_audit_log WHERE raffle_code = 'TEST-1' ORDER BY id"
    ) == ["RAFFLE_CREATED", "RAFFLE_OPEN", "RAFFLE_CANCELLED"]
    for statement in (
        b"DELETE FROM raffle_schema.raffle_audit_log",
        b"UPDATE raffle_schema.raffle_audit_log SET actor = 'nobody'",
        b"TRUNCATE raffle_schema.raffle_audit_log",
    ):
        with pytest.raises(errors.InsufficientPrivilege):
            app.execute(statement)
        with pytest.raises(errors.RestrictViolation):
            admin.execute(statement)


# Draws


def test_the_chain_of_draws_has_no_gap_no_fork_and_no_wrong_hash(as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = opened(app)
    move(app, raffle, "CLOSED")
    insert = """
        INSERT INTO raffle_schema.raffle_draws (raffle_id, chain_number, previous_chain_number,
               previous_manifest_sha256, entry_count, ticket_count, participant_count, merkle_root, manifest,
               manifest_signature, signing_key_id, beacon_chain_sha256, beacon_round, beacon_round_at)
        VALUES (%s, %s, %s, %s, 1, 1, 1, sha256('root'), 'manifest', sha256('a') || sha256('b'), 'key',
                sha256('drand'), 1, now() + interval '1 hour')
    """
    last = catalog.rows(app, "SELECT max(chain_number), max(manifest_sha256) FROM raffle_schema.raffle_draws")[0]
    assert last[0] == 1, "the sample has one draw"
    wrong: tuple[tuple[int, int | None, bytes | None, type[errors.Error]], ...] = (
        (3, 2, last[1], errors.ForeignKeyViolation),
        (3, 1, last[1], errors.CheckViolation),
        (2, None, None, errors.CheckViolation),
        (1, None, None, errors.UniqueViolation),
        (2, 1, sha256(b"another manifest").digest(), errors.ForeignKeyViolation),
    )
    for number, previous, previous_hash, error in wrong:
        with pytest.raises(error):
            app.execute(insert, (raffle, number, previous, previous_hash))
    app.execute(insert, (raffle, 2, 1, last[1]))


def test_what_a_draw_froze_does_not_change_and_no_draw_goes(admin: Conn, as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = opened(app)
    drawing(app, raffle)
    with pytest.raises(errors.InsufficientPrivilege):
        app.execute("UPDATE raffle_schema.raffle_draws SET merkle_root = sha256('mine')")
    with pytest.raises(errors.RestrictViolation):
        admin.execute("UPDATE raffle_schema.raffle_draws SET merkle_root = sha256('mine')")
    with pytest.raises(errors.RestrictViolation):
        app.execute("UPDATE raffle_schema.raffle_draws SET randomness = sha256('again') WHERE status = 'DRAWN'")
    with pytest.raises(errors.RestrictViolation):
        admin.execute("DELETE FROM raffle_schema.raffle_draws")


def test_a_void_draw_keeps_its_number_and_another_may_follow(as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = opened(app)
    move(app, raffle, "CLOSED")
    drawn = freeze(app, raffle)
    with pytest.raises(errors.UniqueViolation):
        freeze(app, raffle)
    app.execute(
        """
        UPDATE raffle_schema.raffle_draws SET status = 'VOID', voided_at = now(), void_reason = 'The key was lost',
               void_signature = sha256('a') || sha256('b') WHERE id = %s
        """,
        (drawn,),
    )
    freeze(app, raffle)
    assert catalog.rows(
        app, "SELECT chain_number, status FROM raffle_schema.raffle_draws WHERE raffle_id = %s ORDER BY 1", raffle
    ) == [(2, "VOID"), (3, "FROZEN")]


def test_a_draw_needs_a_closed_raffle_and_a_round_in_its_future(as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = opened(app)
    with pytest.raises(errors.CheckViolation):
        freeze(app, raffle)
    move(app, raffle, "CLOSED")
    with pytest.raises(errors.CheckViolation) as refused:
        app.execute(
            """
            INSERT INTO raffle_schema.raffle_draws (raffle_id, chain_number, entry_count, ticket_count,
                   participant_count, merkle_root, manifest, manifest_signature, signing_key_id,
                   beacon_chain_sha256, beacon_round, beacon_round_at)
            VALUES (%s, 1, 1, 1, 1, sha256('root'), 'manifest', sha256('a') || sha256('b'), 'key', sha256('drand'), 1,
                    now() - interval '1 second')
            """,
            (raffle,),
        )
    assert refused.value.diag.constraint_name == "raffle_draws_beacon_round_at_check"


# Winners and prizes


def win(app: Conn, drawn: int, position: int, ticket: str, prize: int | None, unit: int | None) -> None:
    app.execute(
        """
        INSERT INTO raffle_schema.raffle_winners (raffle_id, draw_id, draw_position, ticket_id, user_id, prize_id,
               unit_number, status, claim_deadline)
        SELECT t.raffle_id, %(draw)s, %(position)s, t.id, t.user_id, %(prize)s, %(unit)s,
               CASE WHEN %(prize)s::bigint IS NULL THEN 'ALTERNATE' ELSE 'SELECTED' END,
               CASE WHEN %(prize)s::bigint IS NULL THEN NULL ELSE now() + interval '30 days' END
          FROM raffle_schema.raffle_tickets AS t WHERE t.ticket_number = %(ticket)s
        """,
        {"draw": drawn, "position": position, "ticket": ticket, "prize": prize, "unit": unit},
    )


def prizes_of(conn: Conn, raffle: int) -> list[int]:
    return [
        row[0]
        for row in catalog.rows(
            conn, "SELECT id FROM raffle_schema.raffle_prizes WHERE raffle_id = %s ORDER BY rank", raffle
        )
    ]


def remaining(conn: Conn, prize: int) -> int:
    return catalog.number(conn, "SELECT quantity_remaining FROM raffle_schema.raffle_prizes WHERE id = %s", prize)


def test_a_prize_runs_out_and_a_forfeited_unit_goes_to_the_alternate(as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = opened(app, quantities=(2,))
    tickets = enter(app, raffle, {user(i): 1 for i in range(4)})
    prize = prizes_of(app, raffle)[0]
    drawn = drawing(app, raffle)
    win(app, drawn, 1, tickets[0], prize, 1)
    win(app, drawn, 2, tickets[1], prize, 2)
    win(app, drawn, 3, tickets[2], None, None)
    assert remaining(app, prize) == 0
    with pytest.raises(errors.CheckViolation):
        win(app, drawn, 4, tickets[3], prize, 3)
    with pytest.raises(errors.UniqueViolation):
        win(app, drawn, 4, tickets[3], prize, 2)
    app.execute(
        "UPDATE raffle_schema.raffle_winners SET status = 'FORFEITED' WHERE draw_position = 1 AND draw_id = %s",
        (drawn,),
    )
    assert remaining(app, prize) == 1
    app.execute(
        """
        UPDATE raffle_schema.raffle_winners SET status = 'SELECTED', prize_id = %s, unit_number = 1,
               claim_deadline = now() + interval '30 days' WHERE draw_position = 3 AND draw_id = %s
        """,
        (prize, drawn),
    )
    assert remaining(app, prize) == 0


def test_several_winners_in_one_statement_are_taken_from_their_prizes(as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = opened(app, quantities=(1, 2, 5))
    enter(app, raffle, {user(i): 1 for i in range(8)})
    drawn = drawing(app, raffle)
    app.execute(
        """
        INSERT INTO raffle_schema.raffle_winners (raffle_id, draw_id, draw_position, ticket_id, user_id, prize_id,
               unit_number, status, claim_deadline)
        SELECT p.raffle_id, %s, p.place, t.id, t.user_id, p.id, p.unit, 'SELECTED', now() + interval '30 days'
          FROM (SELECT p.id, p.raffle_id, unit, row_number() OVER (ORDER BY p.rank, unit) AS place
                  FROM raffle_schema.raffle_prizes AS p CROSS JOIN LATERAL generate_series(1, p.quantity) AS unit
                 WHERE p.raffle_id = %s) AS p
          JOIN (SELECT id, user_id, row_number() OVER (ORDER BY id) AS place FROM raffle_schema.raffle_tickets
                 WHERE raffle_id = %s) AS t USING (place)
         WHERE p.place <> 3
        """,
        (drawn, raffle, raffle),
    )
    assert [remaining(app, prize) for prize in prizes_of(app, raffle)] == [0, 1, 0]


def test_a_user_wins_once_unless_the_raffle_says_otherwise(as_role: Connect) -> None:
    app = as_role("raffle_app")
    for code, several in (("TEST-1", False), ("TEST-2", True)):
        raffle = opened(app, code, quantities=(2,), multiple_wins=several)
        tickets = enter(app, raffle, {user(1): 2})
        prize = prizes_of(app, raffle)[0]
        drawn = drawing(app, raffle)
        win(app, drawn, 1, tickets[0], prize, 1)
        with pytest.raises(errors.UniqueViolation):
            win(app, drawn, 2, tickets[0], prize, 2)  # a ticket never wins twice
        if several:
            win(app, drawn, 2, tickets[1], prize, 2)
        else:
            with pytest.raises(errors.UniqueViolation):
                win(app, drawn, 2, tickets[1], prize, 2)


def test_a_winner_is_a_qualified_ticket_of_the_drawn_raffle(as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle, other = opened(app, "TEST-1"), opened(app, "TEST-2")
    tickets = enter(app, raffle, {user(1): 1, user(2): 1})
    foreign = enter(app, other, {user(3): 1})[0]
    prize = prizes_of(app, raffle)[0]
    move(app, raffle, "CLOSED")
    drawn = freeze(app, raffle)
    with pytest.raises(errors.CheckViolation):
        win(app, drawn, 1, tickets[0], prize, 1)  # not drawn yet
    move(app, raffle, "DRAWING")
    draw(app, drawn)
    app.execute(
        """
        UPDATE raffle_schema.raffle_tickets SET disqualified_at = now(), disqualification_reason = 'An employee'
         WHERE ticket_number = %s
        """,
        (tickets[0],),
    )
    for ticket in (tickets[0], foreign):
        with pytest.raises(errors.CheckViolation):
            win(app, drawn, 1, ticket, prize, 1)
    win(app, drawn, 1, tickets[1], prize, 1)


def test_a_prize_is_claimed_before_its_deadline_and_delivered_after_the_claim(admin: Conn, as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = opened(app)
    tickets = enter(app, raffle, {user(1): 1})
    prize = prizes_of(app, raffle)[0]
    drawn = drawing(app, raffle)
    win(app, drawn, 1, tickets[0], prize, 1)
    step = "UPDATE raffle_schema.raffle_winners SET status = %s WHERE draw_id = %s"
    with pytest.raises(errors.CheckViolation):
        app.execute(step, ("DELIVERED", drawn))
    app.execute(step, ("NOTIFIED", drawn))
    admin.execute(
        """
        UPDATE raffle_schema.raffle_winners SET created_at = now() - interval '9 days',
               claim_deadline = now() - interval '1 second' WHERE draw_id = %s
        """,
        (drawn,),
    )
    with pytest.raises(errors.CheckViolation):
        app.execute(step, ("CLAIMED", drawn))
    app.execute(step, ("FORFEITED", drawn))
    with pytest.raises(errors.CheckViolation):
        app.execute(step, ("CLAIMED", drawn))
    with pytest.raises(errors.RestrictViolation):
        admin.execute("DELETE FROM raffle_schema.raffle_winners")


# Sample data


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
