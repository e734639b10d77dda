"""Codes as a wallet shows them, of any age."""

from datetime import UTC, datetime, timedelta

from gasolinera.coupon import display, qr
from tests.coupon.at_hand import signed_text
from tests.redemption.desk import Conn, Desk


def live_code(desk: Desk, admin: Conn, coupon_code: str, *, age_s: float) -> str:
    signed = qr.read(signed_text(admin, coupon_code))
    now = datetime.now(UTC) - timedelta(seconds=age_s)
    return display.live_text(signed.body, signed.signature, desk.keyring, now=now)
