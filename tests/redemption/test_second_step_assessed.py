"""Only the second step uses a coupon, so it is assessed like the first: what the rules block uses none."""

from typing import Any

import pytest

from tests.coupon.at_hand import make_campaign, make_coupon, signed_text
from tests.redemption.desk import ATTENDANT, DRIVER, OTHER_DRIVER, Conn, Desk, problem, totals_disagree


def validated(desk: Desk, admin: Conn, code: str, **pumped: str) -> str:
    body: dict[str, Any] = {"qr": signed_text(admin, code), "fuel_type": "REGULAR", "dispenser_code": "D03"}
    answer = desk.post("/validate", ATTENDANT, body | pumped)
    assert answer.status_code == 201, answer.text
    return answer.json()["redemption"]["transaction_reference"]


def assessed(admin: Conn, reference: str) -> list[Any]:
    return admin.execute(
        "SELECT action_taken FROM redemption_schema.fraud_detection_log WHERE transaction_reference = %s"
        " ORDER BY created_at",
        (reference,),
    ).fetchall()


@pytest.fixture
def codes(admin: Conn) -> list[str]:
    """Three coupons of one driver; buying twice for the same is what the rules stop."""
    admin.execute(
        "UPDATE redemption_schema.fraud_rules SET is_enabled = rule_name = 'duplicate_purchase', points = 100"
    )
    campaign = make_campaign(admin, "TWICE", raffle_tickets_per_coupon=2)
    return [make_coupon(admin, campaign) for _ in range(3)]


def test_an_amount_that_was_not_validated_is_assessed_and_may_be_blocked(
    desk: Desk, admin: Conn, codes: list[str]
) -> None:
    first = validated(desk, admin, codes[0], amount="500")
    assert desk.post(f"/{first}/complete", ATTENDANT, {"amount": "500"}).status_code == 200
    assert assessed(admin, first) == [("ALLOWED",), ("ALLOWED",)]
    second = validated(desk, admin, codes[1], amount="300")
    blocked = desk.post(f"/{second}/complete", ATTENDANT, {"amount": "500"})
    assert problem(blocked) == (403, "redemption.blocked")
    assert problem(desk.post(f"/{second}/complete", ATTENDANT, {"amount": "500"})) == (403, "redemption.blocked")
    assert assessed(admin, second) == [("ALLOWED",), ("BLOCKED",)]
    found = admin.execute(
        "SELECT r.status, r.failure_code, c.usage_count FROM redemption_schema.redemptions AS r"
        " JOIN coupon_schema.coupons AS c ON c.coupon_code = r.coupon_code WHERE r.transaction_reference = %s",
        (second,),
    ).fetchone()
    assert found == ("FAILED", "FRAUD_BLOCKED", 0)
    third = validated(desk, admin, codes[2], amount="300")
    done = desk.post(f"/{third}/complete", ATTENDANT, {"amount": "310"})
    assert (done.status_code, done.json()["discount_amount"]) == (200, "31.00")
    assert assessed(admin, third) == [("ALLOWED",), ("ALLOWED",)]
    assert totals_disagree(admin) == []


def test_what_was_only_validated_stops_nobody_and_what_was_used_since_stops_the_second_step(
    desk: Desk, admin: Conn, codes: list[str]
) -> None:
    lost = validated(desk, admin, codes[0], amount="500")
    again = validated(desk, admin, codes[0], amount="500")
    other = validated(desk, admin, codes[1], amount="500")
    assert desk.post(f"/{again}/complete", ATTENDANT, {"amount": "500"}).status_code == 200
    assert problem(desk.post(f"/{other}/complete", ATTENDANT, {"amount": "500"})) == (403, "redemption.blocked")
    assert [assessed(admin, one) for one in (lost, again, other)] == [
        [("ALLOWED",)],
        [("ALLOWED",)] * 2,
        [("ALLOWED",), ("BLOCKED",)],
    ]


def test_a_coupon_of_several_uses_is_no_duplicate_of_itself(desk: Desk, admin: Conn) -> None:
    admin.execute("UPDATE redemption_schema.fraud_rules SET is_enabled = rule_name = 'duplicate_coupon', points = 100")
    campaign = make_campaign(admin, "SHARED")
    code = make_coupon(admin, campaign, user_id=None, max_usage=2)
    for customer in (DRIVER, OTHER_DRIVER):
        body = {
            "code": code,
            "fuel_type": "REGULAR",
            "dispenser_code": "D03",
            "amount": "500",
            "customer": str(customer.user_id),
        }
        answer = desk.post("", ATTENDANT, body)
        assert answer.status_code == 201, answer.text
    kept = admin.execute("SELECT is_shared FROM redemption_schema.redemptions WHERE coupon_code = %s", (code,))
    assert kept.fetchall() == [(True,), (True,)]
