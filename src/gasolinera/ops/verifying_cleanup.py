"""Closing what a verification has made, whether its run ended, failed or was killed: it is found by its marks."""

from typing import Final

import httpx
import psycopg

from gasolinera.ops.verifying_asking import (
    CAMPAIGN,
    CUSTOMER,
    EMPLOYEE_NUMBER,
    REASON,
    STATION,
    Platform,
    WrongError,
)
from gasolinera.ops.verifying_journeys import (
    NOT_FOUND,
    OPEN_COUPONS,
    TOLD,
    SeenCampaign,
    SeenCancelled,
    SeenCoupon,
    SeenStation,
)

_RETIRED: Final = b"""
UPDATE auth_schema.users SET is_active = false WHERE public_id = %(user)s AND is_active RETURNING 1
"""
_DISMISSED: Final = b"DELETE FROM redemption_schema.employments WHERE employee_number = %(number)s RETURNING 1"
_OPEN_REDEMPTIONS: Final = b"""
SELECT transaction_reference FROM redemption_schema.redemptions
 WHERE station_code = %(station)s AND status = 'COMPLETED' AND user_id = %(user)s
"""


def clean(platform: Platform) -> str:
    """What this run made, and what an earlier one left: each by its marks, each on its own."""
    seen: list[str] = []
    troubles: list[str] = []
    for what in (_cancel_redemptions, _cancel_coupons, _pause_campaign, _dismiss, _close_station, _retire):
        try:
            seen += what(platform)
        except (WrongError, httpx.HTTPError, psycopg.Error) as error:
            troubles.append(f"{what.__name__.strip('_').replace('_', ' ')}: {error}")
    if troubles:
        raise WrongError("; ".join(troubles))
    return ", ".join(seen)


def _cancel_redemptions(platform: Platform) -> list[str]:
    values = {"station": STATION, "user": CUSTOMER}
    references = [row[0] for row in platform.rows("redemption", _OPEN_REDEMPTIONS, values)]
    for reference in references:
        path = f"/api/redemptions/{reference}/cancel"
        platform.post("redemption", path, {"reason": REASON}, platform.administrator()).read(SeenCancelled)
    return [f"{len(references)} redemptions cancelled"] if references else []


def _cancel_coupons(platform: Platform) -> list[str]:
    codes = [row[0] for row in platform.rows("coupon", OPEN_COUPONS, {"campaign": CAMPAIGN})]
    for code in codes:
        path = f"/api/coupons/{code}/cancel"
        platform.post("coupon", path, {"reason": REASON}, platform.administrator()).read(SeenCoupon)
    return [f"{len(codes)} coupons cancelled"] if codes else []


def _pause_campaign(platform: Platform) -> list[str]:
    if platform.keyring is None:
        return []
    chief = platform.administrator()
    found = platform.get("coupon", f"/api/campaigns/{CAMPAIGN}", chief)
    if found.status == NOT_FOUND or found.read(SeenCampaign).status != "ACTIVE":
        return []
    platform.post("coupon", f"/api/campaigns/{CAMPAIGN}/status", {"status": "PAUSED"}, chief).read(SeenCampaign)
    return ["the campaign paused"]


def _dismiss(platform: Platform) -> list[str]:
    return ["the attendant dismissed"] if platform.rows("redemption", _DISMISSED, {"number": EMPLOYEE_NUMBER}) else []


def _close_station(platform: Platform) -> list[str]:
    found = platform.get("station", f"/api/stations/{STATION}")
    if found.status == NOT_FOUND or found.read(SeenStation).status != "ACTIVE":
        return []
    body = {"status": "INACTIVE", "reason": REASON}
    platform.post("station", f"/api/stations/{STATION}/status", body, platform.administrator()).read(SeenStation)
    return ["the station closed"]


def _retire(platform: Platform) -> list[str]:
    """Last, and told to the others: they know of the account what auth knows."""
    if not platform.rows("auth", _RETIRED, {"user": CUSTOMER}):
        return []
    platform.rows("auth", TOLD, {"user": CUSTOMER})
    return ["the account deactivated"]
