"""What no code can say is refused before it is issued, and what fails or ends keeps nobody else waiting."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from gasolinera.config import Settings
from gasolinera.coupon import qr
from gasolinera.coupon import queries_issuing as queries
from gasolinera.coupon.issuing import Issuer, cancel_batch, get_batch, open_batch
from gasolinera.coupon.models_coupons import CHUNK, Batch, BatchStatus, NewBatch
from gasolinera.database import Database, open_database
from gasolinera.keyring import load_keyring
from tests.schema.coupon_rows import new_campaign

Admin = psycopg.Connection[Any]
LAST = datetime(2051, 11, 24, 20, 15, tzinfo=UTC)


@pytest.fixture(autouse=True)
def nothing_is_left_to_sign(admin: Admin) -> None:
    """The sample's coupons wait for whoever has the key."""
    admin.execute("DELETE FROM coupon_schema.code_renewals")


def with_issuer(settings: Settings, work: Any) -> Any:
    async def opened() -> Any:
        async with open_database(settings, "coupon") as db:
            return await work(db, Issuer(db, load_keyring(settings)))

    return asyncio.run(opened())


async def ask(db: Database, **values: Any) -> Batch:
    filled: dict[str, Any] = {"campaign_code": "TEST", "count": 3, **values}
    async with db.transaction() as conn:
        return await open_batch(conn, NewBatch(**filled))


@pytest.mark.parametrize(
    "terms",
    [
        {"discount_value": "42949672.96", "currency": "CRC"},
        {"valid_from": LAST, "valid_until": "2100-01-01"},
    ],
)
def test_a_campaign_whose_codes_could_not_say_it_is_refused(admin: Admin, terms: dict[str, Any]) -> None:
    with pytest.raises(psycopg.errors.CheckViolation) as refused:
        new_campaign(admin, **terms)
    assert refused.value.diag.constraint_name == "campaigns_code_check"


def test_a_window_of_a_batch_that_no_code_can_say_is_refused(settings: Settings, admin: Admin) -> None:
    new_campaign(admin)

    async def work(db: Database, _issuer: Issuer) -> None:
        await ask(db, valid_from=LAST)

    with pytest.raises(Exception, match="coupon_batches_code_check"):
        with_issuer(settings, work)


def test_the_bounds_are_those_of_the_format() -> None:
    assert datetime(2020, 1, 1, tzinfo=UTC) == qr.EPOCH
    assert (LAST - qr.EPOCH).total_seconds() == 60 * 0xFFFFFF


def test_what_cannot_be_issued_is_given_up_and_the_others_have_theirs(settings: Settings, admin: Admin) -> None:
    for table, name in (("campaigns", "campaigns_code_check"), ("coupon_batches", "coupon_batches_code_check")):
        admin.execute(f"ALTER TABLE coupon_schema.{table} DROP CONSTRAINT {name}".encode())
    bad = new_campaign(admin, "BAD", discount_value="50000000", currency="CRC")
    good = new_campaign(admin)
    people = [uuid4() for _ in range(4)]
    admin.cursor().executemany(
        "INSERT INTO coupon_schema.coupon_grants (campaign_id, user_id, source) VALUES (%s, %s, 'LIST')",
        [(bad if number % 2 else good, person) for number, person in enumerate(people)],
    )

    async def work(db: Database, issuer: Issuer) -> list[Batch]:
        batches = [await ask(db, campaign_code="BAD"), await ask(db)]
        for _ in range(4):
            await issuer.step()
        async with db.connection() as conn:
            return [await get_batch(conn, batch.batch_id) for batch in batches]

    told = [(batch.status, batch.issued_count) for batch in with_issuer(settings, work)]
    assert told == [(BatchStatus.CANCELLED, 0), (BatchStatus.COMPLETED, 3)]
    owners = admin.execute("SELECT user_id FROM coupon_schema.coupons WHERE user_id = ANY (%s)", (people,)).fetchall()
    assert {row[0] for row in owners} == set(people[::2])
    open_grants = admin.execute("SELECT count(*) FROM coupon_schema.coupon_grants WHERE coupon_id IS NULL").fetchone()
    assert open_grants == (0,)


def test_a_batch_is_cancelled_while_its_chunks_are_under_way(settings: Settings, admin: Admin) -> None:
    new_campaign(admin)

    async def work(db: Database, issuer: Issuer) -> Batch:
        batch = await ask(db, count=2 * CHUNK)
        async with db.transaction() as held:
            assert await queries.claim_chunk(held, batch.batch_id) is not None
            async with asyncio.timeout(5), db.transaction() as conn:
                cancelled = await cancel_batch(conn, batch.batch_id)
        assert await issuer.issue_chunk() == 0
        return cancelled

    assert with_issuer(settings, work).status is BatchStatus.CANCELLED


def test_nobody_is_owed_a_coupon_of_a_campaign_that_is_over(settings: Settings, admin: Admin) -> None:
    campaign = new_campaign(admin)
    admin.execute(
        "INSERT INTO coupon_schema.coupon_grants (campaign_id, user_id, source)"
        " SELECT %s, gen_random_uuid(), 'LIST' FROM generate_series(1, 3)",
        (campaign,),
    )
    admin.execute("UPDATE coupon_schema.campaigns SET status = 'CANCELLED' WHERE id = %s", (campaign,))

    async def work(_db: Database, issuer: Issuer) -> list[int]:
        return [await issuer.step(), await issuer.step()]

    assert with_issuer(settings, work) == [3, 0]
    assert admin.execute("SELECT count(*) FROM coupon_schema.coupon_grants").fetchone() == (0,)
