"""The only reader of `queries_pages_campaigns.sql`: one typed function a query."""

from datetime import datetime

from gasolinera.coupon.models_campaigns import CampaignFilter
from gasolinera.coupon.models_pages import (
    Clash,
    CouponAct,
    CouponAttempt,
    CouponPlace,
    CouponUse,
    ListedCampaign,
    NeverNamed,
)
from gasolinera.database import Connection, fetch_all, fetch_one, fetch_optional, load_sql

_SQL = load_sql("gasolinera.coupon", "queries_pages_campaigns.sql")
_CLASHING = _SQL["clashing_campaigns"]
_NEVER_NAMED = _SQL["never_named"]
_BY_CODE = _SQL["list_by_code"]
_BY_CODE_DOWN = _SQL["list_by_code_down"]
_BY_BEGIN = _SQL["list_by_begin"]
_BY_BEGIN_UP = _SQL["list_by_begin_up"]
_USES = _SQL["uses_of_coupon"]
_ATTEMPTS = _SQL["attempts_of_coupon"]
_ACTS = _SQL["acts_on_coupon"]
_PLACE = _SQL["zone_of_coupon"]


async def clashing(conn: Connection, code: str, *, limit: int) -> list[Clash]:
    return await fetch_all(conn, Clash, _CLASHING, code, limit)


async def never_named(conn: Connection, code: str) -> NeverNamed:
    return await fetch_one(conn, NeverNamed, _NEVER_NAMED, code)


async def list_by_code(conn: Connection, wanted: CampaignFilter, *, after: str, limit: int) -> list[ListedCampaign]:
    return await fetch_all(conn, ListedCampaign, _BY_CODE, after, limit, *_values_of(wanted))


async def list_by_code_down(
    conn: Connection, wanted: CampaignFilter, *, before: str | None, limit: int
) -> list[ListedCampaign]:
    return await fetch_all(conn, ListedCampaign, _BY_CODE_DOWN, before, limit, *_values_of(wanted))


async def list_by_begin(
    conn: Connection, wanted: CampaignFilter, *, before: tuple[datetime, int], limit: int
) -> list[ListedCampaign]:
    moment, key = before
    return await fetch_all(conn, ListedCampaign, _BY_BEGIN, moment, limit, *_values_of(wanted), key)


async def list_by_begin_up(
    conn: Connection, wanted: CampaignFilter, *, after: tuple[datetime, int], limit: int
) -> list[ListedCampaign]:
    moment, key = after
    return await fetch_all(conn, ListedCampaign, _BY_BEGIN_UP, moment, limit, *_values_of(wanted), key)


def _values_of(wanted: CampaignFilter) -> tuple[str | bool | None, ...]:
    return wanted.status, wanted.station_code, wanted.text, wanted.is_running


async def uses_of(conn: Connection, coupon_code: str) -> list[CouponUse]:
    return await fetch_all(conn, CouponUse, _USES, coupon_code)


async def attempts_of(conn: Connection, coupon_code: str) -> list[CouponAttempt]:
    return await fetch_all(conn, CouponAttempt, _ATTEMPTS, coupon_code)


async def acts_on(conn: Connection, coupon_code: str) -> list[CouponAct]:
    return await fetch_all(conn, CouponAct, _ACTS, coupon_code)


async def place_of(conn: Connection, coupon_code: str) -> CouponPlace | None:
    return await fetch_optional(conn, CouponPlace, _PLACE, coupon_code)
