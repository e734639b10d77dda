"""Coupons for new users: one each, signed, whatever comes twice; and none for whoever is erased."""

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from gasolinera.config import Settings
from gasolinera.coupon import qr, welcome
from gasolinera.coupon.events import CONSUMERS
from gasolinera.coupon.issuing import Issuer
from gasolinera.database import Database, open_database
from gasolinera.errors import UnknownError
from gasolinera.events import Event
from gasolinera.inbox import Inbox
from gasolinera.keyring import load_keyring
from tests.schema.coupon_rows import new_campaign, new_coupons

Admin = psycopg.Connection[Any]
NEW = UUID("b0000000-0000-4000-8000-000000000001")


@pytest.fixture(autouse=True)
def nobody_is_welcome(admin: Admin) -> None:
    """Each test says itself which campaigns welcome; the sample has one that does, and coupons yet to be signed."""
    admin.execute("DELETE FROM coupon_schema.welcome_campaigns")
    admin.execute("DELETE FROM coupon_schema.code_renewals")


def event(kind: str, user_id: UUID = NEW, role: str = "CUSTOMER") -> Event:
    return Event(
        id=uuid4(),
        type=kind,
        source="urn:gasolinera:auth",
        aggregate="user",
        subject=str(user_id),
        time=datetime.now(UTC),
        data={"public_id": str(user_id), "role": role, "active": True},
    )


async def take(db: Database, *events: Event) -> None:
    inbox = Inbox("coupon", "coupon_schema", CONSUMERS)
    async with db.transaction() as conn:
        assert await inbox.receive(conn, events) == {}
    while await inbox.work(db):
        pass


async def switch(db: Database, code: str, *, is_on: bool) -> None:
    async with db.transaction() as conn:
        await welcome.set_welcome(conn, code, is_on=is_on)


def run(settings: Settings, work: Any) -> None:
    async def with_database() -> None:
        async with open_database(settings, "coupon") as db:
            steps: Coroutine[Any, Any, None] = work(db, Issuer(db, load_keyring(settings)))
            await steps

    asyncio.run(with_database())


def coupons_of(admin: Admin, user_id: UUID) -> list[Any]:
    return admin.execute(
        "SELECT g.campaign_code, c.status, c.coupon_code, c.qr_payload, c.dense_index FROM coupon_schema.coupons AS c"
        " JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id WHERE c.user_id = %s ORDER BY 1",
        (user_id,),
    ).fetchall()


def test_a_new_customer_gets_one_signed_coupon_of_each_campaign_that_welcomes(settings: Settings, admin: Admin) -> None:
    new_campaign(admin, "HELLO")
    new_campaign(admin, "HOLA")
    new_campaign(admin, "NOT_THIS")
    new_campaign(admin, "NOT_YET", status="DRAFT")

    async def work(db: Database, issuer: Issuer) -> None:
        for code in ("HELLO", "HOLA", "HELLO", "NOT_YET"):
            await switch(db, code, is_on=True)
        first = event("user.registered")
        await take(db, first, first, event("user.registered"), event("user.registered", uuid4(), "EMPLOYEE"))
        while await issuer.step():
            pass
        await take(db, event("user.registered"))
        assert await issuer.step() == 0

    run(settings, work)
    found = coupons_of(admin, NEW)
    assert [row[:2] for row in found] == [("HELLO", "ACTIVE"), ("HOLA", "ACTIVE")]
    for _, _, _, payload, dense_index in found:
        body = qr.unpack(bytes(payload))
        assert (body.flags & qr.PERSONAL, body.dense_index) == (qr.PERSONAL, dense_index)
    told = admin.execute(
        "SELECT payload ->> 'campaign_code', payload ->> 'coupon_code' FROM coupon_schema.outbox_events"
        " WHERE event_type = 'coupon.issued' ORDER BY 1"
    ).fetchall()
    assert told == [(row[0], row[2]) for row in found]
    assert admin.execute("SELECT count(*) FROM coupon_schema.coupon_grants").fetchone() == (2,)


def test_issuers_at_once_owe_nobody_two(settings: Settings, admin: Admin) -> None:
    new_campaign(admin, "HELLO")
    people = [uuid4() for _ in range(250)]

    async def work(db: Database, issuer: Issuer) -> None:
        await switch(db, "HELLO", is_on=True)
        await take(db, *(event("user.registered", person) for person in people))
        others = [Issuer(db, load_keyring(settings)) for _ in range(3)]

        async def until_done(one: Issuer) -> None:
            while await one.step():
                pass

        await asyncio.gather(*map(until_done, (issuer, *others)))

    run(settings, work)
    each = admin.execute(
        "SELECT count(*), count(DISTINCT user_id), count(*) FILTER (WHERE qr_signature IS NOT NULL)"
        " FROM coupon_schema.coupons WHERE user_id = ANY (%s)",
        (people,),
    ).fetchone()
    assert each == (250, 250, 250)


def test_a_campaign_that_welcomes_no_more_gives_none_and_its_switch_is_logged_once(
    settings: Settings, admin: Admin
) -> None:
    new_campaign(admin, "HELLO")

    async def work(db: Database, issuer: Issuer) -> None:
        for is_on in (True, True, False, False):
            await switch(db, "HELLO", is_on=is_on)
        await take(db, event("user.registered"))
        assert await issuer.step() == 0
        with pytest.raises(UnknownError):
            await switch(db, "NOBODY", is_on=True)

    run(settings, work)
    assert coupons_of(admin, NEW) == []
    logged = admin.execute(
        "SELECT new_values FROM coupon_schema.coupon_audit_log WHERE campaign_code = 'HELLO' AND action = "
        "'COUPON_ASSIGNED' ORDER BY id"
    ).fetchall()
    assert logged == [({"every_new_user": True},), ({"every_new_user": False},)]


def test_who_is_erased_leaves_no_coupon_that_anybody_could_use(settings: Settings, admin: Admin) -> None:
    campaign = new_campaign(admin, "HELLO")
    new_coupons(admin, campaign, 2, user=str(NEW))

    async def work(db: Database, issuer: Issuer) -> None:
        await switch(db, "HELLO", is_on=True)
        await take(db, event("user.registered"), event("user.erased"))
        assert await issuer.step() == 0

    run(settings, work)
    assert [row[1] for row in coupons_of(admin, NEW)] == ["CANCELLED", "CANCELLED"]
    assert admin.execute("SELECT count(*) FROM coupon_schema.coupon_grants").fetchone() == (0,)
