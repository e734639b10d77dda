"""Batches as tables: every coupon once, whole, logged, and never all in memory."""

import asyncio
import csv
import io
import tracemalloc
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import psycopg
from litestar.testing import TestClient

from gasolinera.config import Settings
from gasolinera.coupon import exporting, qr
from gasolinera.coupon.codes import code_of
from gasolinera.coupon.issuing import Issuer
from gasolinera.coupon.queries_coupons import BatchRange
from gasolinera.database import Database, open_database
from gasolinera.keyring import load_keyring
from tests.applications import create_app
from tests.coupon.test_coupons import Chain, problem
from tests.schema.coupon_rows import new_campaign

Admin = psycopg.Connection[Any]


async def issue(settings: Settings) -> None:
    async with open_database(settings, "coupon") as db:
        issuer = Issuer(db, load_keyring(settings))
        while await issuer.step():
            pass


@contextmanager
def opened(settings: Settings) -> Generator[Chain]:
    app = create_app(settings)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield Chain(app, client)


def ask_and_issue(chain: Chain, settings: Settings, count: int, campaign: str = "TEST") -> str:
    asked = chain.post("/batches", {"campaign_code": campaign, "count": count})
    assert (asked.status_code, asked.json()["status"]) == (202, "ISSUING")
    asyncio.run(issue(settings))
    batch_id = asked.json()["batch_id"]
    told = chain.get(f"/batches/{batch_id}").json()
    assert (told["status"], told["issued_count"]) == ("COMPLETED", count)
    return str(batch_id)


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


def test_a_batch_is_exported_whole_and_without_its_neighbours_and_it_is_logged(
    settings: Settings, admin: Admin
) -> None:
    new_campaign(admin, discount_type="PERCENTAGE", discount_value="12.5", maximum_discount=50)
    with opened(settings) as chain:
        ask_and_issue(chain, settings, 3)
        batch_id = ask_and_issue(chain, settings, 2_001)
        ask_and_issue(chain, settings, 3)
        answer = chain.get(f"/batches/{batch_id}/export.csv")
        spanish = chain.get(f"/batches/{batch_id}/export.csv?language=es")
        whole = chain.get("/export.csv?campaign=TEST")
        assert problem(chain.get(f"/batches/{batch_id[:-4]}0000/export.csv")) == (404, "coupon.unknown_batch")
        assert problem(chain.get("/export.csv?campaign=NOBODY")) == (404, "campaign.unknown")
        assert chain.client.get(
            f"/api/coupons/batches/{batch_id}/export.csv", headers=chain.manager
        ).status_code == 403  # fmt: skip
    assert (answer.headers["content-type"], answer.headers["cache-control"]) == ("text/csv; charset=utf-8", "no-store")
    rows = rows_of(answer.text)
    first = admin.execute(
        "SELECT first_dense_index FROM coupon_schema.coupon_batches WHERE batch_id = %s", (batch_id,)
    ).fetchone()
    assert first is not None
    wanted = admin.execute(
        "SELECT coupon_code FROM coupon_schema.coupons WHERE dense_index BETWEEN %s AND %s ORDER BY dense_index",
        (first[0], first[0] + 2_000),
    ).fetchall()
    assert [row["coupon_code"] for row in rows] == [code for (code,) in wanted]
    for row in rows[:50]:
        body = qr.unpack(qr.read(row["qr"]).body)
        assert code_of(body.coupon) == row["coupon_code"]
        assert (row["discount_value"], row["maximum_discount"]) == ("12.50", "50.00")
    assert spanish.text.removeprefix("\ufeff").startswith("codigo_cupon,codigo_campana,")
    assert len(rows_of(whole.text)) == 2_007
    logged = admin.execute(
        "SELECT campaign_code, new_values FROM coupon_schema.coupon_audit_log WHERE action = 'COUPONS_EXPORTED'"
        " ORDER BY id"
    ).fetchall()
    taken = {"form": "csv", "batch_id": batch_id, "count": 2_001}
    assert logged == [("TEST", taken), ("TEST", taken), ("TEST", {"form": "csv"})]


def test_memory_does_not_grow_with_the_batch(settings: Settings, admin: Admin) -> None:
    campaign = new_campaign(admin)
    admin.execute(
        """
        INSERT INTO coupon_schema.coupons (coupon_code, campaign_id, discount_type, discount_value, currency,
            valid_from, valid_until, dense_index)
        SELECT 'EXPORT' || lpad(i::text, 8, '0'), %s, 'FIXED_AMOUNT', 1, 'MXN', '2020-01-01', '2100-01-01', 1000000 + i
          FROM generate_series(0, 29999) AS i
        """,
        (campaign,),
    )

    async def peak(db: Database, count: int) -> int:
        pieces = exporting.batch_as_csv(db, BatchRange(1_000_000, count, "TEST"), language="en")
        tracemalloc.start()
        lines = 0
        async for piece in pieces:
            lines += piece.count(b"\r\n")
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert lines == count + 1
        return most

    async def run() -> tuple[int, int]:
        async with open_database(settings, "coupon") as db:
            await peak(db, 1_000)
            return await peak(db, 3_000), await peak(db, 30_000)

    small, large = asyncio.run(run())
    assert large < 1.5 * small
