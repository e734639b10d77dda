"""A terminal that signs a request says where it was redeemed; without one a dispenser does."""

from typing import Any
from uuid import uuid4

import msgspec
from nacl.signing import SigningKey

from tests.coupon.at_hand import make_campaign, make_coupon
from tests.redemption.desk import ADMINISTRATOR, ATTENDANT, Conn, Desk, problem
from tests.station.test_terminals import enrolment, signature

TARGET = "/api/redemptions"


def enrolled(desk: Desk, station: str) -> tuple[str, SigningKey]:
    key = SigningKey.generate()
    headers = desk.headers(ADMINISTRATOR)
    made = desk.client.post(f"/api/stations/{station}/terminals/codes", json={"name": "Caja 9"}, headers=headers)
    sent = enrolment(made.json()["code"], key)
    return desk.client.post("/api/stations/terminals", json=sent).json()["terminal_code"], key


def ask(desk: Desk, body: bytes, terminal: str, key: SigningKey, signed: bytes | None = None) -> Any:
    shown = signature(terminal, key, target=TARGET, body=body if signed is None else signed)
    headers = {"terminal-signature": shown, "content-type": "application/json", "idempotency-key": str(uuid4())}
    return desk.client.post(TARGET, content=body, headers=desk.headers(ATTENDANT) | headers)


def test_a_signed_request_is_redeemed_at_its_terminal_and_a_forged_one_is_not(desk: Desk, admin: Conn) -> None:
    code = make_coupon(admin, make_campaign(admin, "TERMINAL"))
    body = msgspec.json.encode({"code": code, "fuel_type": "REGULAR", "amount": "500"})
    terminal, key = enrolled(desk, "JSM001")
    assert problem(ask(desk, body, terminal, SigningKey.generate())) == (401, "terminal.signature_invalid")
    assert problem(ask(desk, body, terminal, key, b"{}")) == (401, "terminal.signature_invalid")
    elsewhere, other_key = enrolled(desk, "JSM002")
    assert problem(ask(desk, body, elsewhere, other_key)) == (403, "redemption.other_terminal")
    answer = ask(desk, body, terminal, key)
    assert (answer.status_code, answer.json()["terminal_code"]) == (201, terminal), answer.text


def test_without_a_terminal_and_a_dispenser_nobody_knows_where_it_is(desk: Desk, admin: Conn) -> None:
    code = make_coupon(admin, make_campaign(admin, "NOWHERE"))
    body = {"code": code, "fuel_type": "REGULAR", "amount": "500"}
    assert problem(desk.post("", ATTENDANT, body)) == (422, "redemption.place")
