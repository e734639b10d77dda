"""The steps of a raffle, as the tests of its schema take them."""

from itertools import count
from uuid import UUID

from tests.schema import catalog
from tests.schema.catalog import Conn
from tests.schema.ticket_numbers import numbers

_seeds = count(1)


def draft(
    app: Conn,
    code: str,
    *,
    max_tickets: int | None = None,
    multiple_wins: bool = False,
    algorithm: str = "MERKLE_TREE",
) -> int:
    """A DRAFT whose entries are due to end: it can be opened, filled with entries of yesterday, and closed."""
    raffle = catalog.number(
        app,
        """
        INSERT INTO raffle_schema.raffles (raffle_code, name, raffle_type, opens_at, closes_at, draw_at, organizer,
               permit_number, terms_version, terms_sha256, terms_url, max_tickets_per_user, allows_multiple_wins,
               selection_algorithm)
        VALUES (%s, 'A raffle', 'STANDARD', now() - interval '2 days', now() - interval '1 minute',
                now() + interval '1 day', 'Us', 'P-1', '1', sha256('terms'), 'https://example.com/terms', %s, %s, %s)
        RETURNING id
        """,
        code,
        max_tickets,
        multiple_wins,
        algorithm,
    )
    app.execute(
        "INSERT INTO raffle_schema.raffle_terms (raffle_id, version, body) VALUES (%s, '1', 'terms')", (raffle,)
    )
    return raffle


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
    algorithm: str = "MERKLE_TREE",
) -> int:
    """An OPEN raffle with one prize for each quantity."""
    raffle = draft(app, code, max_tickets=max_tickets, multiple_wins=multiple_wins, algorithm=algorithm)
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
            INSERT INTO raffle_schema.raffle_entries (raffle_id, issuance_id, user_id, source, entered_at)
            SELECT DISTINCT ON (t.user_id) r.id, gen_random_uuid(), t.user_id, 'FREE_ENTRY', r.opens_at
              FROM ticket AS t JOIN raffle_schema.raffles AS r ON r.id = %s
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


def _next_draw(
    round_at: str, frozen: tuple[str, str] = ("", ""), manifest: str = "'manifest ' || last.chain_number + 1"
) -> str:
    """The next draw of the chain for a raffle, with its true counts."""
    column, moment = frozen
    return f"""
        INSERT INTO raffle_schema.raffle_draws (raffle_id, chain_number, previous_chain_number,
               previous_manifest_sha256, entry_count, ticket_count, participant_count, merkle_root, manifest,
               manifest_signature, signing_key_id, beacon_chain_sha256, beacon_round, beacon_round_at{column})
        SELECT t.raffle_id, last.chain_number + 1, last.chain_number, last.manifest_sha256,
               (SELECT count(*) FROM raffle_schema.raffle_entries AS e
                 WHERE e.raffle_id = t.raffle_id AND e.ticket_count > 0),
               t.ticket_count, t.participant_count, sha256('root'),
               convert_to({manifest}, 'UTF8'), sha256('a') || sha256('b'), 'key',
               sha256('drand'), 1, {round_at}{moment}
          FROM raffle_schema.raffle_totals AS t CROSS JOIN raffle_schema.raffle_draws AS last
         WHERE t.raffle_id = %s ORDER BY last.chain_number DESC LIMIT 1
        RETURNING id
    """


def list_entries(conn: Conn, raffle: int, number: int | None = None) -> None:
    """The list of the next draw, of at most 256 entries; the draw has to come in the same transaction."""
    conn.execute(
        """
        INSERT INTO raffle_schema.draw_leaf_pages
               (draw_number, page_number, first_entry_hash, range_start, leaves, entry_ids)
        SELECT coalesce(%s, (SELECT max(d.chain_number) + 1 FROM raffle_schema.raffle_draws AS d)), 0,
               (array_agg(e.entry_hash ORDER BY e.entry_hash))[1], 0,
               string_agg('\\x01'::bytea || e.entry_hash || e.owner_tag || decode('0000000000', 'hex')
                          || int4send(e.ticket_count), ''::bytea ORDER BY e.entry_hash),
               string_agg(int8send(e.id), ''::bytea ORDER BY e.entry_hash)
          FROM raffle_schema.raffle_entries AS e WHERE e.raffle_id = %s AND e.ticket_count > 0
        HAVING count(*) > 0
        """,
        (number, raffle),
    )


def freeze_now(app: Conn, raffle: int) -> int:
    """A draw as the service makes it, whose randomness is an hour away; its id."""
    with app.transaction():
        list_entries(app, raffle)
        return catalog.number(app, _next_draw("now() + interval '1 hour'"), raffle)


def freeze(admin: Conn, raffle: int) -> int:
    """A draw that was frozen an hour ago, which only the owner can say, and whose randomness is out; its id."""
    hour_ago = (", frozen_at", ", now() - interval '1 hour'")
    with admin.transaction():
        list_entries(admin, raffle)
        return catalog.number(admin, _next_draw("now() - interval '1 second'", hour_ago), raffle)


def freeze_before(admin: Conn, raffle: int, *, round_in_min: int) -> int:
    """A draw that was frozen yesterday, whose manifest states a gap of an hour; its id."""
    gap = """'{"evidence":{"gap_s":3600,"quorum":2},"n":' || last.chain_number + 1 || '}'"""
    yesterday = (", frozen_at", ", now() - interval '1 day'")
    with admin.transaction():
        list_entries(admin, raffle)
        return catalog.number(admin, _next_draw(f"now() + interval '{round_in_min} minutes'", yesterday, gap), raffle)


def draw(app: Conn, drawn: int) -> None:
    app.execute(
        """
        UPDATE raffle_schema.raffle_draws
           SET status = 'DRAWN', randomness = sha256(sha256('x') || sha256('y')),
               beacon_signature = sha256('x') || sha256('y')
         WHERE id = %s
        """,
        (drawn,),
    )


def drawing(admin: Conn, app: Conn, raffle: int) -> int:
    """Close, freeze and draw; the draw's id."""
    move(app, raffle, "CLOSED")
    drawn = freeze(admin, raffle)
    move(app, raffle, "DRAWING")
    draw(app, drawn)
    return drawn


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
