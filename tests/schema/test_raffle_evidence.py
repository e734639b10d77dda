"""A draw proves something: its entries, its counts, its time and its randomness cannot be made up."""

from collections.abc import Callable

import pytest
from psycopg import errors
from tests.schema import catalog
from tests.schema.catalog import Conn
from tests.schema.raffle_steps import draw, drawing, enter, freeze, freeze_now, move, opened
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
    with pytest.raises(errors.CheckViolation, match=r"does not count|not that of its"):
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


def test_a_raffle_cancelled_after_its_close_gives_its_tickets_back(as_role: Connect) -> None:
    app = as_role("raffle_app")
    raffle = closed(app)
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
