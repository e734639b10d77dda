"""The pump's code: the employee shows it, one driver scans it, and it completes once, with a coupon or without."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st
from litestar.testing import TestClient

from gasolinera.config import Settings
from gasolinera.permissions import Caller, Role
from gasolinera.redemption.pump import ticket_amounts
from tests.applications import create_app
from tests.coupon.at_hand import make_campaign, make_coupon, signed_text
from tests.redemption.desk import (
    ATTENDANT,
    DRIVER,
    OTHER_ATTENDANT,
    OTHER_DRIVER,
    Conn,
    Desk,
    problem,
    totals_disagree,
    user,
)
from tests.redemption.live_codes import live_code

WISH = {"dispenser_code": "D03", "currency": "CRC", "amount": "17500", "fuel_type": "REGULAR"}


def show(desk: Desk, **change: Any) -> str:
    answer = desk.post("/pump-codes", ATTENDANT, WISH | change)
    assert answer.status_code == 201, answer.text
    return answer.json()["nonce"]


def scan(desk: Desk, nonce: str, who: Caller = DRIVER) -> Any:
    return desk.post(f"/pump-codes/{nonce}/scan", who, {})


def activate(desk: Desk, nonce: str, who: Caller = DRIVER, **body: Any) -> Any:
    return desk.post(f"/pump-codes/{nonce}/activate", who, body)


def test_five_thousand_colones_are_a_ticket_and_a_rest_is_none(desk: Desk) -> None:
    answer = desk.post("/pump-codes", ATTENDANT, WISH).json()
    assert (answer["base_tickets"], answer["amount"], answer["status"]) == (3, "17500.00", "GENERATED")
    assert answer["link"].endswith(f"/p/{answer['nonce']}")
    multiples = desk.post("/pump-codes", ATTENDANT, {"dispenser_code": "D03", "currency": "CRC", "multiples": 4})
    assert (multiples.json()["base_tickets"], multiples.json()["amount"]) == (4, "20000.00")
    both = desk.post("/pump-codes", ATTENDANT, WISH | {"multiples": 1})
    cents = desk.post("/pump-codes", ATTENDANT, WISH | {"amount": "17500.50"})
    assert [problem(both), problem(cents)] == [(422, "redemption.amount")] * 2


def test_a_driver_scans_and_activates_and_has_the_tickets_of_the_amount_once(desk: Desk, admin: Conn) -> None:
    nonce = show(desk)
    assert problem(activate(desk, nonce)) == (404, "pump.unknown")
    assert scan(desk, nonce).json()["status"] == "SCANNED"
    assert scan(desk, nonce).status_code == 200
    first = activate(desk, nonce)
    assert first.status_code == 201, first.text
    told = first.json()
    assert (told["tickets_earned"], told["coupon_code"], told["final_amount"], told["employee_number"]) == (
        3,
        None,
        "17500.00",
        "EMP000022",
    )
    assert activate(desk, nonce).json() == told
    status = admin.execute("SELECT status FROM redemption_schema.qr_validations WHERE nonce = %s", (nonce,)).fetchone()
    assert status == ("COMPLETED",)
    tickets = admin.execute(
        "SELECT count(*) FROM redemption_schema.raffle_tickets AS t JOIN redemption_schema.redemptions AS r"
        " ON r.id = t.redemption_id WHERE r.transaction_reference = %s",
        (told["transaction_reference"],),
    ).fetchone()
    assert tickets == (3,)
    assert totals_disagree(admin) == []


def test_a_coupon_comes_on_top_and_a_refused_one_leaves_the_code_for_another(desk: Desk, admin: Conn) -> None:
    campaign = make_campaign(admin, "PUMP", raffle_tickets_per_coupon=2, currency="CRC")
    bad = make_coupon(admin, campaign, status="SUSPENDED", status_reason="Seen in two cities.")
    good = make_coupon(admin, campaign)
    nonce = show(desk)
    scan(desk, nonce)
    # A driver is told nothing of why, whatever was shown.
    assert problem(activate(desk, nonce, code=bad)) == (409, "coupon.not_redeemable")
    assert problem(activate(desk, nonce, qr=signed_text(admin, bad))) == (409, "coupon.not_redeemable")
    told = activate(desk, nonce, code=good).json()
    assert (told["tickets_earned"], told["discount_amount"], told["status"]) == (5, "1750.00", "COMPLETED")
    assert problem(activate(desk, nonce)) == (409, "pump.busy")
    assert totals_disagree(admin) == []


def test_of_many_who_scan_at_once_one_has_it(desk: Desk, admin: Conn) -> None:
    nonce = show(desk)
    drivers = [Caller(role=Role.CUSTOMER, user_id=user(number)) for number in range(500, 520)]
    headers = [desk.headers(driver) | {"idempotency-key": str(uuid4())} for driver in drivers]

    def ask(known: dict[str, str]) -> int:
        return desk.client.post(f"/api/redemptions/pump-codes/{nonce}/scan", json={}, headers=known).status_code

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(ask, headers))
    assert sorted(answers) == [200] + [409] * 19
    scanned = admin.execute(
        "SELECT scanned_by FROM redemption_schema.qr_validations WHERE nonce = %s", (nonce,)
    ).fetchone()
    assert scanned == (drivers[answers.index(200)].user_id,)


def test_somebody_elses_code_cannot_be_activated_nor_one_that_is_over(desk: Desk, admin: Conn) -> None:
    taken, late = show(desk), show(desk)
    scan(desk, taken)
    scan(desk, late)
    assert problem(scan(desk, taken, OTHER_DRIVER)) == (409, "pump.taken")
    assert problem(activate(desk, taken, OTHER_DRIVER)) == (404, "pump.unknown")
    admin.execute(
        "UPDATE redemption_schema.qr_validations SET created_at = now() - interval '20 minutes',"
        " expires_at = now() - interval '5 minutes' WHERE nonce = %s",
        (late,),
    )
    assert problem(activate(desk, late)) == (410, "pump.expired")
    assert problem(scan(desk, late, OTHER_DRIVER)) == (409, "pump.taken")
    assert problem(scan(desk, str(uuid4()))) == (404, "pump.unknown")


def test_nobody_scans_the_code_that_he_showed_himself(desk: Desk, admin: Conn) -> None:
    nonce = show(desk)
    assert problem(scan(desk, nonce, ATTENDANT)) == (403, "redemption.own")
    assert problem(activate(desk, nonce, ATTENDANT)) == (404, "pump.unknown")
    assert scan(desk, nonce, OTHER_ATTENDANT).status_code == 200
    assert activate(desk, nonce, OTHER_ATTENDANT).json()["tickets_earned"] == 3
    assert totals_disagree(admin) == []


def test_one_code_earns_no_more_tickets_than_the_setting_says(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"pump_most_tickets": 5}))
    with TestClient(app, raise_server_exceptions=False) as opened:
        desk = Desk(app, opened)
        plain = {"dispenser_code": "D03", "currency": "CRC"}
        assert problem(desk.post("/pump-codes", ATTENDANT, plain | {"multiples": 6})) == (422, "redemption.amount")
        assert desk.post("/pump-codes", ATTENDANT, plain | {"multiples": 5}).json()["base_tickets"] == 5
        assert desk.post("/pump-codes", ATTENDANT, plain | {"amount": "40000"}).json()["base_tickets"] == 5


def test_a_code_of_who_was_dismissed_meanwhile_is_over(desk: Desk, admin: Conn) -> None:
    scanned, waiting, done = show(desk), show(desk), show(desk)
    for nonce in (scanned, done):
        scan(desk, nonce)
    told = activate(desk, done).json()
    admin.execute("UPDATE redemption_schema.employments SET is_active = false WHERE employee_number = 'EMP000022'")
    assert problem(activate(desk, scanned)) == (410, "pump.expired")
    assert problem(scan(desk, waiting)) == (410, "pump.expired")
    assert activate(desk, done).json() == told


def test_what_a_driver_hears_at_a_pump_does_not_depend_on_whether_the_typed_coupon_exists(
    desk: Desk, admin: Conn
) -> None:
    exists = make_coupon(admin, make_campaign(admin, "SECRET", currency="CRC"), user(52))
    unknown = "0" * 13
    without_fuel, late, busy = show(desk, fuel_type=None), show(desk), show(desk)
    for nonce in (without_fuel, late, busy):
        scan(desk, nonce)
    assert activate(desk, busy).status_code == 201
    admin.execute(
        "UPDATE redemption_schema.qr_validations SET created_at = now() - interval '20 minutes',"
        " expires_at = now() - interval '5 minutes' WHERE nonce = %s",
        (late,),
    )
    expected = {
        without_fuel: (409, "coupon.not_redeemable"),
        late: (410, "pump.expired"),
        busy: (409, "pump.busy"),
        str(uuid4()): (404, "pump.unknown"),
    }
    for nonce, answer in expected.items():
        assert [problem(activate(desk, nonce, code=code)) for code in (exists, unknown)] == [answer] * 2
    noted = admin.execute("SELECT count(*) FROM redemption_schema.code_refusals WHERE user_id = %s", (user(51),))
    assert noted.fetchone() == (4,), "who tries codes is noted, whatever he hears"


def test_an_activation_whose_live_code_is_over_meanwhile_gets_the_same_answer(desk: Desk, admin: Conn) -> None:
    coupon = make_coupon(admin, make_campaign(admin, "LIVE", raffle_tickets_per_coupon=2, currency="CRC"))
    nonce = show(desk)
    scan(desk, nonce)
    text = live_code(desk, admin, coupon, age_s=0)
    first = activate(desk, nonce, qr=text)
    assert first.status_code == 201, first.text
    stale = live_code(desk, admin, coupon, age_s=120)
    assert activate(desk, nonce, qr=stale).json() == first.json()
    assert problem(activate(desk, nonce, qr="GC1:AAAA")) == (409, "pump.busy")
    assert problem(activate(desk, show(desk), qr=stale)) == (404, "pump.unknown")
    noted = admin.execute("SELECT count(*) FROM redemption_schema.code_refusals WHERE user_id = %s", (user(51),))
    assert noted.fetchone() == (1,), "what we signed ourselves is no guess"
    assert totals_disagree(admin) == []


def test_only_who_may_process_transactions_shows_codes(desk: Desk, admin: Conn) -> None:
    admin.execute("UPDATE redemption_schema.employments SET may_process_transactions = false")
    assert problem(desk.post("/pump-codes", ATTENDANT, WISH)) == (403, "redemption.not_employed")
    assert problem(desk.post("/pump-codes", DRIVER, WISH)) == (403, "auth.not_permitted")


@given(st.dictionaries(st.sampled_from(["MXN", "CRC", "USD"]), st.integers(1, 9_999_999), min_size=1))
def test_the_rule_is_read_as_it_is_written(amounts: dict[str, int]) -> None:
    rule = ",".join(f"{currency}={amount}" for currency, amount in amounts.items())
    assert ticket_amounts(rule) == amounts


def test_the_drivers_device_is_assessed_at_the_pump_as_elsewhere(desk: Desk, admin: Conn) -> None:
    admin.execute("UPDATE redemption_schema.fraud_rules SET is_enabled = rule_name = 'device_burst'")
    admin.execute(
        "UPDATE redemption_schema.fraud_rules SET points = 100, parameters = parameters || '{\"max_count\": 2}'"
        " WHERE rule_name = 'device_burst'"
    )
    outcomes = list[int]()
    for driver in (DRIVER, OTHER_DRIVER, Caller(role=Role.CUSTOMER, user_id=user(53))):
        nonce = show(desk)
        scan(desk, nonce, driver)
        outcomes.append(activate(desk, nonce, driver, device_id="phone-of-three").status_code)
    assert outcomes == [201, 201, 403], "without a coupon there is none to keep silent about"
    seen = admin.execute(
        "SELECT station_code, employee_number, action_taken FROM redemption_schema.fraud_detection_log"
        " WHERE device_id = 'phone-of-three' ORDER BY created_at"
    ).fetchall()
    assert seen == [("JSM001", "EMP000022", "ALLOWED")] * 2 + [("JSM001", "EMP000022", "BLOCKED")]
