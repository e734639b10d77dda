"""What raffles do on their own: they open and close on time, and a cancelled one gives its tickets back."""

from collections.abc import Mapping
from typing import Final

import asyncpg
import structlog

from gasolinera.address_upkeep import address_upkeep_job
from gasolinera.database import Database, RequestContext
from gasolinera.errors import ConflictError
from gasolinera.jobs import Job, in_batches, report_progress
from gasolinera.raffle import queries_raffles, raffles

_GIVEN_BACK_AT_ONCE: Final = 5_000
_FORGOTTEN_AT_ONCE: Final = 5_000
_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


async def _keep_to_the_clock(db: Database, _arguments: Mapping[str, str]) -> str:
    context = RequestContext(actor="job:raffle.keep_to_the_clock")
    closed = 0
    while True:
        async with db.transaction(context) as conn:
            count = await raffles.close_due(conn)
        closed += count
        if count < raffles.DUE_AT_ONCE:
            break
    async with db.connection() as conn:
        due = await raffles.due_to_open(conn)
    opened = sum([await _open(db, context, code) for code in due])
    return f"{opened} raffles opened, {closed} closed"


async def _open(db: Database, context: RequestContext, code: str) -> bool:
    """False where it lacks what this environment asks for: somebody must see to it, and it holds no other back."""
    try:
        async with db.transaction(context) as conn:
            await raffles.open_raffle(conn, code)
    except (ConflictError, asyncpg.IntegrityConstraintViolationError) as error:
        _log.warning("raffle_not_opened", raffle_code=code, reason=type(error).__name__)
        return False
    return True


async def _give_back(db: Database, _arguments: Mapping[str, str]) -> str:
    context = RequestContext(actor="job:raffle.give_tickets_back")
    total = 0
    while True:
        async with db.transaction(context) as conn:
            count = await queries_raffles.withdraw_cancelled(conn, _GIVEN_BACK_AT_ONCE)
        if not count:
            return f"{total} tickets of cancelled raffles given back"
        total += count
        await report_progress(f"{total} tickets so far")


async def _forget_refused(db: Database, _arguments: Mapping[str, str]) -> str:
    forgotten = queries_raffles.forget_refused_tickets
    return f"{await in_batches(db, forgotten, _FORGOTTEN_AT_ONCE, '{} so far')} refusals forgotten"


RAFFLE_JOBS: Final = (
    Job(
        name="raffle.keep_to_the_clock",
        service="raffle",
        summary="Opens drafts that were told to open by themselves, and closes raffles that are over.",
        run=_keep_to_the_clock,
        schedule="* * * * *",
    ),
    Job(
        name="raffle.give_tickets_back",
        service="raffle",
        summary="Gives the tickets of cancelled raffles back to their holders.",
        run=_give_back,
        schedule="* * * * *",
    ),
    Job(
        name="raffle.forget_refused_tickets",
        service="raffle",
        summary="Delete which tickets raffles did not take, more than a year ago.",
        run=_forget_refused,
        schedule="58 3 * * *",
    ),
    address_upkeep_job("raffle", "raffle_schema"),
)
