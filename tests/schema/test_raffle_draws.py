"""Draws in one chain, and prizes that run out."""

from collections.abc import Callable
from contextlib import nullcontext
from hashlib import sha256

import pytest
from psycopg import errors
from tests.schema import catalog
from tests.schema.catalog import Conn
from tests.schema.raffle_steps import (
    draft,
    draw,
    drawing,
    enter,
    freeze,
    freeze_before,
    freeze_now,
    list_entries,
    move,
    opened,
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
        (1, None, None, errors.CheckViolation),
        (2, 1, sha256(b"another manifest").digest(), errors.ForeignKeyViolation),
    )
    for number, previous, previous_hash, error in wrong:
        with app.transaction(force_rollback=True):
            if number > 1:
                list_entries(app, raffle, number)
            with pytest.raises(error), app.transaction():
                app.execute(insert, (raffle, number, previous, previous_hash))
    with app.transaction():
        list_entries(app, raffle)
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
    raffle = opened(app, algorithm="PROVABLY_FAIR")
    enter(app, raffle, {user(1): 1})
    move(app, raffle, "CLOSED")
    drawn = freeze_before(admin, raffle, round_in_min=30)
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


@pytest.mark.parametrize("algorithm", ["MERKLE_TREE", "PROVABLY_FAIR"])
def test_a_draw_whose_round_is_out_is_given_up_with_its_raffle_alone(
    admin: Conn, as_role: Connect, algorithm: str
) -> None:
    app = as_role("raffle_app")
    raffle = opened(app, algorithm=algorithm)
    enter(app, raffle, {user(1): 1})
    move(app, raffle, "CLOSED")
    drawn = freeze_before(admin, raffle, round_in_min=-1)
    void = """
        UPDATE raffle_schema.raffle_draws SET status = 'VOID', void_reason = 'A friend did not win',
               void_signature = sha256('a') || sha256('b') WHERE id = %s
    """
    with pytest.raises(errors.CheckViolation) as refused:
        app.execute(void, (drawn,))
    assert refused.value.diag.constraint_name == "raffle_draws_voidable_check"
    if algorithm == "PROVABLY_FAIR":  # without evidence it cannot be drawn
        move(app, raffle, "CANCELLED")
        app.execute(void, (drawn,))
        return
    with pytest.raises(errors.CheckViolation) as kept:
        move(app, raffle, "CANCELLED")
    assert kept.value.diag.constraint_name == "raffles_cancellable_check"


@pytest.mark.parametrize(
    ("round_in_min", "has_evidence", "is_voidable", "is_cancellable"),
    [
        (70, False, False, True),  # evidence is still taken
        (50, False, True, True),
        (50, True, False, False),
        (10, False, False, True),  # too near to choose another round
        (70, True, False, True),
    ],
)
def test_a_draw_whose_evidence_is_there_is_never_given_up_for_want_of_it(
    admin: Conn, as_role: Connect, round_in_min: int, *, has_evidence: bool, is_voidable: bool, is_cancellable: bool
) -> None:
    app = as_role("raffle_app")
    raffle = opened(app, algorithm="PROVABLY_FAIR")
    enter(app, raffle, {user(1): 1})
    move(app, raffle, "CLOSED")
    drawn = freeze_before(admin, raffle, round_in_min=round_in_min)
    if has_evidence:
        with admin.transaction():
            admin.execute("SET LOCAL session_replication_role = replica")
            admin.execute(
                """
                INSERT INTO raffle_schema.draw_timestamps
                       (draw_id, authority, token, generated_at, received_at, evidence_until)
                VALUES (%s, 'tsa.example', '\\x01', now() - interval '2 hours', now() - interval '2 hours', now())
                """,
                (drawn,),
            )
    void = """
        UPDATE raffle_schema.raffle_draws SET status = 'VOID', void_reason = 'A friend did not win',
               void_signature = sha256('a') || sha256('b') WHERE id = %s
    """
    refusal = nullcontext() if is_voidable else pytest.raises(errors.CheckViolation)
    with refusal, app.transaction(force_rollback=True):
        app.execute(void, (drawn,))
    with nullcontext() if is_cancellable else pytest.raises(errors.CheckViolation):
        move(app, raffle, "CANCELLED")


def test_from_the_gap_before_the_round_on_no_raffle_is_cancelled(admin: Conn, as_role: Connect) -> None:
    app = as_role("raffle_app")
    for code, round_in_min in (("TEST-1", 70), ("TEST-2", 50)):
        raffle = opened(app, code)
        enter(app, raffle, {user(1): 1})
        move(app, raffle, "CLOSED")
        freeze_before(admin, raffle, round_in_min=round_in_min)
        with nullcontext() if round_in_min > 60 else pytest.raises(errors.CheckViolation):
            move(app, raffle, "CANCELLED")


def test_nothing_is_added_to_a_list_that_is_frozen(admin: Conn, as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = opened(app)
    enter(app, raffle, {user(1): 1})
    move(app, raffle, "CLOSED")
    freeze_now(app, raffle)
    for table, values in (
        ("draw_leaf_pages", "1, decode(repeat('00', 28), 'hex'), 0, decode(repeat('01', 54), 'hex'), int8send(1)"),
        ("draw_tiles", "1, 0, sha256('a')"),
        (
            "draw_exclusions",
            "(SELECT max(id) FROM raffle_schema.raffle_entries), decode(repeat('00', 28), 'hex'), 1, 'UNVERIFIED'",
        ),
        ("draw_positions", "1, 0, 0, 0, (SELECT min(ticket_number) FROM raffle_schema.raffle_tickets)"),
        ("draw_consulted_leaves", "0"),
    ):
        columns = {
            "draw_leaf_pages": "page_number, first_entry_hash, range_start, leaves, entry_ids",
            "draw_tiles": "level, tile_number, hashes",
            "draw_exclusions": "entry_id, entry_hash, ticket_count, reason",
            "draw_positions": "draw_position, block_number, point, leaf_index, ticket_number",
            "draw_consulted_leaves": "leaf_index",
        }[table]
        with pytest.raises(errors.RestrictViolation):
            app.execute(f"INSERT INTO raffle_schema.{table} (draw_number, {columns}) SELECT 2, {values}".encode())
        with pytest.raises(errors.RestrictViolation):
            admin.execute(f"DELETE FROM raffle_schema.{table}".encode())


def test_a_draw_needs_a_closed_raffle_and_a_round_in_its_future(admin: Conn, as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = opened(app)
    enter(app, raffle, {user(1): 1})
    with pytest.raises(errors.CheckViolation):
        freeze_now(app, raffle)
    move(app, raffle, "CLOSED")
    with app.transaction(force_rollback=True):
        list_entries(app, raffle, 2)
        with pytest.raises(errors.CheckViolation) as refused, app.transaction():
            app.execute(
                """
                INSERT INTO raffle_schema.raffle_draws (raffle_id, chain_number, entry_count, ticket_count,
                       participant_count, merkle_root, manifest, manifest_signature, signing_key_id,
                       beacon_chain_sha256, beacon_round, beacon_round_at, previous_chain_number,
                       previous_manifest_sha256)
                VALUES (%s, 2, 1, 1, 1, sha256('root'), 'manifest', sha256('a') || sha256('b'), 'key', sha256('drand'),
                        1, now() - interval '1 second', 1, sha256('another'))
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
    assert remaining(app, prize) == 0
    assert catalog.rows(
        app,
        "SELECT status, unit_number FROM raffle_schema.raffle_winners WHERE draw_id = %s AND draw_position = 3",
        drawn,
    ) == [("SELECTED", 1)]
    app.execute("UPDATE raffle_schema.raffle_winners SET status = 'FORFEITED' WHERE draw_id = %s", (drawn,))
    assert remaining(app, prize) == 2  # no alternate is left


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


def test_a_winner_is_a_ticket_of_the_drawn_raffle_disqualified_or_not(admin: Conn, as_role: Connect) -> None:
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
    with pytest.raises(errors.CheckViolation):
        win(app, drawn, 1, foreign, prize, 1)
    win(app, drawn, 1, tickets[0], prize, 1)  # as drawn: who must not have it is disqualified after that


def test_nobody_but_the_next_alternate_moves_up(admin: Conn, as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = opened(app, quantities=(2,))
    tickets = enter(app, raffle, {user(i): 1 for i in range(3)})
    prize = prizes_of(app, raffle)[0]
    drawn = drawing(admin, app, raffle)
    win(app, drawn, 1, tickets[0], prize, 1)
    win(app, drawn, 2, tickets[1], None, None)
    win(app, drawn, 3, tickets[2], None, None)
    move_up = """
        UPDATE raffle_schema.raffle_winners SET status = 'SELECTED', prize_id = %s, unit_number = 2,
               claim_deadline = now() + interval '30 days' WHERE draw_position = %s AND draw_id = %s
    """
    with pytest.raises(errors.CheckViolation):
        app.execute(move_up, (prize, 3, drawn))
    app.execute(move_up, (prize, 2, drawn))


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


def test_a_raffle_whose_prizes_have_no_room_in_a_manifest_does_not_open(as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = draft(app, "TEST-LONG")
    app.execute(
        """
        INSERT INTO raffle_schema.raffle_prizes (raffle_id, rank, name, prize_type, prize_value, currency, quantity)
        SELECT %s, n, repeat('x', 190), 'OTHER', 1, 'MXN', 1 FROM generate_series(1, 1000) AS n
        """,
        (raffle,),
    )
    with app.transaction(force_rollback=True):
        # Six bytes each, in a manifest.
        app.execute("UPDATE raffle_schema.raffle_prizes SET name = repeat(chr(1), 190) WHERE raffle_id = %s", (raffle,))
        with pytest.raises(errors.CheckViolation) as refused:
            move(app, raffle, "OPEN")
        assert refused.value.diag.constraint_name == "raffles_prizes_fit_check"
    move(app, raffle, "OPEN")
