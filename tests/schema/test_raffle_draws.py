"""Draws in one chain, and prizes that run out."""

from collections.abc import Callable
from hashlib import sha256

import pytest
from psycopg import errors
from tests.schema import catalog
from tests.schema.catalog import Conn
from tests.schema.raffle_steps import (
    draw,
    drawing,
    enter,
    freeze,
    freeze_now,
    move,
    opened,
    place,
    prizes_of,
    remaining,
    win,
)
from tests.schema.ticket_numbers import user

Connect = Callable[[str], Conn]


# Draws


def test_the_chain_of_draws_has_no_gap_no_fork_and_no_wrong_hash(as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = opened(app)
    enter(app, raffle, {user(1): 1})
    move(app, raffle, "CLOSED")
    place(app, raffle)
    insert = """
        INSERT INTO raffle_schema.raffle_draws (raffle_id, chain_number, previous_chain_number,
               previous_manifest_sha256, entry_count, ticket_count, participant_count, merkle_root, manifest,
               manifest_signature, signing_key_id, beacon_chain_sha256, beacon_round, beacon_round_at)
        VALUES (%s, %s, %s, %s, 1, 1, 1, sha256('root'), 'manifest', sha256('a') || sha256('b'), 'key',
                sha256('drand'), 1, now() + interval '1 hour')
    """
    last = catalog.rows(
        app, "SELECT chain_number, manifest_sha256 FROM raffle_schema.raffle_draws ORDER BY chain_number DESC LIMIT 1"
    )[0]
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
    enter(app, raffle, {user(1): 1})
    drawing(admin, app, raffle)
    with pytest.raises(errors.InsufficientPrivilege):
        app.execute("UPDATE raffle_schema.raffle_draws SET merkle_root = sha256('mine')")
    with pytest.raises(errors.RestrictViolation):
        admin.execute("UPDATE raffle_schema.raffle_draws SET merkle_root = sha256('mine')")
    with pytest.raises(errors.RestrictViolation):
        app.execute("UPDATE raffle_schema.raffle_draws SET void_reason = 'Again' WHERE status = 'DRAWN'")
    with pytest.raises(errors.RestrictViolation):
        admin.execute("DELETE FROM raffle_schema.raffle_draws")


def test_a_void_draw_keeps_its_number_and_another_may_follow(admin: Conn, as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = opened(app)
    enter(app, raffle, {user(1): 1})
    move(app, raffle, "CLOSED")
    drawn = freeze(admin, raffle)
    with pytest.raises(errors.UniqueViolation):
        freeze(admin, raffle)
    app.execute(
        """
        UPDATE raffle_schema.raffle_draws SET status = 'VOID', void_reason = 'The key was lost',
               void_signature = sha256('a') || sha256('b') WHERE id = %s
        """,
        (drawn,),
    )
    freeze(admin, raffle)
    assert catalog.rows(
        app, "SELECT chain_number, status FROM raffle_schema.raffle_draws WHERE raffle_id = %s ORDER BY 1", raffle
    ) == [(2, "VOID"), (3, "FROZEN")]


def test_a_draw_needs_a_closed_raffle_and_a_round_in_its_future(admin: Conn, as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = opened(app)
    enter(app, raffle, {user(1): 1})
    with pytest.raises(errors.CheckViolation):
        freeze_now(app, raffle)
    move(app, raffle, "CLOSED")
    place(app, raffle)
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


def test_a_prize_runs_out_and_a_forfeited_unit_goes_to_the_alternate(admin: Conn, as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = opened(app, quantities=(2,))
    tickets = enter(app, raffle, {user(i): 1 for i in range(4)})
    prize = prizes_of(app, raffle)[0]
    drawn = drawing(admin, app, raffle)
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


def test_several_winners_in_one_statement_are_taken_from_their_prizes(admin: Conn, as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = opened(app, quantities=(1, 2, 5))
    enter(app, raffle, {user(i): 1 for i in range(8)})
    drawn = drawing(admin, app, raffle)
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


def test_a_user_wins_once_unless_the_raffle_says_otherwise(admin: Conn, as_role: Connect) -> None:
    app = as_role("raffle_app")
    for code, several in (("TEST-1", False), ("TEST-2", True)):
        raffle = opened(app, code, quantities=(2,), multiple_wins=several)
        tickets = enter(app, raffle, {user(1): 2})
        prize = prizes_of(app, raffle)[0]
        drawn = drawing(admin, app, raffle)
        win(app, drawn, 1, tickets[0], prize, 1)
        with pytest.raises(errors.UniqueViolation):
            win(app, drawn, 2, tickets[0], prize, 2)  # a ticket never wins twice
        if several:
            win(app, drawn, 2, tickets[1], prize, 2)
        else:
            with pytest.raises(errors.UniqueViolation):
                win(app, drawn, 2, tickets[1], prize, 2)


def test_a_winner_is_a_qualified_ticket_of_the_drawn_raffle(admin: Conn, as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle, other = opened(app, "TEST-1"), opened(app, "TEST-2")
    tickets = enter(app, raffle, {user(1): 1, user(2): 1})
    foreign = enter(app, other, {user(3): 1})[0]
    prize = prizes_of(app, raffle)[0]
    move(app, raffle, "CLOSED")
    drawn = freeze(admin, raffle)
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
    drawn = drawing(admin, app, raffle)
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
