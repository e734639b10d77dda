"""Tickets of a drawn raffle had their draw: told once, ended in batches, whatever else is told."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import psycopg

from gasolinera.config import Settings
from gasolinera.database import open_database
from gasolinera.events import Event
from gasolinera.redemption.drawn_tickets import END_DRAWN_TICKETS, Ended, end_tickets, note_drawn

Conn = psycopg.Connection[Any]
FULLEST = """
    SELECT raffle_code FROM redemption_schema.raffle_tickets WHERE status = 'ENTERED' GROUP BY 1 ORDER BY count(*) DESC
"""


def counts(admin: Conn, code: str) -> dict[str, int]:
    found = admin.execute(
        "SELECT status, count(*) FROM redemption_schema.raffle_tickets WHERE raffle_code = %s GROUP BY 1", (code,)
    ).fetchall()
    return dict(found)


def drawn(code: str) -> Event:
    data = {"raffle_code": code, "draw_number": 1}
    return Event(
        id=uuid4(), type="raffle.drawn", source="urn:gasolinera:raffle", aggregate="raffle", subject=code,
        time=datetime.now(UTC), data=data,
    )  # fmt: skip


def test_tickets_of_a_drawn_raffle_are_used_in_batches_and_others_stay(settings: Settings, admin: Conn) -> None:
    codes = [row[0] for row in admin.execute(FULLEST).fetchall()]
    code, others = codes[0], codes[1:]
    before = counts(admin, code)
    tickets, stay = before["ENTERED"], [counts(admin, other) for other in others]
    assert tickets >= 2

    async def steps() -> list[Ended]:
        async with open_database(settings, "redemption") as db:
            async with db.transaction() as conn:
                await note_drawn(conn, drawn(code))
                await note_drawn(conn, drawn(code))
            seen: list[Ended] = []
            for at_most in (tickets - 1, 10, 10, 10):
                async with db.transaction() as conn:
                    seen.append(await end_tickets(conn, at_most))
            assert await END_DRAWN_TICKETS.run(db, {}) == "0 tickets had their draw"
            return seen

    assert asyncio.run(steps()) == [Ended(tickets - 1, 0), Ended(1, 0), Ended(0, 1), Ended(0, 0)]
    after = counts(admin, code)
    assert (after.get("ENTERED", 0), after["USED"]) == (0, before.get("USED", 0) + tickets)
    assert [counts(admin, other) for other in others] == stay
