"""What was scanned or typed: the question to the coupon service, and the note of a guess."""

import re
from datetime import datetime
from typing import Final
from uuid import UUID

from gasolinera import coupon_calls
from gasolinera.coupon_calls import Refused
from gasolinera.database import Database, RequestContext
from gasolinera.errors import InputError
from gasolinera.redemption import fraud
from gasolinera.redemption.models_fraud import RefusedAs, RefusedCode
from gasolinera.redemption.queries import Employee

_GUESSES: Final = frozenset(RefusedAs)
_CODE: Final = re.compile(r"[0-9A-TV-Za-tv-z]{13}")
_BETWEEN: Final = re.compile(r"[\s\u2010-\u2014\u2212-]")  # what people put between its groups


def is_like_a_code(text: str) -> bool:
    """A typed one, as far as one sees without knowing coupons: whether it is one its own service says."""
    return _CODE.fullmatch(_BETWEEN.sub("", text)) is not None


def shown_to(
    who: Employee | UUID,
    *,
    qr: str | None,
    code: str | None,
    device_id: str | None = None,
    seen_at: datetime | None = None,
) -> coupon_calls.Shown:
    """To the employee who serves, or at the pump by the driver; `seen_at`: when, if not now. Raises InputError."""
    text = qr or code
    if text is None or (qr is not None and code is not None):
        raise InputError("redemption.coupon", "one of qr and code says which coupon it is")
    employee = who if isinstance(who, Employee) else None
    return coupon_calls.Shown(
        text=text,
        method="QR_SCAN" if qr is not None else "MANUAL_ENTRY",
        station_code=None if employee is None else employee.station_code,
        employee_number=None if employee is None else employee.employee_number,
        user_id=who if isinstance(who, UUID) else None,
        device_id=device_id,
        at=seen_at,
    )


async def note_guess(db: Database, context: RequestContext, shown: coupon_calls.Shown, refused: Refused) -> None:
    """What nobody has signed, or no coupon has, is noted for the fraud rules; what we signed ourselves is no guess."""
    if refused.reasons[0] not in _GUESSES:
        return
    guess = RefusedCode(
        code=shown.text,
        reason=RefusedAs(refused.reasons[0]),
        station_code=shown.station_code,
        employee_number=shown.employee_number,
        user_id=shown.user_id,
        device_id=shown.device_id,
    )
    async with db.transaction(context) as conn:
        await fraud.note_refused_code(conn, guess)
