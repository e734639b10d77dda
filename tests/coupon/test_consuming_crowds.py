"""Crowds on real connections, all in one shard: who finds the share used up gets what the others have left."""

import asyncio
from collections import Counter
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest

from gasolinera.config import Settings
from gasolinera.coupon import consuming
from gasolinera.coupon_calls import Given, Purchase
from gasolinera.database import RequestContext, open_database
from tests.coupon.at_hand import make_campaign, make_coupon

Conn = psycopg.Connection[Any]
_CROWD = 48
_HOLD = "SELECT FROM coupon_schema.campaign_usage_shards WHERE campaign_id = %s FOR UPDATE"
_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
_COUNTED = "SELECT sum(used), sum(spent) FROM coupon_schema.campaign_usage_shards WHERE campaign_id = %s"
_CONTEXT = RequestContext(actor="service:redemption")


@pytest.mark.parametrize("terms", [{"total_usage_limit": 40}, {"budget_amount": Decimal("2020.40")}])
def test_a_crowd_in_one_shard_uses_the_limit_to_the_last(
    settings: Settings, admin: Conn, terms: dict[str, Any]
) -> None:
    """Forty uses of 50.51, of which the shard itself was dealt twenty."""
    campaign = make_campaign(admin, "CROWD", shard_count=2, **terms)
    coupons = [make_coupon(admin, campaign, None) for _ in range(2 * _CROWD)]
    rows = admin.execute(
        "SELECT coupon_code FROM coupon_schema.coupons WHERE coupon_code = ANY (%s) AND id %% 2 = 1", (coupons,)
    ).fetchall()
    purchases = [
        Purchase(
            reference=f"RDM-20261123-{number:06}",
            coupon_code=code,
            user_id=UUID(int=number + 1),
            station_code="JSM001",
            amount=Decimal("505.05"),
            currency="MXN",
            fuel_type="REGULAR",
        )
        for number, (code,) in enumerate(rows)
    ]
    assert len(purchases) == _CROWD

    async def come() -> Counter[bool]:
        roomy = settings.model_copy(update={"pool_max_size": _CROWD})
        async with open_database(roomy, "coupon") as db:
            # The shards are held until all have come, so that none is counted before the others have looked.
            async with await psycopg.AsyncConnection.connect(admin.info.dsn) as holder:
                await holder.execute(_HOLD, (campaign,))
                crowd = asyncio.gather(*(consuming.consume(db, _CONTEXT, purchase) for purchase in purchases))
                async with asyncio.timeout(30):
                    while admin.execute(_WAITING).fetchone() != (_CROWD,):  # noqa: ASYNC110  the server tells nobody
                        await asyncio.sleep(0.02)
            return Counter(isinstance(answer, Given) for answer in await crowd)

    assert asyncio.run(come()) == {True: 40, False: 8}
    counted = admin.execute(_COUNTED, (campaign,)).fetchone()
    assert counted == (40, Decimal("2020.40"))
