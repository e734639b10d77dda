"""A raffle that is drawn, for what comes after the draw: written by the tests of the schema, step by step."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import psycopg

from gasolinera.permissions import Caller, Role
from tests.redemption.desk import ADMINISTRATOR, Desk, user
from tests.schema import catalog
from tests.schema.catalog import Conn
from tests.schema.raffle_steps import drawing, enter, opened, prizes_of, win

RAFFLE = "TEST-1"
CLAIM: dict[str, Any] = {
    "delivery": {
        "recipient": "María de la Luz González",
        "phone_number": "+525512345678",
        "address": "Calle 5, CDMX",
        "account": "PTS-1",
    },
    "shows_name": True,
}
SEEN: dict[str, Any] = {
    "document_type": "NATIONAL_ID", "document_number": "GOMC-850101 K7QF", "is_of_age": True, "is_the_holder": True,
}  # fmt: skip


# Claims for winners: whoever does that does not confirm who they are.
CLERK = Caller(role=Role.SYSTEM_ADMIN, user_id=user(4), has_second_factor=True)


@dataclass(frozen=True)
class Drawn:
    draw: int
    prize: int
    users: list[UUID]
    tickets: list[str]
    winners: list[UUID]  # by position: the public ids


def drawn_raffle(
    admin: Conn, app: Conn, *, units: int = 1, alternates: int = 0, users: list[UUID] | None = None,
    method: str = "MANUAL", value: int = 1000,
) -> Drawn:  # fmt: skip
    """One prize of so many units, then the alternates; one ticket a person, the first ones those of `users`."""
    people = [*(users or []), *(uuid4() for _ in range(units + alternates - len(users or [])))]
    raffle = opened(app, RAFFLE, quantities=(units,))
    admin.execute("ALTER TABLE raffle_schema.raffle_prizes DISABLE TRIGGER raffle_prizes_guard")
    admin.execute(
        "UPDATE raffle_schema.raffle_prizes SET delivery_method = %s, prize_value = %s WHERE raffle_id = %s",
        (method, value, raffle),
    )
    admin.execute("ALTER TABLE raffle_schema.raffle_prizes ENABLE TRIGGER raffle_prizes_guard")
    tickets = enter(app, raffle, dict.fromkeys(people, 1))
    draw, prize = drawing(admin, app, raffle), prizes_of(app, raffle)[0]
    for place, ticket in enumerate(tickets, start=1):
        holds = place <= units
        win(app, draw, place, ticket, prize if holds else None, place if holds else None)
    found = catalog.rows(
        app, "SELECT public_id FROM raffle_schema.raffle_winners WHERE draw_id = %s ORDER BY draw_position", draw
    )
    return Drawn(draw, prize, people, tickets, [row[0] for row in found])


def states(conn: Conn, drawn: Drawn) -> list[str]:
    """By position."""
    return catalog.texts(
        conn, "SELECT status FROM raffle_schema.raffle_winners WHERE draw_id = %s ORDER BY draw_position", drawn.draw
    )


def held(conn: Conn, drawn: Drawn) -> tuple[int, int]:
    """Units that are awarded, as the inventory says and as the winners' rows say."""
    return catalog.rows(
        conn,
        """
        SELECT p.quantity_awarded, (SELECT count(*) FROM raffle_schema.raffle_winners AS w
                                     WHERE w.prize_id = p.id AND w.status NOT IN ('FORFEITED', 'DISQUALIFIED'))
          FROM raffle_schema.raffle_prizes AS p WHERE p.id = %s
        """,
        drawn.prize,
    )[0]


def tell_all(admin: Conn, drawn: Drawn) -> None:
    admin.execute(
        "UPDATE raffle_schema.raffle_winners SET status = 'NOTIFIED' WHERE draw_id = %s AND status = 'SELECTED'",
        (drawn.draw,),
    )


def end_claims(admin: Conn, drawn: Drawn, *, within_ms: int = -1) -> None:
    """The deadline of all who have not claimed is so far away; negative: over."""
    admin.execute(
        """
        UPDATE raffle_schema.raffle_winners
           SET created_at = now() - interval '40 days', claim_deadline = clock_timestamp() + %s * interval '1 ms'
         WHERE draw_id = %s AND status = 'NOTIFIED'
        """,
        (within_ms, drawn.draw),
    )


def events(conn: psycopg.Connection[Any], kind: str) -> list[dict[str, Any]]:
    found = conn.execute(
        "SELECT payload FROM raffle_schema.outbox_events WHERE event_type = %s ORDER BY id", (kind,)
    ).fetchall()
    return [row[0] for row in found]


def ask(desk: Desk, path: str, body: dict[str, Any], caller: Any = ADMINISTRATOR) -> Any:
    headers = desk.headers(caller) | {"idempotency-key": str(uuid4())}
    return desk.client.post(f"/api/raffles{path}", json=body, headers=headers)


def look(desk: Desk, path: str, caller: Any = ADMINISTRATOR) -> Any:
    headers = {} if caller is None else desk.headers(caller)
    return desk.client.get(f"/api/raffles{path}", headers=headers)
