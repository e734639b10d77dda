"""The only reader of `queries_coupons.sql`: one typed function a query."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from gasolinera.coupon.models_coupons import (
    CouponFilter,
    CouponStatus,
    ExportedCoupon,
    ListedCoupon,
    ListedWalletCoupon,
    PaperCampaign,
)
from gasolinera.database import Connection, fetch_all, fetch_optional, load_sql

_SQL = load_sql("gasolinera.coupon", "queries_coupons.sql")
# By whether they come the first issued first.
_LIST_ALL = {False: _SQL["list_all"], True: _SQL["list_all_up"]}
_LIST_OF_CAMPAIGN = {False: _SQL["list_of_campaign"], True: _SQL["list_of_campaign_up"]}
_LIST_OF_USER = {False: _SQL["list_of_user"], True: _SQL["list_of_user_up"]}
_GET_COUPON = _SQL["get_coupon"]
_CHANGE_STATUS = _SQL["change_status"]
_ASSIGN_COUPON = _SQL["assign_coupon"]
_ASSIGN_LISTED = _SQL["assign_listed"]
_HAS_COUPONS_OF = _SQL["has_coupons_of"]
_GRANT_LISTED = _SQL["grant_listed"]
_MY_COUPONS = _SQL["my_coupons"]
_EXPIRE_COUPONS = _SQL["expire_coupons"]
_EXPORT_OF_BATCH = _SQL["export_of_batch"]
_EXPORT_OF_CAMPAIGN = _SQL["export_of_campaign"]
_BATCH_RANGE = _SQL["batch_range"]
_CAMPAIGN_ON_PAPER = _SQL["campaign_on_paper"]
_LOG_EXPORT = _SQL["log_export"]


class BatchRange(msgspec.Struct, frozen=True):
    first_dense_index: int
    requested_count: int
    campaign_code: str


async def search(
    conn: Connection, wanted: CouponFilter, *, is_up: bool, after: int | None, limit: int
) -> list[ListedCoupon]:
    common = (wanted.status, wanted.is_assigned, after, limit)
    if wanted.user_id is not None:
        return await fetch_all(conn, ListedCoupon, _LIST_OF_USER[is_up], *common, wanted.user_id, wanted.campaign_code)
    if wanted.campaign_code is not None:
        return await fetch_all(conn, ListedCoupon, _LIST_OF_CAMPAIGN[is_up], *common, wanted.campaign_code)
    return await fetch_all(conn, ListedCoupon, _LIST_ALL[is_up], *common)


async def get_coupon(conn: Connection, code: str) -> ListedCoupon | None:
    return await fetch_optional(conn, ListedCoupon, _GET_COUPON, code)


async def change_status(
    conn: Connection, code: str, status: CouponStatus, *, after: Sequence[CouponStatus], reason: str, action: str
) -> ListedCoupon | None:
    return await fetch_optional(conn, ListedCoupon, _CHANGE_STATUS, code, status, list(after), reason, action)


async def assign_coupon(conn: Connection, code: str, user_id: UUID) -> ListedCoupon | None:
    return await fetch_optional(conn, ListedCoupon, _ASSIGN_COUPON, code, user_id)


async def assign_listed(conn: Connection, wanted: Mapping[int, tuple[str, UUID]]) -> set[int]:
    return {record["row_number"] for record in await conn.fetch(_ASSIGN_LISTED, *_columns(wanted))}


async def coupons_of(conn: Connection, wanted: Mapping[int, tuple[str, UUID]]) -> dict[int, bool]:
    """The rows whose coupon exists, and whether it is theirs."""
    found = await conn.fetch(_HAS_COUPONS_OF, *_columns(wanted))
    return {record["row_number"]: record["is_theirs"] for record in found}


def _columns(wanted: Mapping[int, tuple[str, UUID]]) -> tuple[list[int], list[str], list[UUID]]:
    return list(wanted), [code for code, _ in wanted.values()], [user_id for _, user_id in wanted.values()]


async def grant_listed(conn: Connection, campaign_code: str, users: Sequence[UUID]) -> int | None:
    """How many are new; None when the campaign is not open."""
    count: int | None = await conn.fetchval(_GRANT_LISTED, campaign_code, list(users))
    return count


async def my_coupons(
    conn: Connection, user_id: UUID, *, after: tuple[datetime, int] | None, with_past: bool, limit: int
) -> list[ListedWalletCoupon]:
    valid_until, coupon_id = after or (None, 0)
    return await fetch_all(conn, ListedWalletCoupon, _MY_COUPONS, user_id, valid_until, coupon_id, with_past, limit)


async def expire_coupons(conn: Connection, limit: int) -> int:
    count = await conn.fetchval(_EXPIRE_COUPONS, limit)
    assert isinstance(count, int), "count() always counts"
    return count


async def export_of_batch(conn: Connection, *, first: int, end: int, limit: int) -> list[ExportedCoupon]:
    return await fetch_all(conn, ExportedCoupon, _EXPORT_OF_BATCH, first, end, limit)


async def export_of_campaign(conn: Connection, campaign_code: str, *, after: int, limit: int) -> list[ExportedCoupon]:
    return await fetch_all(conn, ExportedCoupon, _EXPORT_OF_CAMPAIGN, campaign_code, after, limit)


async def batch_range(conn: Connection, batch_id: UUID) -> BatchRange | None:
    return await fetch_optional(conn, BatchRange, _BATCH_RANGE, batch_id)


async def campaign_on_paper(conn: Connection, campaign_code: str) -> PaperCampaign | None:
    return await fetch_optional(conn, PaperCampaign, _CAMPAIGN_ON_PAPER, campaign_code)


async def log_export(conn: Connection, campaign_code: str, what: msgspec.Struct) -> None:
    await conn.execute(_LOG_EXPORT, campaign_code, msgspec.to_builtins(what))
