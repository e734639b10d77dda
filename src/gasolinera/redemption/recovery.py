"""Redemptions that a crash left under way are driven to their end: by any number of workers, each by one at a time."""

import asyncio
from typing import Final

import structlog

from gasolinera.calls import UserDirectory
from gasolinera.coupon_calls import Coupons
from gasolinera.database import Database, RequestContext
from gasolinera.errors import unavailable
from gasolinera.parts import CouponPoller
from gasolinera.polling import repeat
from gasolinera.redemption import queries, redeeming

_EVERY_S: Final = 5.0
_BATCH: Final = 50
_CONTEXT: Final = RequestContext(actor="worker:redemption.recovery")
_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


async def recover(db: Database, coupons: Coupons) -> int:
    """Drive what is due; says how many reached their end. One that cannot now is tried again later, ever more rarely.

    Claimed for half a minute at least: a claim whose worker dies ends by itself, and two that drive one redemption
    reach the same end.
    """
    ended = 0
    while True:
        async with db.transaction(_CONTEXT) as conn:
            due = await queries.claim_unfinished(conn, _BATCH)
        for redemption in due:
            try:
                driven = await redeeming.drive(db, coupons, _CONTEXT, redemption)
            except Exception as error:
                trouble = unavailable(error)
                if trouble is None:  # a bug of ours, which somebody has to find
                    _log.error("recovery_failed", reference=redemption.transaction_reference, exc_info=error)
                else:
                    _log.warning("recovery_delayed", reference=redemption.transaction_reference, reason=trouble.code)
                continue
            ended += 1
            _log.info("redemption_recovered", reference=driven.transaction_reference, status=driven.status)
        if len(due) < _BATCH:
            return ended


async def _run(db: Database, coupons: Coupons, _users: UserDirectory, stop: asyncio.Event) -> None:
    async def step() -> None:
        await recover(db, coupons)

    await repeat("redemption recovery", step, stop, every_s=_EVERY_S)


RECOVERY: Final = CouponPoller("redemption recovery", _run)
