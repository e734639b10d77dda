"""The steps of a draw, as tests take them: a closed raffle with entries of one's own choice, frozen and drawn soon."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import msgspec
import psycopg

from gasolinera.config import load_settings
from gasolinera.database import Database, RequestContext
from gasolinera.key_file import Key
from gasolinera.keyring import load_keyring
from gasolinera.raffle import beacon_local, publishing
from gasolinera.raffle.beacon import TEST, Round, round_at
from gasolinera.raffle.drawing import draw
from gasolinera.raffle.freezing import freeze
from gasolinera.raffle.models_draws import DrawnSummary, FreezeTerms, Frozen
from tests.schema.ticket_numbers import numbers

Admin = psycopg.Connection[Any]
OPERATOR = RequestContext(actor="test")
_seeds = count(5_000)


class Entered(NamedTuple):
    """An entry: who (a number), with how many tickets, from where."""

    owner: int
    tickets: int
    source: str = "COUPON_REDEMPTION"


def person(number: int) -> UUID:
    return UUID(int=0xABC0_0000 + number)


def signer() -> Key:
    """That of the ring in memory, by which the application seals bundles."""
    return load_keyring(load_settings({"GASOLINERA_ENVIRONMENT": "test"})).current("raffle")


async def bundle_of(db: Database, number: int) -> bytes:
    async with db.connection() as conn:
        found = await publishing.get_draw(conn, number)
    key = publishing.sealing_key(found, [signer()])
    return b"".join([piece async for piece in publishing.bundle_of(db, found, key)])


def terms(key: Key | None = None, *, gap_s: int = 1, quorum: int = 1) -> FreezeTerms:
    return FreezeTerms(key=key or signer(), chain=TEST, gap_s=gap_s, quorum=quorum)


def close_raffle(
    admin: Admin,
    code: str,
    entries: Sequence[Entered],
    *,
    algorithm: str = "MERKLE_TREE",
    quantities: Sequence[int] = (1,),
    alternates: int = 0,
    multiple_wins: bool = False,
    weights: dict[str, int] | None = None,
) -> int:
    """A CLOSED raffle, whose draw is due; its id. Production's ten minutes before the round are not waited for."""
    admin.execute("ALTER TABLE raffle_schema.raffle_draws DROP CONSTRAINT IF EXISTS raffle_draws_gap_check")
    found = admin.execute(
        """
        INSERT INTO raffle_schema.raffles (raffle_code, name, raffle_type, selection_algorithm, opens_at, closes_at,
               draw_at, organizer, permit_number, terms_version, terms_sha256, terms_url, alternate_count,
               allows_multiple_wins, source_weights)
        VALUES (%s, 'Sorteo de prueba', 'STANDARD', %s, now() - interval '2 days', now() - interval '1 minute',
                now() - interval '1 second', 'Us', 'P-1', '1', sha256('terms'), 'https://example.com/terms', %s, %s,
                %s::jsonb)
        RETURNING id
        """,
        (
            code,
            algorithm,
            alternates,
            multiple_wins,
            None if weights is None else msgspec.json.encode(weights).decode(),
        ),
    ).fetchone()
    assert found is not None
    raffle = int(found[0])
    admin.execute(
        "INSERT INTO raffle_schema.raffle_terms (raffle_id, version, body) VALUES (%s, '1', 'terms')", (raffle,)
    )
    for rank, quantity in enumerate(quantities, 1):
        admin.execute(
            """
            INSERT INTO raffle_schema.raffle_prizes (raffle_id, rank, name, prize_type, prize_value, currency, quantity)
            VALUES (%s, %s, %s, 'FUEL_CREDIT', 1000, 'MXN', %s)
            """,
            (raffle, rank, f"Tanque {rank}", quantity),
        )
    move(admin, raffle, "OPEN")
    _enter(admin, raffle, entries)
    move(admin, raffle, "CLOSED")
    return raffle


def move(admin: Admin, raffle: int, status: str) -> None:
    admin.execute(
        """
        UPDATE raffle_schema.raffles
           SET status = %(status)s, cancellation_reason = CASE %(status)s WHEN 'CANCELLED' THEN 'No permit' END
         WHERE id = %(raffle)s
        """,
        {"status": status, "raffle": raffle},
    )


def _enter(admin: Admin, raffle: int, entries: Sequence[Entered]) -> None:
    made = iter(numbers(next(_seeds), sum(entry.tickets for entry in entries)))
    issuances = [uuid4() for _ in entries]
    admin.execute(
        """
        INSERT INTO raffle_schema.raffle_entries (raffle_id, issuance_id, user_id, source, entered_at)
        SELECT r.id, e.issuance_id, e.user_id, e.source, r.opens_at
          FROM unnest(%s::uuid[], %s::uuid[], %s::text[]) AS e (issuance_id, user_id, source)
          JOIN raffle_schema.raffles AS r ON r.id = %s
        """,
        (issuances, [person(entry.owner) for entry in entries], [entry.source for entry in entries], raffle),
    )
    of_tickets = [issuance for issuance, entry in zip(issuances, entries, strict=True) for _ in range(entry.tickets)]
    admin.execute(
        """
        INSERT INTO raffle_schema.raffle_tickets (raffle_id, entry_id, ticket_number, user_id)
        SELECT e.raffle_id, e.id, t.ticket_number, e.user_id
          FROM unnest(%s::uuid[], %s::text[]) AS t (issuance_id, ticket_number)
          JOIN raffle_schema.raffle_entries AS e ON e.issuance_id = t.issuance_id AND e.raffle_id = %s
        """,
        (of_tickets, list(made), raffle),
    )


async def freeze_now(db: Database, code: str, chosen: FreezeTerms | None = None) -> Frozen:
    async with db.transaction(OPERATOR) as conn:
        return await freeze(conn, code, chosen or terms())


async def draw_now(db: Database, code: str, found: Round) -> DrawnSummary:
    async with db.transaction(OPERATOR) as conn:
        return await draw(conn, code, found)


async def wait_for_round(number: int) -> Round:
    """The test beacon's, as soon as its time has come."""
    await asyncio.sleep(max(0.0, (round_at(TEST, number) - datetime.now(UTC)).total_seconds() + 0.02))
    return beacon_local.sign_round(beacon_local.local_beacon(), number)


async def freeze_and_draw(db: Database, code: str, chosen: FreezeTerms | None = None) -> Frozen:
    frozen = await freeze_now(db, code, chosen)
    assert (await draw_now(db, code, await wait_for_round(frozen.beacon_round))).is_new
    return frozen
