"""Refusals that must not tell, and redemptions that nobody may make for himself or for nobody."""

from base64 import urlsafe_b64encode
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.coupon.at_hand import make_campaign, make_coupon, signed_text
from tests.redemption.desk import (
    ADMINISTRATOR,
    ATTENDANT,
    DRIVER,
    OTHER_ATTENDANT,
    Conn,
    Desk,
    due_now,
    employed,
    problem,
    totals_disagree,
    user,
)
from tests.redemption.live_codes import live_code

BODY = {"fuel_type": "REGULAR", "dispenser_code": "D03", "amount": "500"}
LATER = timedelta(minutes=2)
NOT_REDEEMABLE = (409, "coupon.not_redeemable")


def bearer(admin: Conn, code: str = "BEARER", **terms: Any) -> str:
    return make_coupon(admin, make_campaign(admin, code, raffle_tickets_per_coupon=2), None, **terms)


def test_nobody_redeems_for_himself(desk: Desk, admin: Conn) -> None:
    campaign = make_campaign(admin, "SELF", raffle_tickets_per_coupon=2)
    own, nobodys = make_coupon(admin, campaign, user(22)), make_coupon(admin, campaign, None)
    scanned = BODY | {"qr": live_code(desk, admin, own, age_s=0)}
    assert problem(desk.post("", ATTENDANT, scanned)) == (403, "redemption.own")
    assert problem(desk.post("/validate", ATTENDANT, scanned)) == (403, "redemption.own")
    for code in (own, nobodys, "0" * 13):
        named = BODY | {"code": code, "customer": str(user(22))}
        assert problem(desk.post("", ATTENDANT, named)) == (403, "redemption.own")
    assert problem(desk.post("", ATTENDANT, BODY | {"code": own})) == NOT_REDEEMABLE
    # Nor by the second step of what a colleague has begun.
    colleague = employed(24, "JSM001")
    admin.execute(
        "UPDATE redemption_schema.employments SET station_code = 'JSM001' WHERE employee_number = 'EMP000024'"
    )
    begun = desk.post("/validate", colleague, scanned)
    assert begun.status_code == 201, begun.text
    path = f"/{begun.json()['redemption']['transaction_reference']}/complete"
    assert problem(desk.post(path, ATTENDANT, {"amount": "500"})) == (403, "redemption.own")
    assert desk.post(path, colleague, {"amount": "500"}).json()["tickets_earned"] == 2
    assert totals_disagree(admin) == []


def test_a_customer_is_named_who_has_an_account(desk: Desk, admin: Conn) -> None:
    code = bearer(admin)
    body = BODY | {"qr": signed_text(admin, code)}
    for nobody in (uuid4(), user(52)):
        admin.execute("UPDATE auth_schema.users SET is_active = false WHERE public_id = %s", (user(52),))
        for path in ("", "/validate"):
            answer = desk.post(path, ATTENDANT, body | {"customer": str(nobody)})
            assert problem(answer) == (422, "redemption.customer")
    assert desk.post("", ATTENDANT, body | {"customer": str(user(51))}).status_code == 201


def test_an_erased_account_redeems_nothing_although_its_coupon_is_good(desk: Desk, admin: Conn) -> None:
    code = make_coupon(admin, make_campaign(admin, "GONE", raffle_tickets_per_coupon=2))
    admin.execute("INSERT INTO redemption_schema.erased_users (user_id, erased_at) VALUES (%s, now())", (user(51),))
    body, key = BODY | {"qr": signed_text(admin, code)}, str(uuid4())
    for _ in range(2):
        assert problem(desk.post("", ATTENDANT, body, key)) == NOT_REDEEMABLE
    uses = admin.execute("SELECT usage_count FROM coupon_schema.coupons WHERE coupon_code = %s", (code,)).fetchone()
    assert uses == (0,)
    assert totals_disagree(admin) == []


def test_a_typed_code_that_does_not_fit_its_request_is_refused_like_one_that_does_not_exist(
    desk: Desk, admin: Conn
) -> None:
    pesos, colones = make_campaign(admin, "PESOS"), make_campaign(admin, "COLONES", currency="CRC")
    misfits: dict[str, tuple[str, dict[str, str]]] = {
        "of another currency": (make_coupon(admin, pesos), {"currency": "CRC"}),
        "with cents for colones": (make_coupon(admin, colones), {"amount": "500.50"}),
        "of nobody": (make_coupon(admin, pesos, None), {}),
    }
    for what, (code, change) in misfits.items():
        typed = [desk.post("", ATTENDANT, BODY | change | {"code": shown}) for shown in (code, "0" * 13)]
        assert [problem(answer) for answer in typed] == [NOT_REDEEMABLE] * 2, what
        assert typed[0].text == typed[1].text
        wrong = [desk.post("", ATTENDANT, BODY | {"code": shown, "amount": "0"}) for shown in (code, "0" * 13)]
        assert [problem(answer) for answer in wrong] == [(422, "redemption.amount")] * 2, what
    scanned = BODY | {"currency": "CRC", "qr": signed_text(admin, misfits["of another currency"][0])}
    assert problem(desk.post("", ATTENDANT, scanned)) == (422, "redemption.currency")


def test_one_key_for_two_purchases_does_not_tell_whether_a_typed_code_exists(desk: Desk, admin: Conn) -> None:
    used = make_coupon(admin, make_campaign(admin, "USED"))
    assert desk.post("", ATTENDANT, BODY | {"code": used}).status_code == 201
    for code in (used, "0" * 13):
        key = str(uuid4())
        for amount in ("500", "600"):
            answer = desk.post("", ATTENDANT, BODY | {"code": code, "amount": amount}, key)
            assert problem(answer) == NOT_REDEEMABLE, (code, amount)


def test_who_tries_codes_does_not_find_them_in_the_list_nor_the_driver_why_he_was_refused(
    desk: Desk, admin: Conn
) -> None:
    code = make_coupon(admin, make_campaign(admin, "HIDDEN"), status="SUSPENDED", status_reason="Seen twice.")
    assert problem(desk.post("", ATTENDANT, BODY | {"code": code})) == NOT_REDEEMABLE
    (typed,) = _references(admin, code)
    for caller, path in ((ATTENDANT, "?status=FAILED"), (DRIVER, "?status=FAILED")):
        assert typed not in {item["transaction_reference"] for item in desk.get(path, caller).json()["items"]}
        assert problem(desk.get(f"/{typed}", caller)) == (404, "redemption.unknown")
    listed = desk.get("?status=FAILED&station=JSM001", ADMINISTRATOR).json()["items"]
    assert [item["campaign_code"] for item in listed if item["transaction_reference"] == typed] == ["HIDDEN"]
    scanned = BODY | {"qr": signed_text(admin, code)}
    assert problem(desk.post("", ATTENDANT, scanned)) == (423, "coupon.suspended")
    (shown,) = set(_references(admin, code)) - {typed}
    assert desk.get(f"/{shown}", ATTENDANT).json()["failure_code"] == "SUSPENDED"
    own = desk.get(f"/{shown}", DRIVER).json()
    assert (own["failure_code"], own["failure_reason"]) == ("COUPON_REFUSED", "The coupon was not redeemable.")
    (listed_own,) = [item for item in desk.get("", DRIVER).json()["items"] if item["transaction_reference"] == shown]
    assert listed_own == own


def test_an_old_picture_of_the_own_code_is_no_guess(desk: Desk, admin: Conn) -> None:
    code = make_coupon(admin, make_campaign(admin, "WALLET", raffle_tickets_per_coupon=2))
    for age_s in range(70, 79):
        old = BODY | {"qr": live_code(desk, admin, code, age_s=age_s), "device_id": "phone-1"}
        assert problem(desk.post("", ATTENDANT, old)) == (409, "coupon.not_live")
    assert admin.execute("SELECT count(*) FROM redemption_schema.code_refusals").fetchone() == (0,)
    fresh = BODY | {"qr": live_code(desk, admin, code, age_s=0), "device_id": "phone-1"}
    assert desk.post("", ATTENDANT, fresh).status_code == 201
    told = admin.execute(
        "SELECT action_taken, risk_score FROM redemption_schema.fraud_detection_log WHERE device_id = 'phone-1'"
    ).fetchall()
    assert told == [("ALLOWED", 0)]


def test_a_request_whose_live_code_is_over_meanwhile_gets_the_same_answer(desk: Desk, admin: Conn) -> None:
    code = make_coupon(admin, make_campaign(admin, "LATE", raffle_tickets_per_coupon=2))
    key, shown = str(uuid4()), live_code(desk, admin, code, age_s=0)
    body = BODY | {"qr": shown}
    first = desk.post("", ATTENDANT, body, key)
    assert first.status_code == 201, first.text
    before = desk.keyring.clock
    try:
        desk.keyring.clock = lambda: before() + LATER
        assert desk.post("", ATTENDANT, body, key).json() == first.json()
        assert problem(desk.post("", ATTENDANT, body | {"amount": "501"}, key)) == (422, "idempotency.other_payload")
        assert problem(desk.post("", OTHER_ATTENDANT, body, key)) == (409, "coupon.not_live")
    finally:
        desk.keyring.clock = before
    assert totals_disagree(admin) == []


def test_a_second_step_comes_within_its_time(desk: Desk, admin: Conn) -> None:
    code = make_coupon(admin, make_campaign(admin, "SLOW", raffle_tickets_per_coupon=2))
    begun = desk.post("/validate", ATTENDANT, BODY | {"qr": signed_text(admin, code)}).json()["redemption"]
    due_now(admin)
    path = f"/{begun['transaction_reference']}/complete"
    assert problem(desk.post(path, ATTENDANT, {"amount": "500"})) == (410, "redemption.over")
    uses = admin.execute("SELECT usage_count FROM coupon_schema.coupons WHERE coupon_code = %s", (code,)).fetchone()
    assert uses == (0,)


@pytest.mark.parametrize(
    ("path", "position"),
    [
        ("", '["RedemptionPosition","0001-01-01T00:00:00+14:00",5]'),
        ("", '["RedemptionPosition","9999-12-31T23:00:00-14:00",5]'),
        ("/fraud/reviews", '["OpenReviewPosition",1099511627776,"2026-11-23T00:00:00Z",5]'),
        ("/fraud/reviews", '["OpenReviewPosition",50,"9999-12-31T23:00:00-14:00",5]'),
    ],
)
def test_a_forged_cursor_is_refused(desk: Desk, path: str, position: str) -> None:
    cursor = urlsafe_b64encode(position.encode()).decode().rstrip("=")
    assert problem(desk.get(f"{path}?cursor={cursor}", ADMINISTRATOR)) == (422, "request.cursor")


def _references(admin: Conn, code: str) -> list[str]:
    query = "SELECT transaction_reference FROM redemption_schema.redemptions WHERE coupon_code = %s"
    return [row[0] for row in admin.execute(query, (code,)).fetchall()]
