"""Which coupon a text means: what is none of ours, a picture, or long over is refused and recorded."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import psycopg

from gasolinera.config import Settings
from gasolinera.coupon import consuming
from gasolinera.coupon_calls import Found, Refused, Shown
from gasolinera.database import Database, RequestContext
from gasolinera.keyring import Keyring, load_keyring
from tests.coupon.at_hand import DRIVER, make_campaign, make_coupon, signed_text

Conn = psycopg.Connection[Any]
Run = Callable[[Callable[[Database], Awaitable[Any]]], Any]
CONTEXT = RequestContext(actor="service:redemption", correlation_id="c-1", ip_address="192.0.2.7")


def find(run: Run, keyring: Keyring, text: str, method: Any) -> Found | Refused:
    shown = Shown(text=text, method=method, station_code="JSM001", employee_number="EMP000022")
    return run(lambda db: consuming.find(db, keyring, CONTEXT, shown))


def test_a_code_is_found_typed_in_groups_and_scanned_with_its_signature(
    run: Run, admin: Conn, settings: Settings
) -> None:
    keyring = load_keyring(settings)
    code = make_coupon(admin, make_campaign(admin, "FOUND"))
    found: dict[str, Any] = {"coupon_code": code, "campaign_code": "FOUND", "currency": "MXN", "user_id": DRIVER}
    typed = f"{code[:4]}-{code[4:8]} {code[8:]}".lower()
    assert find(run, keyring, typed, "MANUAL_ENTRY") == Found(**found, is_signed=False)
    assert find(run, keyring, signed_text(admin, code), "QR_SCAN") == Found(**found, is_signed=True)
    shared = make_coupon(admin, make_campaign(admin, "SHARED"), max_usage=2)
    assert find(run, keyring, shared, "MANUAL_ENTRY") == Found(
        coupon_code=shared, campaign_code="SHARED", currency="MXN", user_id=DRIVER, is_signed=False, is_shared=True
    )


def test_a_picture_of_a_wallet_is_worth_nothing_without_its_moment_either(
    run: Run, admin: Conn, settings: Settings
) -> None:
    keyring = load_keyring(settings)
    owned = signed_text(admin, make_coupon(admin, make_campaign(admin, "WALLET")))
    bearer = signed_text(admin, make_coupon(admin, make_campaign(admin, "PAPER"), None))
    assert [len(owned), len(bearer)] == [154, 142]
    assert find(run, keyring, owned[:-12], "QR_SCAN") == Refused(("NOT_LIVE",))
    assert isinstance(find(run, keyring, bearer, "QR_SCAN"), Found)
    recorded = admin.execute(
        "SELECT detail->>'error' FROM coupon_schema.coupon_validation_attempts ORDER BY id DESC LIMIT 1"
    ).fetchone()
    assert recorded == ("qr.not_live",)


def test_what_is_no_coupon_of_ours_is_refused_and_recorded(run: Run, admin: Conn, settings: Settings) -> None:
    keyring = load_keyring(settings)
    code = make_coupon(admin, make_campaign(admin, "FORGED"))
    good = signed_text(admin, code)
    forged = signed_text(admin, code, seed=b"\x08" * 32, is_known=False)
    unknown = signed_text(admin, code, key_id=202, is_known=False)
    shown = [(forged, "QR_SCAN"), (unknown, "QR_SCAN"), (good[:-6], "QR_SCAN"), (code[:-1], "MANUAL_ENTRY")]
    answers = [find(run, keyring, text, method) for text, method in [*shown, ("\0\n", "QR_SCAN")]]
    assert [answer.reasons[0] if isinstance(answer, Refused) else "" for answer in answers] == [
        "INVALID_SIGNATURE",
        "INVALID_SIGNATURE",
        "INVALID_CODE",
        "INVALID_CODE",
        "INVALID_CODE",
    ]
    recorded = admin.execute(
        "SELECT result, count(*) FROM coupon_schema.coupon_validation_attempts"
        " WHERE ip_address = '192.0.2.7' AND coupon_id IS NULL GROUP BY result ORDER BY result"
    ).fetchall()
    assert recorded == [("INVALID_CODE", 3), ("INVALID_SIGNATURE", 2)]


def test_a_code_that_says_itself_that_it_is_over_is_refused_unless_a_request_may_be_repeated(
    run: Run, admin: Conn, settings: Settings
) -> None:
    keyring = load_keyring(settings)
    code = make_coupon(admin, make_campaign(admin, "OVER"))
    long_over = signed_text(admin, code, good_for=-timedelta(hours=25))
    assert find(run, keyring, long_over, "QR_SCAN") == Refused(("EXPIRED",))
    row = admin.execute(
        "SELECT coupon_id FROM coupon_schema.coupon_validation_attempts"
        " WHERE result = 'EXPIRED' ORDER BY id DESC LIMIT 1"
    ).fetchone()
    assert row == (None,), "no coupon was looked for"
    just_over = signed_text(admin, code, good_for=-timedelta(hours=23))
    assert isinstance(find(run, keyring, just_over, "QR_SCAN"), Found)
