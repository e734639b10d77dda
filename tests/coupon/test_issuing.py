"""Batches: exactly as many coupons as were asked for, whoever dies and however many work on them."""

import asyncio
import random
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import asyncpg
import psycopg
import pytest
from nacl.signing import VerifyKey

from gasolinera.config import Settings
from gasolinera.coupon import qr
from gasolinera.coupon.codes import code_of, new_numbers, normalised, number_of
from gasolinera.coupon.issuing import Issuer, cancel_batch, get_batch, issue_coupons, open_batch
from gasolinera.coupon.models_coupons import CHUNK, Batch, BatchStatus, NewBatch
from gasolinera.database import Database, RequestContext, open_database
from gasolinera.errors import ConflictError, InputError, UnknownError
from gasolinera.keyring import load_keyring
from tests.schema.coupon_rows import new_campaign

Admin = psycopg.Connection[Any]
NOW = datetime(2026, 11, 23, tzinfo=UTC)


@asynccontextmanager
async def opened(settings: Settings, draw: Callable[[int], Sequence[int]] = new_numbers) -> AsyncGenerator[
    tuple[Database, Issuer]
]:  # fmt: skip
    async with open_database(settings, "coupon") as db:
        yield db, Issuer(db, load_keyring(settings), draw)


async def ask(db: Database, **values: Any) -> Batch:
    filled: dict[str, Any] = {"campaign_code": "TEST", "count": 25, **values}
    new = NewBatch(**filled)
    async with db.transaction(RequestContext(actor="somebody")) as conn:
        return await open_batch(conn, new)


async def issue_all(issuer: Issuer) -> None:
    while await issuer.step():
        pass


def coupons(admin: Admin, campaign: int) -> list[Any]:
    return admin.execute(
        "SELECT coupon_code, dense_index, qr_key_id, qr_payload, qr_signature, valid_from, valid_until, discount_value"
        " FROM coupon_schema.coupons WHERE campaign_id = %s ORDER BY dense_index",
        (campaign,),
    ).fetchall()


def number(admin: Admin, statement: str, *values: Any) -> int:
    row = admin.execute(statement.encode(), values).fetchone()
    assert row is not None
    return int(row[0])


def test_a_batch_makes_exactly_the_coupons_asked_for_each_with_a_good_code_and_signature(
    settings: Settings, admin: Admin
) -> None:
    campaign = new_campaign(admin, discount_type="PERCENTAGE", discount_value="12.50", maximum_discount=50)

    async def run() -> Batch:
        async with opened(settings) as (db, issuer):
            asked = await ask(db, count=25)
            assert (asked.status, asked.issued_count) == (BatchStatus.ISSUING, 0)
            await issue_all(issuer)
            async with db.connection() as conn:
                return await get_batch(conn, asked.batch_id)

    batch = asyncio.run(run())
    assert (batch.status, batch.requested_count, batch.issued_count) == (BatchStatus.COMPLETED, 25, 25)
    found = coupons(admin, campaign)
    assert len({row[0] for row in found}) == 25
    assert [row[1] for row in found] == list(range(found[0][1], found[0][1] + 25))
    keys = dict(admin.execute("SELECT key_id, public_key FROM coupon_schema.qr_signing_keys").fetchall())
    for code, dense_index, key_id, payload, signature, valid_from, valid_until, value in found:
        assert normalised(code) == code
        VerifyKey(bytes(keys[key_id])).verify(b"gasolinera-coupon-qr-v1\0" + bytes(payload), bytes(signature))
        body = qr.unpack(bytes(payload))
        assert (code_of(body.coupon), body.dense_index, body.key_id) == (code, dense_index, key_id)
        assert (body.value, value, body.kind) == (Decimal("12.50"), Decimal("12.50"), "PERCENTAGE")
        assert (valid_from.year, valid_until.year) == (2020, 2100)


def test_the_end_of_a_batch_is_told_once_and_its_beginning_is_in_the_log(settings: Settings, admin: Admin) -> None:
    new_campaign(admin)

    async def run() -> Batch:
        async with opened(settings) as (db, issuer):
            batch = await ask(db, count=3)
            await issue_all(issuer)
            assert await issuer.finish_batches() == 0
            return batch

    batch = asyncio.run(run())
    told = admin.execute(
        "SELECT aggregate_key, payload FROM coupon_schema.outbox_events WHERE event_type = 'coupon.issued'"
    ).fetchall()
    assert told == [(str(batch.batch_id), {"campaign_code": "TEST", "count": 3, "coupon_code": None})]
    logged = admin.execute(
        "SELECT campaign_code, new_values, actor FROM coupon_schema.coupon_audit_log WHERE action = 'COUPONS_ISSUED'"
    ).fetchall()
    assert logged == [("TEST", {"batch_id": str(batch.batch_id), "count": 3}, "somebody")]


def test_four_workers_on_one_batch_never_double(settings: Settings, admin: Admin) -> None:
    campaign = new_campaign(admin)

    async def run() -> None:
        async with opened(settings) as (db, first), opened(settings) as (_, second):
            await ask(db, count=3 * CHUNK + 1)
            await asyncio.gather(*[issue_all(issuer) for issuer in (first, second, first, second)])

    asyncio.run(run())
    found = coupons(admin, campaign)
    assert len(found) == 3 * CHUNK + 1
    assert len({row[0] for row in found}) == len(found)
    assert number(admin, "SELECT count(*) FROM coupon_schema.coupon_batches WHERE status = 'COMPLETED'") == 1


def test_processes_killed_at_any_moment_leave_exactly_what_was_asked_for(
    settings: Settings, admin: Admin, process_environment: dict[str, str]
) -> None:
    campaign = new_campaign(admin)
    asked = 4 * CHUNK + 17

    async def begin() -> None:
        async with open_database(settings, "coupon") as db:
            await ask(db, count=asked)

    asyncio.run(begin())
    command = [sys.executable, "-m", "tests.coupon.issuing_process"]
    moments = random.Random(5)  # noqa: S311  guards nothing
    for _ in range(4):
        two = [subprocess.Popen(command, env=process_environment, stdout=subprocess.PIPE) for _ in range(2)]
        for process in two:
            assert process.stdout is not None
            process.stdout.readline()  # so that it is at work, and not still importing
        time.sleep(moments.uniform(0, 0.6))
        for process in two:
            process.kill()
            process.communicate()
        done = number(admin, "SELECT count(*) FROM coupon_schema.coupons WHERE campaign_id = %s", campaign)
        marked = number(admin, "SELECT sum(issued_count) FROM coupon_schema.coupon_batch_progress")
        assert done == marked
    subprocess.run(command, env=process_environment, check=True, capture_output=True)
    found = coupons(admin, campaign)
    assert len(found) == asked
    assert len({row[0] for row in found}) == asked
    assert number(admin, "SELECT count(*) FROM coupon_schema.coupon_batches WHERE status = 'COMPLETED'") == 1
    assert number(admin, "SELECT count(*) FROM coupon_schema.outbox_events WHERE event_type = 'coupon.issued'") == 1


def test_a_worker_issues_what_it_is_asked_for_while_it_runs(settings: Settings, admin: Admin) -> None:
    new_campaign(admin)

    async def run() -> Batch:
        stop = asyncio.Event()
        async with opened(settings) as (db, _):
            working = asyncio.create_task(issue_coupons(settings, db, stop))
            batch = await ask(db, count=CHUNK + 1)
            async with asyncio.timeout(60):
                while batch.status is BatchStatus.ISSUING:
                    await asyncio.sleep(0.05)
                    async with db.connection() as conn:
                        batch = await get_batch(conn, batch.batch_id)
            stop.set()
            await working
            return batch

    batch = asyncio.run(run())
    assert (batch.status, batch.issued_count) == (BatchStatus.COMPLETED, CHUNK + 1)


def test_a_code_that_exists_already_makes_the_chunk_be_made_anew(settings: Settings, admin: Admin) -> None:
    campaign = new_campaign(admin)
    drawn = iter([[1, 2, 3], [3, 4, 5], [6, 7, 8]])

    async def run() -> None:
        async with opened(settings, lambda _count: next(drawn)) as (db, issuer):
            await ask(db, count=3)
            await issue_all(issuer)
            await ask(db, count=3)
            await issue_all(issuer)

    asyncio.run(run())
    assert [number_of(row[0]) for row in coupons(admin, campaign)] == [1, 2, 3, 6, 7, 8]


def test_a_cancelled_batch_keeps_the_chunk_at_work_and_makes_no_further_one(settings: Settings, admin: Admin) -> None:
    campaign = new_campaign(admin)

    async def run() -> Batch:
        async with opened(settings) as (db, issuer):
            batch = await ask(db, count=3 * CHUNK)
            working = asyncio.create_task(issuer.issue_chunk())
            await asyncio.sleep(0.15)
            async with db.transaction() as conn:
                await cancel_batch(conn, batch.batch_id)
            await working
            assert await issuer.issue_chunk() == 0
            assert await issuer.finish_batches() == 0
            async with db.transaction() as conn:
                return await cancel_batch(conn, batch.batch_id)

    cancelled = asyncio.run(run())
    assert cancelled.status is BatchStatus.CANCELLED
    assert len(coupons(admin, campaign)) == cancelled.issued_count <= CHUNK


def test_a_finished_batch_cannot_be_cancelled(settings: Settings, admin: Admin) -> None:
    new_campaign(admin)

    async def run() -> None:
        async with opened(settings) as (db, issuer):
            batch = await ask(db, count=1)
            await issue_all(issuer)
            async with db.transaction() as conn:
                await cancel_batch(conn, batch.batch_id)

    with pytest.raises(ConflictError, match="all coupons") as refused:
        asyncio.run(run())
    assert refused.value.code == "coupon.batch_finished"


@pytest.mark.parametrize(
    ("campaign", "asked", "kind", "code"),
    [
        ({}, {"campaign_code": "NOBODY"}, UnknownError, "campaign.unknown"),
        ({"status": "DRAFT"}, {}, ConflictError, "coupon.campaign_not_open"),
        ({"valid_until": "2021-01-01"}, {}, ConflictError, "coupon.campaign_not_open"),
        ({}, {"valid_until": datetime(2101, 1, 1, tzinfo=UTC)}, InputError, "coupon.window"),
        ({}, {"valid_from": datetime(2019, 1, 1, tzinfo=UTC)}, InputError, "coupon.window"),
        ({}, {"valid_until": datetime(2021, 1, 1, tzinfo=UTC)}, InputError, "coupon.window"),
    ],
)
def test_a_batch_needs_an_open_campaign_and_a_window_in_its_own(
    settings: Settings, admin: Admin, campaign: dict[str, Any], asked: dict[str, Any], kind: type[Exception], code: str
) -> None:
    new_campaign(admin, **campaign)

    async def run() -> None:
        async with opened(settings) as (db, _):
            await ask(db, **asked)

    with pytest.raises(kind) as refused:
        asyncio.run(run())
    assert getattr(refused.value, "code", "") == code
    assert number(admin, "SELECT count(*) FROM coupon_schema.coupon_batches") == 0


def test_batches_asked_for_at_once_get_indexes_of_their_own_and_so_do_single_coupons(
    settings: Settings, admin: Admin
) -> None:
    new_campaign(admin)

    async def run() -> None:
        async with opened(settings) as (db, _):

            async def next_index() -> int:
                async with db.connection() as conn:
                    return int(await conn.fetchval("SELECT coupon_schema.next_dense_index()"))

            asked = [ask(db, count=7 + i) for i in range(12)]
            singles = [next_index() for _ in range(40)]
            results = await asyncio.gather(*asked, *singles)
            taken.extend(result for result in results if isinstance(result, int))

    taken: list[int] = []
    asyncio.run(run())
    ranges = admin.execute("SELECT first_dense_index, requested_count FROM coupon_schema.coupon_batches").fetchall()
    everything = [*taken, *(first + i for first, count in ranges for i in range(count))]
    assert len(everything) == 40 + sum(7 + i for i in range(12))
    assert len(set(everything)) == len(everything)


def test_a_key_that_the_database_knows_as_another_one_signs_nothing(settings: Settings, admin: Admin) -> None:
    new_campaign(admin)
    key = load_keyring(settings).current("coupon")
    admin.execute(
        "INSERT INTO coupon_schema.qr_signing_keys (key_id, public_key) VALUES (%s, %s)", (key.id, b"\1" * 32)
    )

    async def run() -> None:
        async with opened(settings) as (db, issuer):
            await ask(db, count=1)
            await issuer.step()

    with pytest.raises(ConflictError) as refused:
        asyncio.run(run())
    assert refused.value.code == "qr.foreign_key"


def test_the_asked_number_has_a_limit_in_the_table(settings: Settings, admin: Admin) -> None:
    new_campaign(admin)

    async def run() -> None:
        async with opened(settings) as (db, _):
            await ask(db, count=5_000_001)

    with pytest.raises(asyncpg.CheckViolationError):
        asyncio.run(run())
