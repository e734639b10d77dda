"""The only reader of `queries_issuing.sql`: one typed function a query."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal, cast
from uuid import UUID

import msgspec

from gasolinera.coupon.models_coupons import CHUNK, Batch, ListedBatch, NewBatch, WelcomeCampaign
from gasolinera.database import Connection, fetch_all, fetch_one, fetch_optional, load_sql

_SQL = load_sql("gasolinera.coupon", "queries_issuing.sql")
_OPEN_BATCH = _SQL["open_batch"]
_CAMPAIGN_WINDOW = _SQL["campaign_window"]
_GET_BATCH = _SQL["get_batch"]
_LIST_BATCHES = _SQL["list_batches"]
_CANCEL_BATCH = _SQL["cancel_batch"]
_FIND_WORK = _SQL["find_work"]
_ALLOW_LONGER = _SQL["allow_longer"]
_CLAIM_CHUNK = _SQL["claim_chunk"]
_MARK_CHUNK_ISSUED = _SQL["mark_chunk_issued"]
_FINISH_BATCHES = _SQL["finish_batches"]
_CLAIM_GRANTS = _SQL["claim_grants"]
_DROP_GRANTS = _SQL["drop_grants"]
_GIVE_UP_BATCH = _SQL["give_up_batch"]
_GIVE_UP_GRANT = _SQL["give_up_grant"]
_SETTLE_GRANTS = _SQL["settle_grants"]
_CLAIM_RENEWALS = _SQL["claim_renewals"]
_RENEW_CODES = _SQL["renew_codes"]
_GRANT_WELCOME = _SQL["grant_welcome"]
_SET_WELCOME = _SQL["set_welcome"]
_UNSET_WELCOME = _SQL["unset_welcome"]
_LIST_WELCOME = _SQL["list_welcome"]
_SHARE_WITH_ERASURES = _SQL["share_with_erasures"]
_HOLD_ERASURES = _SQL["hold_erasures"]
_HOLD_COUPONS_OF_USER = _SQL["hold_coupons_of_user"]
_CANCEL_COUPONS_OF_USER = _SQL["cancel_coupons_of_user"]


class CampaignWindow(msgspec.Struct, frozen=True):
    status: str
    valid_from: datetime
    valid_until: datetime
    is_over: bool


class Work(msgspec.Struct, frozen=True):
    """What waits to be issued."""

    has_grants: bool
    has_batches: bool
    has_renewals: bool


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What coupons are issued under, and the dense index of the first of them."""

    campaign_id: int
    campaign_code: str
    is_for_listed_stations: bool
    first_dense_index: int
    discount_type: Literal["PERCENTAGE", "FIXED_AMOUNT"]
    discount_value: Decimal
    maximum_discount: Decimal | None
    minimum_purchase: Decimal
    currency: Literal["MXN", "CRC", "USD"]
    raffle_tickets: int
    valid_from: datetime
    valid_until: datetime
    max_usage: int


class Chunk(Terms, frozen=True, kw_only=True):
    batch_id: int
    chunk: int
    coupon_count: int
    sent: tuple[bytes | None, ...]  # of the columns of Terms from campaign_id on, in their order


class Grant(Terms, frozen=True, kw_only=True):
    user_id: UUID


class Renewal(Terms, frozen=True, kw_only=True):
    coupon_id: int
    coupon_code: str


class FinishedBatch(msgspec.Struct, frozen=True):
    batch_id: UUID
    campaign_code: str
    requested_count: int


async def open_batch(conn: Connection, new: NewBatch) -> Batch | None:
    return await fetch_optional(
        conn, Batch, _OPEN_BATCH, new.campaign_code, new.count, new.valid_from, new.valid_until, new.max_usage, CHUNK
    )


async def campaign_window(conn: Connection, campaign_code: str) -> CampaignWindow | None:
    return await fetch_optional(conn, CampaignWindow, _CAMPAIGN_WINDOW, campaign_code)


async def get_batch(conn: Connection, batch_id: UUID) -> Batch | None:
    return await fetch_optional(conn, Batch, _GET_BATCH, batch_id)


async def list_batches(
    conn: Connection, campaign_code: str | None, *, before: int | None, limit: int
) -> list[ListedBatch]:
    return await fetch_all(conn, ListedBatch, _LIST_BATCHES, campaign_code, before, limit)


async def cancel_batch(conn: Connection, batch_id: UUID) -> bool:
    return await conn.execute(_CANCEL_BATCH, batch_id) == "UPDATE 1"


async def find_work(conn: Connection) -> Work:
    return await fetch_one(conn, Work, _FIND_WORK)


async def claim_chunk(conn: Connection, batch_id: UUID | None) -> Chunk | None:
    """Needs a transaction, which may take longer from here on."""
    await conn.execute(_ALLOW_LONGER)
    return await fetch_optional(conn, Chunk, _CLAIM_CHUNK, batch_id)


async def mark_chunk_issued(conn: Connection, batch_id: int, chunk: int) -> None:
    done = await conn.execute(_MARK_CHUNK_ISSUED, batch_id, chunk)
    assert done == "UPDATE 1", "a chunk that is held is there"


async def finish_batches(conn: Connection) -> list[FinishedBatch]:
    return await fetch_all(conn, FinishedBatch, _FINISH_BATCHES)


async def share_with_erasures(conn: Connection) -> None:
    """Until the transaction ends no erasure is noted: it would not see the coupons that are given meanwhile."""
    await conn.execute(_SHARE_WITH_ERASURES)


async def claim_grants(conn: Connection, limit: int) -> list[Grant]:
    await share_with_erasures(conn)
    return await fetch_all(conn, Grant, _CLAIM_GRANTS, limit)


async def drop_grants(conn: Connection, limit: int) -> int:
    return int(await conn.fetchval(_DROP_GRANTS, limit))


async def give_up_batch(conn: Connection, batch_id: int) -> UUID | None:
    """None for one that is over already."""
    return cast("UUID | None", await conn.fetchval(_GIVE_UP_BATCH, batch_id))


async def give_up_grant(conn: Connection, grant: Grant) -> None:
    await conn.execute(_GIVE_UP_GRANT, grant.campaign_id, grant.user_id)


async def settle_grants(conn: Connection, coupon_codes: Sequence[str]) -> None:
    done = await conn.execute(_SETTLE_GRANTS, list(coupon_codes))
    assert done == f"UPDATE {len(coupon_codes)}", "a grant that is held is there"


async def claim_renewals(conn: Connection, limit: int) -> list[Renewal]:
    return await fetch_all(conn, Renewal, _CLAIM_RENEWALS, limit)


async def renew_codes(conn: Connection, key_id: int, codes: Sequence[tuple[int, bytes, bytes]]) -> None:
    """The coupon, its body and its signature of each."""
    columns = ([code[0] for code in codes], [code[1] for code in codes], [code[2] for code in codes])
    await conn.execute(_RENEW_CODES, key_id, *columns)


async def grant_welcome(conn: Connection, user_id: UUID) -> None:
    await conn.execute(_GRANT_WELCOME, user_id)


async def set_welcome(conn: Connection, campaign_code: str) -> bool:
    return bool(await conn.fetchval(_SET_WELCOME, campaign_code))


async def unset_welcome(conn: Connection, campaign_code: str) -> bool:
    return bool(await conn.fetchval(_UNSET_WELCOME, campaign_code))


async def list_welcome(conn: Connection) -> list[WelcomeCampaign]:
    return await fetch_all(conn, WelcomeCampaign, _LIST_WELCOME)


async def withdraw_from_user(conn: Connection, user_id: UUID) -> None:
    """Each statement sees what the one before waited for. Locks out whoever issues to users, then the coupons."""
    await conn.execute(_HOLD_ERASURES)
    await conn.execute(_HOLD_COUPONS_OF_USER, user_id)
    await conn.execute(_CANCEL_COUPONS_OF_USER, user_id)
