"""What a step looks at does not grow with what others are at."""

import asyncio
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from gasolinera.config import Settings
from gasolinera.database import load_sql
from gasolinera.redemption import redeeming
from gasolinera.redemption.models import Status
from tests.coupon.at_hand import make_campaign, make_coupon
from tests.redemption.desk import ATTENDANT, Conn, open_services
from tests.redemption.test_recovery import request

# In the past, so that no rule against fraud minds them.
ENDED = """
INSERT INTO redemption_schema.redemptions (
    user_id, coupon_code, campaign_code, station_code, employee_number, dispenser_code, original_amount, final_amount,
    currency, idempotency_key, status, created_at, completed_at, business_day)
SELECT gen_random_uuid(), 'ENDED' || n, 'ENDED', 'JSM003', 'EMP000022', 'D03', 500, 500, 'MXN', gen_random_uuid(),
       'COMPLETED', '2026-01-01', '2026-01-01', '2026-01-01'
  FROM generate_series(1, 5000) AS n
"""
WAITING = """
INSERT INTO redemption_schema.redemptions (
    user_id, coupon_code, campaign_code, station_code, employee_number, dispenser_code, original_amount, final_amount,
    currency, idempotency_key, flow)
SELECT gen_random_uuid(), 'WAITING' || n, 'WAITING', 'JSM003', 'EMP000022', 'D03', 500, 500, 'MXN', gen_random_uuid(),
       'TWO_STEP'
  FROM generate_series(1, 200) AS n
"""
ROWS_BY_INDEX = """
SELECT idx_tup_read FROM pg_stat_user_indexes WHERE indexrelname = 'redemptions_unfinished_created_at_idx'
"""


def rows_read(admin: Conn) -> int:
    admin.execute("SELECT pg_stat_clear_snapshot()")
    found = admin.execute(ROWS_BY_INDEX).fetchone()
    assert found is not None
    return int(found[0])


def test_a_redemption_does_not_walk_through_all_that_are_under_way(settings: Settings, admin: Conn) -> None:
    """Where nearly nothing is under way when statistics are taken, the index of those looks like the shortest way."""
    code = make_coupon(admin, make_campaign(admin, "WALK"))
    admin.execute("SET session_replication_role = replica")
    admin.execute(ENDED)
    admin.execute("SET session_replication_role = origin")
    admin.execute("ANALYZE redemption_schema.redemptions")
    admin.execute(WAITING)

    async def redeem() -> Status:
        async with open_services(settings) as services:
            asked = request(code)
            redeemed = await redeeming.redeem(
                services.db, services.coupons, services.context, ATTENDANT, str(uuid4()), asked
            )
        return redeemed.status

    before = rows_read(admin)
    assert asyncio.run(redeem()) is Status.COMPLETED
    assert rows_read(admin) - before == 0


FAILED = """
UPDATE redemption_schema.redemptions
   SET status = 'FAILED', failed_at = created_at, failure_code = 'COUPON_EXPIRED', completed_at = NULL,
       business_day = NULL
 WHERE coupon_code IN ('ENDED7', 'ENDED8', 'ENDED9')
"""


def indexes_read(plan: dict[str, Any]) -> Iterator[str]:
    if plan["Actual Loops"] > 0:
        if "Index Name" in plan or plan["Node Type"] == "Seq Scan":
            yield plan.get("Index Name", "no index")
        for inner in plan.get("Plans", ()):
            yield from indexes_read(inner)


@pytest.mark.parametrize(
    ("query", "types", "values", "index"),
    [
        (
            "list_of_station",
            "text, text, timestamptz, bigint, bigint, boolean",
            "'JSM003', 'FAILED', 'infinity', 1, 51, true",
            "redemptions_ended_station_code_status_created_at_id_idx",
        ),
        ("list_all", "text, bigint, bigint", "'FAILED', 1000000, 51", "redemptions_ended_status_id_idx"),
    ],
)
def test_a_list_of_what_failed_does_not_walk_through_what_was_completed(
    admin: Conn, query: str, types: str, values: str, index: str
) -> None:
    admin.execute("SET session_replication_role = replica")
    admin.execute(ENDED)
    admin.execute(FAILED)
    admin.execute("ANALYZE redemption_schema.redemptions")
    admin.execute("SET plan_cache_mode = force_generic_plan")
    admin.execute(f"PREPARE listing ({types}) AS {load_sql('gasolinera.redemption')[query]}".encode())
    found = admin.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE listing ({values})".encode()).fetchone()
    assert found is not None
    plan = found[0][0]["Plan"]
    assert plan["Actual Rows"] >= 3
    assert set(indexes_read(plan)) == {index, "redemptions_pk"}
