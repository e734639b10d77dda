"""Journeys of redemptions through HTTP: one request, two steps, cancelled, looked at, refused."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from gasolinera.redemption import receipts
from tests.coupon.at_hand import make_campaign, make_coupon, signed_text
from tests.redemption.desk import (
    ADMINISTRATOR,
    ATTENDANT,
    DRIVER,
    MANAGER,
    OTHER_ATTENDANT,
    OTHER_DRIVER,
    Conn,
    Desk,
    problem,
    totals_disagree,
    user,
)


def campaign(admin: Conn, code: str = "TEN", **terms: Any) -> int:
    return make_campaign(admin, code, raffle_tickets_per_coupon=2, raffle_code="MONTHLY-2026-12", **terms)


def asked(code: str, **more: Any) -> dict[str, Any]:
    pumped = {"litres": "20.000", "price_per_litre": "23.905"}
    return {"code": code, "fuel_type": "REGULAR", "dispenser_code": "D03"} | pumped | more


def test_a_typed_coupon_is_redeemed_with_amounts_tickets_and_event(desk: Desk, admin: Conn) -> None:
    code = make_coupon(admin, campaign(admin))
    answer = desk.post("", ATTENDANT, asked(code))
    assert answer.status_code == 201, answer.text
    told = answer.json()
    # 20 litres at 23.905 are 478.10; 10 % of it is 47.81.
    assert {name: told[name] for name in ("original_amount", "discount_amount", "final_amount", "tickets_earned")} == {
        "original_amount": "478.10",
        "discount_amount": "47.81",
        "final_amount": "430.29",
        "tickets_earned": 2,
    }
    assert (told["status"], told["validation_method"], told["user_id"]) == ("COMPLETED", "MANUAL_ENTRY", str(user(51)))
    event = admin.execute(
        "SELECT payload FROM redemption_schema.outbox_events WHERE event_type = 'redemption.completed'"
        " AND aggregate_key = %s",
        (told["transaction_reference"],),
    ).fetchone()
    assert event is not None
    wanted = ("reference", "user_id", "station_code", "employee_number", "fuel_type", "final_amount", "fuel_litres")
    assert {name: event[0][name] for name in wanted} == {
        "reference": told["transaction_reference"],
        "user_id": str(user(51)),
        "station_code": "JSM001",
        "employee_number": "EMP000022",
        "fuel_type": "REGULAR",
        "final_amount": "430.29",
        "fuel_litres": "20.000",
    }
    assert totals_disagree(admin) == []


def test_the_same_request_gets_the_same_answer_and_another_one_under_its_key_is_refused(
    desk: Desk, admin: Conn
) -> None:
    code = make_coupon(admin, campaign(admin), max_usage=5)
    key = str(uuid4())
    first = desk.post("", ATTENDANT, asked(code), key)
    again = desk.post("", ATTENDANT, asked(code), key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert problem(desk.post("", ATTENDANT, asked(code, litres="21.000"), key)) == (422, "idempotency.other_payload")
    uses = admin.execute("SELECT usage_count FROM coupon_schema.coupons WHERE coupon_code = %s", (code,)).fetchone()
    assert uses == (1,)


def test_a_scanned_code_tells_every_reason_and_a_typed_one_the_same_each_time(desk: Desk, admin: Conn) -> None:
    picky = campaign(admin, fuel_types=["PREMIUM"], minimum_purchase=Decimal(1000))
    code = make_coupon(admin, picky)
    scanned = desk.post("", ATTENDANT, asked(code) | {"qr": signed_text(admin, code), "code": None})
    assert problem(scanned) == (409, "coupon.fuel_not_eligible")
    assert "minimum" in scanned.json()["hint"]
    suspended = make_coupon(admin, picky, status="SUSPENDED", status_reason="Seen in two cities.")
    unknown = "0" * 13
    typed = [desk.post("", ATTENDANT, asked(shown)) for shown in (code, suspended, unknown, "not a code")]
    assert {(answer.status_code, answer.text) for answer in typed} == {(409, typed[0].text)}
    assert typed[0].json()["code"] == "coupon.not_redeemable"
    shown = desk.post("", ATTENDANT, asked(suspended) | {"qr": signed_text(admin, suspended), "code": None})
    assert problem(shown) == (423, "coupon.suspended")
    refused = admin.execute(
        "SELECT DISTINCT failure_code FROM redemption_schema.redemptions WHERE validation_method = 'MANUAL_ENTRY'"
        " AND status = 'FAILED' AND coupon_code IN (%s, %s)",
        (code, suspended),
    ).fetchall()
    assert refused == [("COUPON_REFUSED",)]
    assert totals_disagree(admin) == []


def test_a_refused_request_is_refused_again_under_its_key_although_the_coupon_is_good_meanwhile(
    desk: Desk, admin: Conn
) -> None:
    code = make_coupon(admin, campaign(admin), status="SUSPENDED", status_reason="Seen in two cities.")
    text, key = signed_text(admin, code), str(uuid4())
    body = {"qr": text, "fuel_type": "REGULAR", "amount": "500", "dispenser_code": "D03"}
    assert problem(desk.post("", ATTENDANT, body, key)) == (423, "coupon.suspended")
    admin.execute("UPDATE coupon_schema.coupons SET status = 'ACTIVE' WHERE coupon_code = %s", (code,))
    assert problem(desk.post("", ATTENDANT, body, key)) == (423, "coupon.suspended")
    assert desk.post("", ATTENDANT, body).status_code == 201


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"amount": "478.11"}, (422, "redemption.amount_mismatch")),
        ({"litres": None}, (422, "redemption.fuel")),
        ({"litres": None, "price_per_litre": None}, (422, "redemption.amount")),
        ({"litres": "20.0001"}, (422, "redemption.fuel")),
        ({"litres": "NaN"}, (422, "redemption.fuel")),
        ({"litres": "-1"}, (422, "redemption.fuel")),
        ({"litres": None, "price_per_litre": None, "amount": "5e90"}, (422, "redemption.amount")),
        ({"amount": "1E-999999999"}, (422, "redemption.amount")),
        ({"amount": "sNaN"}, (422, "redemption.amount")),
        ({"litres": "sNaN"}, (422, "redemption.fuel")),
        ({"litres": "1E-999999999"}, (422, "redemption.fuel")),
        ({"litres": None, "price_per_litre": None, "amount": "1E-999999999"}, (422, "redemption.amount")),
        ({"litres": None, "price_per_litre": None, "amount": "478.10000"}, (201, "")),
        ({"qr": "GC1:X"}, (422, "redemption.coupon")),
        ({"code": None}, (422, "redemption.coupon")),
        ({"discount_amount": "400"}, (422, "request.invalid")),
    ],
)
def test_amounts_are_computed_and_never_believed(
    desk: Desk, admin: Conn, change: dict[str, Any], expected: tuple[int, str]
) -> None:
    code = make_coupon(admin, campaign(admin))
    assert problem(desk.post("", ATTENDANT, asked(code) | change)) == expected


def test_a_coupon_that_names_nobody_needs_a_customer(desk: Desk, admin: Conn) -> None:
    code = make_coupon(admin, campaign(admin), None)
    body = asked(code) | {"code": None, "qr": signed_text(admin, code)}
    assert problem(desk.post("", ATTENDANT, body)) == (422, "redemption.customer_needed")
    answer = desk.post("", ATTENDANT, asked(code, customer=str(user(52))))
    assert (answer.status_code, answer.json()["user_id"]) == (201, str(user(52)))


def test_nobody_redeems_who_does_not_work_there_now(desk: Desk, admin: Conn) -> None:
    code = make_coupon(admin, campaign(admin))
    assert problem(desk.post("", DRIVER, asked(code))) == (403, "auth.not_permitted")
    assert problem(desk.post("", ADMINISTRATOR, asked(code))) == (403, "redemption.not_employed")
    for change in ("is_active = false", "may_process_transactions = false", "station_code = 'JSM002'"):
        admin.execute(f"UPDATE redemption_schema.employments SET {change} WHERE employee_number = 'EMP000022'".encode())
        assert problem(desk.post("", ATTENDANT, asked(code))) == (403, "redemption.not_employed")
        admin.execute(
            "UPDATE redemption_schema.employments SET is_active = true, may_process_transactions = true,"
            " station_code = 'JSM001' WHERE employee_number = 'EMP000022'"
        )
    assert desk.post("", ATTENDANT, asked(code)).status_code == 201


def test_two_steps_validate_pump_and_complete_with_what_was_pumped(desk: Desk, admin: Conn) -> None:
    code = make_coupon(admin, campaign(admin))
    first = desk.post(
        "/validate", ATTENDANT, {"code": code, "fuel_type": "REGULAR", "amount": "500", "dispenser_code": "D03"}
    )
    assert first.status_code == 201, first.text
    assert (first.json()["discount_amount"], first.json()["raffle_tickets"]) == ("50.00", 2)
    redemption = first.json()["redemption"]
    assert redemption["status"] == "PENDING"
    uses = admin.execute("SELECT usage_count FROM coupon_schema.coupons WHERE coupon_code = %s", (code,)).fetchone()
    assert uses == (0,)
    path = f"/{redemption['transaction_reference']}/complete"
    pumped = {"litres": "18.5", "price_per_litre": "24", "amount": "444"}
    assert problem(desk.post(path, OTHER_ATTENDANT, pumped)) == (404, "redemption.unknown")
    done = desk.post(path, ATTENDANT, pumped)
    assert done.status_code == 200, done.text
    assert (done.json()["final_amount"], done.json()["fuel_litres"], done.json()["status"]) == (
        "399.60",
        "18.500",
        "COMPLETED",
    )
    assert desk.post(path, ATTENDANT, pumped).json() == done.json()
    assert problem(desk.post(path, ATTENDANT, pumped | {"litres": "18.4", "amount": None})) == (
        422,
        "idempotency.other_payload",
    )
    assert totals_disagree(admin) == []


def test_a_validated_coupon_that_somebody_else_uses_meanwhile_is_refused_at_the_second_step(
    desk: Desk, admin: Conn
) -> None:
    code = make_coupon(admin, campaign(admin), None)
    text = signed_text(admin, code)
    body = {"qr": text, "fuel_type": "REGULAR", "amount": "500", "dispenser_code": "D03", "customer": str(user(51))}
    validated = desk.post("/validate", ATTENDANT, body).json()["redemption"]["transaction_reference"]
    assert desk.post("", OTHER_ATTENDANT, body | {"customer": str(user(52))}).status_code == 201
    assert problem(desk.post(f"/{validated}/complete", ATTENDANT, {"amount": "500"})) == (409, "coupon.already_used")
    assert totals_disagree(admin) == []


@pytest.mark.parametrize(("policy", "coupon", "uses"), [("RESTORE", "RESTORED", 0), ("FORFEIT", "FORFEITED", 1)])
def test_a_cancellation_takes_tickets_back_and_gives_what_the_policy_says(
    desk: Desk, admin: Conn, policy: str, coupon: str, uses: int
) -> None:
    code = make_coupon(admin, campaign(admin, cancellation_policy=policy))
    reference = desk.post("", ATTENDANT, asked(code)).json()["transaction_reference"]
    path, body = f"/{reference}/cancel", {"reason": "The customer paid without the coupon."}
    assert problem(desk.post(path, DRIVER, body)) == (403, "auth.not_permitted")
    assert problem(desk.post(path, OTHER_ATTENDANT, body)) == (404, "redemption.unknown")
    first = desk.post(path, ATTENDANT, body)
    assert (first.status_code, first.json()["coupon"]) == (200, coupon), first.text
    assert first.json()["redemption"]["status"] == "CANCELLED"
    assert desk.post(path, ATTENDANT, body).json() == first.json()
    found = admin.execute("SELECT usage_count FROM coupon_schema.coupons WHERE coupon_code = %s", (code,)).fetchone()
    assert found == (uses,)
    told = admin.execute(
        "SELECT count(*) FROM redemption_schema.outbox_events WHERE event_type = 'redemption.cancelled'"
        " AND aggregate_key = %s",
        (reference,),
    ).fetchone()
    assert told == (1,)
    assert totals_disagree(admin) == []


def test_the_time_to_cancel_grows_with_who_asks(desk: Desk, admin: Conn) -> None:
    code = make_coupon(admin, campaign(admin, cancellation_policy="RESTORE"))
    reference = desk.post("", ATTENDANT, asked(code)).json()["transaction_reference"]
    admin.execute("ALTER TABLE redemption_schema.redemptions DISABLE TRIGGER USER")
    admin.execute(
        "UPDATE redemption_schema.redemptions SET created_at = now() - interval '1 hour',"
        " completed_at = now() - interval '1 hour' WHERE transaction_reference = %s",
        (reference,),
    )
    admin.execute("ALTER TABLE redemption_schema.redemptions ENABLE TRIGGER USER")
    path, body = f"/{reference}/cancel", {"reason": "Too late for some."}
    assert problem(desk.post(path, ATTENDANT, body)) == (409, "redemption.too_late")
    one_factor = msgspec.structs.replace(ADMINISTRATOR, has_second_factor=False)
    assert problem(desk.post(path, one_factor, body)) == (403, "auth.second_factor_needed")
    assert desk.post(path, MANAGER, body).status_code == 200


def test_what_was_validated_only_is_cancelled_without_touching_the_coupon(desk: Desk, admin: Conn) -> None:
    code = make_coupon(admin, campaign(admin))
    body = {"code": code, "fuel_type": "REGULAR", "amount": "500", "dispenser_code": "D03"}
    reference = desk.post("/validate", ATTENDANT, body).json()["redemption"]["transaction_reference"]
    cancelled = desk.post(f"/{reference}/cancel", ATTENDANT, {"reason": "The customer drove off."})
    assert (cancelled.status_code, cancelled.json()["coupon"]) == (200, None)
    assert problem(desk.post(f"/{reference}/complete", ATTENDANT, {"amount": "500"})) == (410, "redemption.over")
    assert desk.post("", ATTENDANT, asked(code)).status_code == 201


def test_everybody_sees_what_is_theirs_to_see(desk: Desk, admin: Conn) -> None:
    shared = campaign(admin)
    mine, other = make_coupon(admin, shared), make_coupon(admin, shared, user(52))
    here = desk.post("", ATTENDANT, asked(mine)).json()["transaction_reference"]
    there = desk.post("", OTHER_ATTENDANT, asked(other)).json()["transaction_reference"]

    def newest(path: str, caller: Any) -> str:
        items = desk.get(path, caller).json()["items"]
        return items[0]["transaction_reference"]

    assert newest("", DRIVER) == here
    assert newest("", OTHER_DRIVER) == there
    assert newest("", ATTENDANT) == here
    assert newest("?station=JSM002", ADMINISTRATOR) == there
    assert newest("", ADMINISTRATOR) == there
    assert problem(desk.get("?station=JSM002", ATTENDANT)) == (403, "auth.other_station")
    assert desk.get(f"/{here}", DRIVER).json()["transaction_reference"] == here
    assert [problem(desk.get(f"/{there}", caller)) for caller in (DRIVER, ATTENDANT, MANAGER)] == [
        (404, "redemption.unknown")
    ] * 3
    assert desk.get(f"/{there}", ADMINISTRATOR).status_code == 200


def test_a_list_is_read_page_by_page_without_gap_or_repetition(desk: Desk, admin: Conn) -> None:
    many = campaign(admin)
    for _ in range(5):
        desk.post("", OTHER_ATTENDANT, asked(make_coupon(admin, many, user(60))))
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = desk.get(f"?status=COMPLETED&limit=2{cursor and '&cursor=' + cursor}", OTHER_ATTENDANT).json()
        seen += [item["transaction_reference"] for item in page["items"]]
        cursor = page["next_cursor"]
    expected = admin.execute(
        "SELECT transaction_reference FROM redemption_schema.redemptions WHERE station_code = 'JSM002'"
        " AND status = 'COMPLETED' ORDER BY created_at DESC, id DESC"
    ).fetchall()
    assert len(seen) >= 5
    assert seen == [row[0] for row in expected]


def test_what_the_fraud_rules_block_never_asks_for_its_coupon(desk: Desk, admin: Conn) -> None:
    admin.execute("UPDATE redemption_schema.fraud_thresholds SET flagged_from = 1, review_from = 1, blocked_from = 1")
    shared = campaign(admin)
    codes = [make_coupon(admin, shared) for _ in range(12)]
    text = signed_text(admin, codes[-1])
    answers = [desk.post("", ATTENDANT, asked(code, device_id="phone-1")) for code in codes[:-1]]
    last = desk.post("", ATTENDANT, asked(codes[-1], device_id="phone-1") | {"qr": text, "code": None})
    assert problem(last) == (403, "redemption.blocked"), [answer.status_code for answer in answers]
    used = admin.execute(
        "SELECT usage_count FROM coupon_schema.coupons WHERE coupon_code = %s", (codes[-1],)
    ).fetchone()
    assert used == (0,)
    assert totals_disagree(admin) == []


def test_a_completion_says_where_the_receipts_of_its_tickets_are(desk: Desk, admin: Conn) -> None:
    told = desk.post("", ATTENDANT, asked(make_coupon(admin, campaign(admin)))).json()
    link = told["receipts"]
    keys = receipts.keys_of(receipts.published_keys(desk.keyring).keys)
    for caller in (DRIVER, ATTENDANT, ADMINISTRATOR):
        answer = desk.client.get(link, headers=desk.headers(caller))
        assert answer.status_code == 200, answer.text
        (issuance,) = answer.json()
        said = receipts.verify(issuance["receipt"], keys)
        assert (said.count, said.reference, said.raffle) == (2, told["transaction_reference"], "MONTHLY-2026-12")
        assert list(said.numbers) == issuance["ticket_numbers"]
        assert receipts.belongs_to(said, user(51))
    kept = admin.execute(
        "SELECT t.ticket_number FROM redemption_schema.raffle_tickets AS t JOIN redemption_schema.redemptions AS r"
        " ON r.id = t.redemption_id WHERE r.transaction_reference = %s ORDER BY t.ordinal",
        (told["transaction_reference"],),
    ).fetchall()
    assert [row[0] for row in kept] == issuance["ticket_numbers"]
    for stranger in (OTHER_DRIVER, OTHER_ATTENDANT):
        assert problem(desk.client.get(link, headers=desk.headers(stranger))) == (404, "redemption.unknown")
    assert desk.get(f"/{told['transaction_reference']}", DRIVER).json()["receipts"] == link
    without = make_coupon(admin, make_campaign(admin, "NONE", raffle_tickets_per_coupon=0))
    assert desk.post("", ATTENDANT, asked(without)).json()["receipts"] is None
