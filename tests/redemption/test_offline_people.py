"""Without a connection nobody redeems who could not with one, and nobody has an honest customer stopped later."""

import asyncio
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from gasolinera.auth.service import find_user
from gasolinera.calls import local_users
from gasolinera.config import Settings
from gasolinera.database import open_database
from gasolinera.redemption import offline
from tests.coupon.at_hand import make_campaign, make_coupon, signed_text
from tests.redemption.desk import (
    ADMINISTRATOR,
    DRIVER,
    MANAGER,
    OTHER_ATTENDANT,
    OTHER_DRIVER,
    Conn,
    Desk,
    open_services,
    problem,
    totals_disagree,
    user,
)
from tests.redemption.offline_steps import Till, set_limits

SECOND_ADMINISTRATOR = msgspec.structs.replace(ADMINISTRATOR, user_id=user(2))


def scanned(admin: Conn, campaign: str, owner: Any = DRIVER.user_id) -> str:
    """The text of a new coupon of 10 %."""
    return signed_text(admin, make_coupon(admin, make_campaign(admin, campaign), owner))


def resolve(desk: Desk, till: Till, sequence: int, caller: Any, resolution: str) -> Any:
    body = {"resolution": resolution, "notes": "The till was told by telephone."}
    return desk.client.post(
        f"/api/redemptions/offline/conflicts/{till.code}/{sequence}/resolve", json=body, headers=desk.headers(caller)
    )


def outcome(answer: Any) -> tuple[str, str | None]:
    assert answer.status_code == 200, answer.text
    return answer.json()["status"], answer.json()["reason"]


def test_who_has_no_active_account_redeems_nothing(desk: Desk, admin: Conn, till: Till) -> None:
    texts = [scanned(admin, f"NOBODY{number}", None) for number in range(2)]
    admin.execute("UPDATE auth_schema.users SET is_active = false WHERE public_id = %s", (user(52),))
    entries = [till.took(texts[0], customer=str(uuid4())), till.took(texts[1], customer=str(OTHER_DRIVER.user_id))]
    assert till.states(entries) == [("CONFLICT", "CUSTOMER_UNKNOWN")] * 2
    assert outcome(resolve(desk, till, 1, ADMINISTRATOR, "ACCEPT")) == ("CONFLICT", "CUSTOMER_UNKNOWN")
    admin.execute("INSERT INTO redemption_schema.erased_users (user_id, erased_at) VALUES (%s, now())", (user(51),))
    assert till.states([till.took(scanned(admin, "ERASED"), customer="-")]) == [("CONFLICT", "USER_NOT_ELIGIBLE")]


def test_the_worker_asks_who_a_customer_is_as_well(settings: Settings, admin: Conn, till: Till) -> None:
    entries = [
        till.took(scanned(admin, "GUEST", None), customer=str(uuid4())),
        till.took(scanned(admin, "KNOWN", None), customer=str(OTHER_DRIVER.user_id)),
    ]
    assert len(till.states(entries)) == 2
    # As if the request had ended before it settled them.
    admin.execute(
        "UPDATE redemption_schema.offline_redemptions SET status = 'RECEIVED', reason = NULL, settle_at = now()"
        " WHERE transaction_reference IS NULL"
    )

    async def work() -> None:
        async with open_services(settings) as services, open_database(settings, "auth") as auth:
            await offline.settle_left(services.db, offline.Asked(services.coupons, local_users(auth, find_user)))

    asyncio.run(work())
    assert till.states(entries) == [("CONFLICT", "CUSTOMER_UNKNOWN"), ("SETTLED", None)]


def test_switching_a_station_off_ends_the_lease_of_a_terminal_that_has_told_everything(
    desk: Desk, admin: Conn, till: Till
) -> None:
    before = till.took(scanned(admin, "BEFORE"))
    set_limits(desk, is_enabled=False)
    assert problem(till.open_lease()) == (409, "offline.unsynced")
    assert till.states([before]) == [("SETTLED", None)], "taken while it was allowed"
    assert problem(till.open_lease()) == (403, "offline.not_enabled")
    assert till.states([till.took(scanned(admin, "AFTER"))]) == [("CONFLICT", "NO_LEASE")]


def test_who_left_after_serving_is_accepted_by_the_chain_and_who_served_himself_never(
    desk: Desk, admin: Conn, till: Till
) -> None:
    served = till.took(scanned(admin, "SERVED"))
    himself = till.took(scanned(admin, "HIMSELF", user(22)), customer="-")
    admin.execute("UPDATE redemption_schema.employments SET is_active = false WHERE employee_number = 'EMP000022'")
    assert till.states([served, himself]) == [("CONFLICT", "NOT_EMPLOYED"), ("CONFLICT", "SERVED_HIMSELF")]
    assert outcome(resolve(desk, till, 1, ADMINISTRATOR, "ACCEPT")) == ("SETTLED", None)
    assert outcome(resolve(desk, till, 2, ADMINISTRATOR, "ACCEPT")) == ("CONFLICT", "SERVED_HIMSELF")
    assert totals_disagree(admin) == []


def test_what_was_taken_elsewhere_hours_ago_does_not_stop_its_customer_now(desk: Desk, admin: Conn, till: Till) -> None:
    for station, latitude in (("JSM001", 19.4), ("JSM002", 20.9)):  # 167 km
        admin.execute(
            "INSERT INTO redemption_schema.station_positions (station_code, latitude, longitude, as_of)"
            " VALUES (%s, %s, -99.1, now()) ON CONFLICT (station_code) DO UPDATE SET latitude = excluded.latitude,"
            " longitude = excluded.longitude",
            (station, latitude),
        )
    assert till.states([till.took(scanned(admin, "MORNING"))]) == [("SETTLED", None)]
    online = {"qr": scanned(admin, "NOON"), "fuel_type": "REGULAR", "amount": "300", "dispenser_code": "D01"}
    answer = desk.post("", OTHER_ATTENDANT, online)
    assert answer.status_code == 201, answer.text
    judged = admin.execute(
        "SELECT risk_score FROM redemption_schema.fraud_detection_log WHERE transaction_reference = %s",
        (answer.json()["transaction_reference"],),
    ).fetchone()
    assert judged == (0,)


@pytest.mark.parametrize(("price", "state"), [("23.999", ("SETTLED", None)), ("24.010", ("CONFLICT", "OTHER_AMOUNT"))])
def test_the_amount_is_that_of_litres_and_price(admin: Conn, till: Till, price: str, state: Any) -> None:
    # 20.835 x 23.999 = 500.019165: rounded, and half up; x 24.010 = 500.24835
    entry = till.took(scanned(admin, "PRICED"), amount="500.02", litres="20.835", price=price)
    assert till.states([entry]) == [state]


def test_nobody_accepts_what_turns_out_to_be_his_own(desk: Desk, admin: Conn, till: Till) -> None:
    mine = till.took(scanned(admin, "MINE", ADMINISTRATOR.user_id), amount="700.00", discount="70.00", customer="-")
    assert till.states([mine]) == [("CONFLICT", "OVER_CAP")]
    assert outcome(resolve(desk, till, 1, ADMINISTRATOR, "ACCEPT")) == ("CONFLICT", "OWN_CASE")
    assert problem(resolve(desk, till, 1, ADMINISTRATOR, "ACCEPT")) == (403, "offline.own_case")
    assert outcome(resolve(desk, till, 1, SECOND_ADMINISTRATOR, "ACCEPT")) == ("SETTLED", None)


def test_a_station_does_not_let_the_chain_bear_its_discounts(desk: Desk, till: Till) -> None:
    manager = msgspec.structs.replace(MANAGER, has_second_factor=True)
    assert till.states([till.took("GC1:0000")]) == [("CONFLICT", "INVALID_CODE")]
    assert problem(resolve(desk, till, 1, manager, "WRITTEN_OFF")) == (403, "offline.accept")
    assert resolve(desk, till, 1, manager, "CLAIMED").json()["resolution"] == "CLAIMED"
