"""What a worker does for draws unasked: freezes what is closed, gives up what lacks evidence, draws what is due.

Any number of workers may do it: each step locks its raffle, and whoever comes second finds it done.
"""

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Final

import asyncpg
import structlog

from gasolinera.config import Settings
from gasolinera.database import Database, RequestContext
from gasolinera.errors import GasolineraError
from gasolinera.keyring import Keyring, load_keyring
from gasolinera.parts import Poller
from gasolinera.polling import repeat
from gasolinera.raffle import queries_draws as queries
from gasolinera.raffle.beacon import Round
from gasolinera.raffle.beacon_relays import Source, fetch_round, source_of
from gasolinera.raffle.documents import read_document
from gasolinera.raffle.drawing import chain_of, draw, has_evidence
from gasolinera.raffle.errors_draws import not_frozen, other_chain
from gasolinera.raffle.freezing import freeze
from gasolinera.raffle.manifest import Manifest
from gasolinera.raffle.models_draws import (
    MAX_GIVEN_UP,
    NO_EVIDENCE,
    DrawnSummary,
    FreezeTerms,
    PublishedDraw,
    WaitingDraw,
)
from gasolinera.raffle.publishing import find_draw_of, manifest_of
from gasolinera.raffle.raffles import get_raffle
from gasolinera.raffle.voiding import void

_EVERY_S: Final = 5.0
_CONTEXT: Final = RequestContext(actor="worker:raffle.draws")
_CANCELLED: Final = "The raffle was cancelled."
_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def terms_of(settings: Settings, keyring: Keyring) -> FreezeTerms:
    """Raises ConfigError `beacon.*`, `keys.purpose_missing`."""
    gap_s = settings.raffle_gap_s
    return FreezeTerms(
        key=keyring.current("raffle"), chain=source_of(settings).chain, gap_s=gap_s, quorum=settings.raffle_quorum
    )


async def keep(db: Database, settings: Settings, keyring: Keyring) -> int:
    """One round of everything; says how many steps were taken. A raffle that cannot go on keeps no other back."""
    source = source_of(settings)
    async with db.connection() as conn:
        waiting = await queries.waiting_draws(conn)
    done = [await _try(one.raffle_code, _keep_one(db, one, source, keyring)) for one in waiting]
    async with db.connection() as conn:
        closed = await queries.raffles_to_freeze(conn, NO_EVIDENCE)
    terms = terms_of(settings, keyring) if closed else None
    for one in closed:
        assert terms is not None, "there is something to freeze"
        if one.given_up < MAX_GIVEN_UP:
            done.append(await _try(one.raffle_code, _freeze(db, one.raffle_code, terms)))
        else:
            _log.warning("freeze_waits_for_operator", raffle=one.raffle_code, given_up=one.given_up)
    return sum(done)


async def draw_by_hand(db: Database, settings: Settings, code: str, context: RequestContext) -> DrawnSummary:
    """What the worker does, at once. Whoever comes second, a worker too, is told that it was drawn before.

    Raises UnknownError `raffle.unknown`, ConflictError `draw.not_frozen`, `beacon.too_early`, `beacon.other_chain`,
    UnavailableError `beacon.unavailable`, and what `draw` raises.
    """
    async with db.connection() as conn:
        frozen = await find_draw_of(conn, code)
        if frozen is None:
            await get_raffle(conn, code, with_refused=False)
            raise not_frozen()
    found = await round_of(settings, frozen)
    async with db.transaction(context) as conn:
        return await draw(conn, code, found)


async def round_of(settings: Settings, frozen: PublishedDraw) -> Round:
    """The round that the manifest names. Raises ConflictError `beacon.other_chain`, and what `fetch_round` raises."""
    source = source_of(settings)
    if manifest_of(frozen).beacon.chain_hash != source.chain.chain_hash:
        raise other_chain()
    return await fetch_round(source, frozen.beacon_round, now=datetime.now(UTC))


async def _keep_one(db: Database, one: WaitingDraw, source: Source, keyring: Keyring) -> bool:
    if one.raffle_status == "CANCELLED":
        return await _void(db, one.raffle_code, _CANCELLED, keyring)
    manifest = read_document(Manifest, one.manifest)
    if one.at < one.beacon_round_at:
        if (one.beacon_round_at - one.at).total_seconds() > manifest.evidence.gap_s:
            return False
        async with db.connection() as conn:
            has_all = await has_evidence(conn, one.id, manifest)
        # Before the round exists: nobody knows yet what is given up. The database looks at the evidence again.
        return not has_all and await _void(db, one.raffle_code, NO_EVIDENCE, keyring)
    if one.raffle_status != "CLOSED":
        return False
    if chain_of(manifest) != source.chain:
        raise other_chain()
    found = await fetch_round(source, one.beacon_round, now=one.at)
    async with db.transaction(_CONTEXT) as conn:
        await draw(conn, one.raffle_code, found)
    return True


async def _freeze(db: Database, code: str, terms: FreezeTerms) -> bool:
    async with db.transaction(_CONTEXT) as conn:
        await freeze(conn, code, terms)
    return True


async def _void(db: Database, code: str, reason: str, keyring: Keyring) -> bool:
    async with db.transaction(_CONTEXT) as conn:
        await void(conn, code, reason=reason, key=keyring.current("raffle"))
    return True


async def _try(code: str, step: Awaitable[bool]) -> bool:
    try:
        return await step
    except GasolineraError as error:
        _log.warning("draw_waits", raffle=code, reason=error.code)
    except asyncpg.PostgresError as error:
        reason = error.constraint_name if isinstance(error, asyncpg.IntegrityConstraintViolationError) else None
        _log.warning("draw_waits", raffle=code, reason=reason or error.sqlstate)
    except (asyncpg.InterfaceError, OSError) as error:
        _log.warning("draw_waits", raffle=code, reason=type(error).__name__)
    return False


async def _run(settings: Settings, db: Database, stop: asyncio.Event) -> None:
    keyring = load_keyring(settings)

    async def step() -> None:
        await keep(db, settings, keyring)

    await repeat("raffle draws", step, stop, every_s=_EVERY_S)


DRAWS: Final = Poller("raffle draws", _run)
