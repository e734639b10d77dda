"""A coupon that gets its user after it was signed: its code says so from then on, and an older one is over."""

import asyncio
from collections.abc import Sequence
from typing import Any

import psycopg
import pytest

from gasolinera.config import Settings
from gasolinera.coupon import consuming, coupons, qr
from gasolinera.coupon.codes import number_of
from gasolinera.coupon.display import live_text
from gasolinera.coupon.issuing import Issuer, open_batch
from gasolinera.coupon.models_coupons import NewBatch
from gasolinera.coupon.queries_coupons import assign_listed
from gasolinera.coupon_calls import Found, Refused, Shown
from gasolinera.database import Database, RequestContext, open_database
from gasolinera.keyring import load_keyring
from tests.coupon.at_hand import DRIVER, OTHER_DRIVER
from tests.schema.coupon_rows import new_campaign

Admin = psycopg.Connection[Any]
Row = tuple[str, int, bytes, bytes]
CONTEXT = RequestContext(actor="somebody")


@pytest.fixture(autouse=True)
def nothing_is_left_to_sign(admin: Admin) -> None:
    """The sample's coupons wait for whoever has the key."""
    admin.execute("DELETE FROM coupon_schema.code_renewals")


def issued(admin: Admin) -> list[Row]:
    return admin.execute(
        "SELECT coupon_code, dense_index, qr_payload, qr_signature FROM coupon_schema.coupons"
        " WHERE qr_payload IS NOT NULL ORDER BY dense_index"
    ).fetchall()


def flags(row: Row) -> int:
    return qr.unpack(row[2]).flags


def with_issuer(settings: Settings, work: Any) -> Any:
    async def opened() -> Any:
        async with open_database(settings, "coupon") as db:
            return await work(db, Issuer(db, load_keyring(settings)))

    return asyncio.run(opened())


async def issue(db: Database, issuer: Issuer, count: int) -> None:
    async with db.transaction(CONTEXT) as conn:
        await open_batch(conn, NewBatch(campaign_code="TEST", count=count))
    while await issuer.step():
        pass


async def assign(db: Database, codes: Sequence[str]) -> None:
    """The first one by itself, the others by a list."""
    async with db.transaction(CONTEXT) as conn:
        await coupons.assign(conn, codes[0], DRIVER)
        listed = {number: (code, OTHER_DRIVER) for number, code in enumerate(codes[1:], 2)}
        assert await assign_listed(conn, listed) == set(listed)


def test_an_assigned_coupon_is_signed_anew_as_somebodys_and_is_good_live_alone(
    settings: Settings, admin: Admin
) -> None:
    new_campaign(admin, station_scope="LISTED")

    async def work(db: Database, issuer: Issuer) -> list[Any]:
        await issue(db, issuer, 4)
        before = issued(admin)
        assert [flags(row) for row in before] == [qr.LISTED_STATIONS] * 4
        await assign(db, [row[0] for row in before[:3]])
        assert await issuer.step() == 3
        assert await issuer.step() == 0
        after = issued(admin)
        keyring = load_keyring(settings)
        found = [
            await consuming.find(db, keyring, CONTEXT, Shown(text=text, method="QR_SCAN"))
            for row in (before[0], after[0], before[3])
            for text in (qr.as_text(row[2], row[3]), live_text(row[2], row[3], keyring, now=keyring.clock()))
        ]
        return [before, after, found]

    before, after, found = with_issuer(settings, work)
    assert [flags(row) for row in after] == [qr.LISTED_STATIONS | qr.PERSONAL | qr.LIVE_ONLY] * 3 + [qr.LISTED_STATIONS]
    assert after[3] == before[3], "nobody's coupon keeps its code"
    for old, new in zip(before, after, strict=True):
        first, second = qr.unpack(old[2]), qr.unpack(new[2])
        assert (first.dense_index, first.coupon) == (second.dense_index, second.coupon) == (new[1], number_of(new[0]))
        assert (first.value, first.valid_from, first.valid_until) == (
            second.value,
            second.valid_from,
            second.valid_until,
        )
    picture = Refused(("NOT_LIVE",))
    assert [found[0], found[2]] == [picture, picture]
    assert found[1] == found[3]
    assert all(isinstance(one, Found) and one.user_id == DRIVER and one.is_signed for one in (found[1], found[3]))
    assert isinstance(found[4], Found), "what is nobody's may be on paper"


def test_two_issuers_at_once_renew_each_code_once_and_pass_over_what_was_cancelled(
    settings: Settings, admin: Admin
) -> None:
    new_campaign(admin)

    async def work(db: Database, issuer: Issuer) -> list[int]:
        await issue(db, issuer, 20)
        codes = [row[0] for row in issued(admin)]
        await assign(db, codes)
        async with db.transaction(CONTEXT) as conn:
            await coupons.cancel(conn, codes[5], "test")
        async with open_database(settings, "coupon") as other_db:
            other = Issuer(other_db, load_keyring(settings))
            return list(await asyncio.gather(issuer.renew_codes(), other.renew_codes(), issuer.renew_codes()))

    assert sum(with_issuer(settings, work)) == 19
    assert sorted(flags(row) for row in issued(admin)) == [0] + [qr.PERSONAL | qr.LIVE_ONLY] * 19
    assert admin.execute("SELECT count(*) FROM coupon_schema.code_renewals").fetchone() == (0,)
