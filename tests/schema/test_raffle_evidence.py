"""A draw proves something: its entries, its counts, its time and its randomness cannot be made up."""

from collections.abc import Callable

import pytest
from psycopg import errors
from tests.schema import catalog
from tests.schema.catalog import Conn
from tests.schema.raffle_steps import draw, drawing, enter, freeze, freeze_now, move, opened, place
from tests.schema.ticket_numbers import user

Connect = Callable[[str], Conn]


def closed(app: Conn, code: str = "TEST-1") -> int:
    """A CLOSED raffle of three users with six tickets."""
    raffle = opened(app, code)
    enter(app, raffle, {user(1): 1, user(2): 2, user(3): 3})
    move(app, raffle, "CLOSED")
    return raffle


def test_a_raffle_takes_entries_until_its_end_and_is_not_closed_before(admin: Conn, as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = opened(app)
    admin.execute("ALTER TABLE raffle_schema.raffles DISABLE TRIGGER USER")
    admin.execute(
        "UPDATE raffle_schema.raffles SET closes_at = now() + interval '1 minute' WHERE id = %s",
        (raffle,),
    )
    admin.execute("ALTER TABLE raffle_schema.raffles ENABLE TRIGGER USER")
    with pytest.raises(errors.CheckViolation, match="takes entries until"):
        move(app, raffle, "CLOSED")
    move(app, raffle, "CANCELLED")


@pytest.mark.parametrize("column", ["frozen_at", "created_at", "drawn_at", "voided_at", "id", "status"])
def test_the_runtime_role_chooses_no_time_of_a_draw(as_role: Connect, column: str) -> None:
    app = as_role("raffle_app")
    statement = b"INSERT INTO raffle_schema.raffle_draws (" + column.encode() + b") VALUES (DEFAULT)"
    with pytest.raises(errors.InsufficientPrivilege):
        app.execute(statement)


def test_a_draw_names_a_round_after_now(as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = closed(app)
    place(app, raffle)
    drawn = freeze_now(app, raffle)
    assert catalog.number(
        app, "SELECT count(*) FROM raffle_schema.raffle_draws WHERE id = %s AND beacon_round_at > now()", drawn
    )
    move(app, raffle, "DRAWING")
    with pytest.raises(errors.CheckViolation) as refused:
        draw(app, drawn)  # before its round
    assert refused.value.diag.constraint_name == "raffle_draws_drawn_at_check"


@pytest.mark.parametrize("counts", [(3, 6, 2), (3, 7, 3), (4, 6, 3), (1_000_000, 1_000_000, 1_000_000)])
def test_a_draw_counts_what_its_raffle_holds(as_role: Connect, counts: tuple[int, int, int]) -> None:
    app = as_role("raffle_app")
    raffle = closed(app)
    place(app, raffle)
    with pytest.raises(errors.CheckViolation, match="does not count"):
        app.execute(
            """
            INSERT INTO raffle_schema.raffle_draws (raffle_id, chain_number, previous_chain_number,
                   previous_manifest_sha256, entry_count, ticket_count, participant_count, merkle_root, manifest,
                   manifest_signature, signing_key_id, beacon_chain_sha256, beacon_round, beacon_round_at)
            SELECT %s, chain_number + 1, chain_number, manifest_sha256, %s, %s, %s, sha256('root'), 'manifest',
                   sha256('a') || sha256('b'), 'key', sha256('drand'), 1, now() + interval '1 hour'
              FROM raffle_schema.raffle_draws WHERE chain_number = 1
            """,
            (raffle, *counts),
        )


def test_entries_without_places_are_not_frozen(as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = closed(app)
    with pytest.raises(errors.CheckViolation, match="does not count"):
        freeze_now(app, raffle)
    place(app, raffle)
    freeze_now(app, raffle)


def test_the_randomness_is_that_of_the_beacons_signature(admin: Conn, as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = closed(app)
    drawn = freeze(admin, raffle)
    move(app, raffle, "DRAWING")
    with pytest.raises(errors.CheckViolation) as refused:
        app.execute(
            """
            UPDATE raffle_schema.raffle_draws SET status = 'DRAWN', randomness = sha256('mine'),
                   beacon_signature = sha256('x') || sha256('y') WHERE id = %s
            """,
            (drawn,),
        )
    assert refused.value.diag.constraint_name == "raffle_draws_randomness_check"
    draw(app, drawn)
    assert catalog.number(app, "SELECT count(*) FROM raffle_schema.raffle_draws WHERE drawn_at = updated_at") >= 1


@pytest.mark.parametrize(
    "change",
    [
        "leaf_index = leaf_index + 10",
        "range_start = range_start + 10",
        "owner_tag = decode(repeat('00', 16), 'hex')",
        "leaf_index = NULL, range_start = NULL, owner_tag = NULL",
    ],
)
def test_an_entry_keeps_its_place(admin: Conn, as_role: Connect, change: str) -> None:
    app = as_role("raffle_app")
    raffle = closed(app)
    place(app, raffle)
    statement = b"UPDATE raffle_schema.raffle_entries SET " + change.encode() + b" WHERE raffle_id = %s"
    with pytest.raises(errors.RestrictViolation):
        app.execute(statement, (raffle,))
    drawn = freeze(admin, raffle)
    move(app, raffle, "DRAWING")
    draw(app, drawn)
    move(app, raffle, "COMPLETED")
    for conn in (app, admin):
        with pytest.raises(errors.RestrictViolation):
            conn.execute(statement, (raffle,))


def test_places_are_given_while_the_raffle_is_closed(as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = opened(app)
    enter(app, raffle, {user(1): 1})
    with pytest.raises(errors.RestrictViolation, match="while it is CLOSED"):
        place(app, raffle)
    move(app, raffle, "CANCELLED")
    with pytest.raises(errors.RestrictViolation, match="while it is CLOSED"):
        place(app, raffle)


@pytest.mark.parametrize(
    ("leaf", "start"),
    [
        ("n - 1", "n - 1"),  # overlapping ranges
        ("n - 1", "(n - 1) * 10"),  # gaps between them
        ("n", "upto - ticket_count"),  # leaves from 1
        ("n - 1", "upto"),  # ranges from 1
    ],
)
def test_ranges_follow_each_other_from_zero(as_role: Connect, leaf: str, start: str) -> None:
    app = as_role("raffle_app")
    raffle = closed(app)
    statement = f"""
        UPDATE raffle_schema.raffle_entries AS e
           SET leaf_index = {leaf}, range_start = {start}, owner_tag = substr(sha256('tag'), 1, 16)
          FROM (SELECT id, row_number() OVER w AS n, sum(ticket_count) OVER w AS upto
                  FROM raffle_schema.raffle_entries WHERE raffle_id = %s
                WINDOW w AS (ORDER BY ticket_count DESC)) AS o WHERE o.id = e.id
    """
    with pytest.raises(errors.CheckViolation, match="without a gap"):
        app.execute(statement.encode(), (raffle,))


def test_all_entries_are_placed_by_one_statement(as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = closed(app)
    with pytest.raises(errors.CheckViolation, match="without a gap"):
        app.execute(
            """
            UPDATE raffle_schema.raffle_entries
               SET leaf_index = 0, range_start = 0, owner_tag = substr(sha256('tag'), 1, 16)
             WHERE raffle_id = %s AND user_id = %s
            """,
            (raffle, user(1)),
        )


def test_a_raffle_cancelled_after_the_placing_gives_its_tickets_back(as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = closed(app)
    place(app, raffle)
    move(app, raffle, "CANCELLED")
    app.execute("UPDATE raffle_schema.raffle_tickets SET status = 'CANCELLED' WHERE raffle_id = %s", (raffle,))
    assert catalog.number(app, "SELECT ticket_count FROM raffle_schema.raffle_totals WHERE raffle_id = %s", raffle) == 0


def test_the_times_of_winners_are_those_of_the_database(admin: Conn, as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = closed(app)
    drawing(admin, app, raffle)
    for column in ("claimed_at", "notified_at", "delivered_at", "forfeited_at", "disqualified_at"):
        with pytest.raises(errors.InsufficientPrivilege):
            app.execute(b"UPDATE raffle_schema.raffle_winners SET " + column.encode() + b" = now()")
    with pytest.raises(errors.InsufficientPrivilege):
        app.execute("INSERT INTO raffle_schema.raffle_winners (created_at) VALUES (now())")
