"""Tickets on their way into raffles, as the redemption service tells of them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, TypeVar
from uuid import UUID, uuid4

import psycopg

from gasolinera.config import Settings
from gasolinera.database import Connection, Database, open_database
from gasolinera.events import Event
from gasolinera.inbox import Inbox
from gasolinera.polling import RetryPolicy
from gasolinera.raffle.events import CONSUMERS
from tests.schema import ticket_numbers

Admin = psycopg.Connection[Any]
Result = TypeVar("Result")
SOON = RetryPolicy(attempts=2, first_s=0.0, longest_s=0.0)
_seeds = count(5000)


def numbers(many: int) -> list[str]:
    """Nobody's before."""
    return ticket_numbers.numbers(next(_seeds), many)


def yesterday() -> datetime:
    return datetime.now(UTC) - timedelta(days=1)


def event(kind: str, aggregate: str, subject: str, data: dict[str, Any], time: datetime | None = None) -> Event:
    return Event(
        id=uuid4(),
        type=kind,
        source="urn:gasolinera:redemption",
        aggregate=aggregate,
        subject=subject,
        time=time or datetime.now(UTC),
        data=data,
    )


def issued(
    code: str | None,
    holder: UUID,
    tickets: Sequence[str],
    *,
    issuance: UUID | None = None,
    entered_at: datetime | None = None,
    source: str = "COUPON_REDEMPTION",
) -> Event:
    moment = entered_at or yesterday()
    found = issuance or uuid4()
    data = {
        "issuance_id": str(found),
        "user_id": str(holder),
        "source": source,
        "count": len(tickets),
        "numbers": list(tickets),
        "raffle_code": code,
        "entered_at": moment.isoformat(),
    }
    return event("tickets.issued", "issuance", str(found), data, moment)


def revoked(told: Event, tickets: Sequence[str] | None = None) -> Event:
    """Tickets of an earlier message are taken back, all unless some are named."""
    gone = told.data["numbers"] if tickets is None else list(tickets)
    data = told.data | {"numbers": gone, "count": len(gone), "revoked_at": datetime.now(UTC).isoformat()}
    del data["entered_at"]
    return event("tickets.revoked", "issuance", told.subject, data)


def with_raffles(settings: Settings, work: Callable[[Database], Awaitable[Result]]) -> Result:
    async def run() -> Result:
        async with open_database(settings, "raffle") as db:
            return await work(db)

    return asyncio.run(run())


def asked(settings: Settings, work: Callable[[Connection], Awaitable[Result]]) -> Result:
    """In one transaction."""

    async def run(db: Database) -> Result:
        async with db.transaction() as conn:
            return await work(conn)

    return with_raffles(settings, run)


def deliver(settings: Settings, *events: Event) -> None:
    """Into the inbox, and their effects until there is nothing more to do."""

    async def run(db: Database) -> None:
        inbox = Inbox("raffle", "raffle_schema", CONSUMERS)
        async with db.transaction() as conn:
            assert await inbox.receive(conn, events) == {}
        while await inbox.work(db, retries=SOON):
            pass

    with_raffles(settings, run)


def entries(admin: Admin, code: str) -> list[tuple[UUID, int, bytes]]:
    """(issuance, tickets, hash) of a raffle's entries in order of their making."""
    return admin.execute(
        """
        SELECT e.issuance_id, e.ticket_count, e.entry_hash FROM raffle_schema.raffle_entries AS e
          JOIN raffle_schema.raffles AS r ON r.id = e.raffle_id WHERE r.raffle_code = %s ORDER BY e.id
        """,
        (code,),
    ).fetchall()


def told_back(admin: Admin, code: str) -> list[tuple[str, list[str]]]:
    """(reason, numbers) of the events that tell of refused tickets, in their order."""
    return [
        (payload["reason"], payload["numbers"])
        for (payload,) in admin.execute(
            """
            SELECT payload FROM raffle_schema.outbox_events
             WHERE event_type = 'tickets.refused' AND payload ->> 'raffle_code' = %s ORDER BY id
            """,
            (code,),
        )
    ]


def dead_letters(admin: Admin) -> int:
    row = admin.execute("SELECT count(*) FROM raffle_schema.dead_letters").fetchone()
    assert row is not None
    return int(row[0])
