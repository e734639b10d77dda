"""Coupon and redemption service in two processes: the same over HTTP; and who works where comes by event."""

import asyncio
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import uvicorn
from litestar.testing import TestClient

from gasolinera.auth.parts import PARTS as AUTH
from gasolinera.authentication import tokens_of
from gasolinera.config import Settings
from gasolinera.coupon.parts import PARTS as COUPON
from gasolinera.coupon_calls import open_coupons
from gasolinera.events import Event
from gasolinera.keyring import load_keyring
from gasolinera.redemption.employments import take_employee_changed
from gasolinera.redemption.parts import PARTS as REDEMPTION
from gasolinera.redemption.recovery import recover
from tests.applications import create_app
from tests.coupon.at_hand import make_campaign, make_coupon, signed_text
from tests.redemption.desk import ATTENDANT, Conn, Desk, due_now, open_services, problem, totals_disagree, user
from tests.schema.redemption_steps import begin

NOWHERE = "http://127.0.0.1:9"
BODY = {"fuel_type": "REGULAR", "amount": "500", "dispenser_code": "D03"}


@pytest.fixture
def coupon_url(settings: Settings) -> Generator[str]:
    """The coupon service, answering on a port of its own."""
    config = uvicorn.Config(create_app(settings, [COUPON]), host="127.0.0.1", port=0, log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@contextmanager
def desk_beside(settings: Settings, coupon_url: str) -> Generator[Desk]:
    """The redemption service, without the coupon service."""
    known = settings.model_copy(update={"coupon_url": coupon_url})
    app = create_app(known, [AUTH, REDEMPTION])
    with TestClient(app, raise_server_exceptions=False) as opened:
        yield Desk(app, opened)


def test_a_coupon_of_another_process_is_redeemed_refused_and_given_back(
    settings: Settings, admin: Conn, coupon_url: str
) -> None:
    admin.execute("UPDATE redemption_schema.fraud_rules SET is_enabled = false")
    shared = make_campaign(admin, "REMOTE", raffle_tickets_per_coupon=2, cancellation_policy="RESTORE")
    code = make_coupon(admin, shared)
    text = signed_text(admin, code)
    with desk_beside(settings, coupon_url) as desk:
        done = desk.post("", ATTENDANT, BODY | {"qr": text})
        assert (done.status_code, done.json().get("discount_amount")) == (201, "50.00"), done.text
        assert problem(desk.post("", ATTENDANT, BODY | {"qr": text})) == (409, "coupon.already_used")
        assert problem(desk.post("", ATTENDANT, BODY | {"code": "0" * 13})) == (409, "coupon.not_redeemable")
        path = f"/{done.json()['transaction_reference']}/cancel"
        assert desk.post(path, ATTENDANT, {"reason": "Paid without it."}).json()["coupon"] == "RESTORED"
        told = admin.execute(
            "SELECT DISTINCT requested_by, host(ip_address) FROM coupon_schema.coupon_validation_attempts AS a"
            " JOIN coupon_schema.coupons AS c ON c.id = a.coupon_id WHERE c.coupon_code = %s",
            (code,),
        ).fetchall()
        own = admin.execute(
            "SELECT DISTINCT created_by, host(ip_address) FROM redemption_schema.redemptions WHERE coupon_code = %s",
            (code,),
        ).fetchall()
        assert told == own, "of who asked, not of the service between"
        validated = desk.post("/validate", ATTENDANT, BODY | {"qr": text})
        assert validated.json()["final_amount"] == "450.00"
    assert totals_disagree(admin) == []


def test_a_coupon_service_that_is_away_is_no_refusal(settings: Settings, admin: Conn, coupon_url: str) -> None:
    code, key = make_coupon(admin, make_campaign(admin, "AWAY")), str(uuid4())
    with desk_beside(settings, NOWHERE) as desk:
        assert problem(desk.post("", ATTENDANT, BODY | {"code": code}, key)) == (503, "coupons.unavailable")
    with desk_beside(settings, coupon_url) as desk:
        assert desk.post("", ATTENDANT, BODY | {"code": code}, key).status_code == 201


def test_the_newest_word_about_an_employment_says_who_may_redeem(settings: Settings, admin: Conn) -> None:
    def word(version: int, permissions: tuple[str, ...], *, is_active: bool = True) -> Event:
        told: dict[str, Any] = {
            "employee_number": "EMP000099",
            "user_id": str(user(99)),
            "station_code": "JSM003",
            "role": "EMPLOYEE",
            "permissions": permissions,
            "active": is_active,
            "version": version,
        }
        return Event(
            id=uuid4(),
            type="employee.changed",
            source="urn:gasolinera:station",
            aggregate="employee",
            subject="EMP000099",
            time=datetime.now(UTC) - timedelta(minutes=version),  # clocks step back, versions do not
            data=told,
        )

    async def take(*events: Event) -> None:
        async with open_services(settings) as services:
            for event in events:
                async with services.db.transaction() as conn:
                    await take_employee_changed(conn, event)

    def may() -> bool:
        found = admin.execute("SELECT redemption_schema.may_process('EMP000099', %s, 'JSM003')", (user(99),)).fetchone()
        return bool(found and found[0])

    process = ("may_process_transactions", "may_handle_cash")
    asyncio.run(take(word(1, process)))
    assert may()
    asyncio.run(take(word(3, ("may_handle_cash",)), word(2, process)))
    assert not may()
    asyncio.run(take(word(4, process)))
    assert may()
    asyncio.run(take(word(5, (), is_active=False)))
    assert not may()


def test_the_recovery_asks_the_other_process(settings: Settings, admin: Conn, coupon_url: str) -> None:
    begin(admin)
    due_now(admin)

    async def run() -> int:
        keyring = load_keyring(settings)
        known = settings.model_copy(update={"coupon_url": coupon_url})
        async with (
            open_services(settings) as services,
            open_coupons(known, {}, None, keyring, tokens_of(keyring, "redemption")) as coupons,
        ):
            return await recover(services.db, coupons)

    assert asyncio.run(run()) == 1
    assert totals_disagree(admin) == []
