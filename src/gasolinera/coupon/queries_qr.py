"""The only reader of `queries_qr.sql`: one typed function a query."""

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from gasolinera.database import Connection, fetch_all, fetch_optional, load_sql

_SQL = load_sql("gasolinera.coupon", "queries_qr.sql")
_LIST_QR_KEYS = _SQL["list_qr_keys"]
_ADD_QR_KEYS = _SQL["add_qr_keys"]
_LIST_ENDORSEMENTS = _SQL["list_endorsements"]
_ADD_ENDORSEMENTS = _SQL["add_endorsements"]
_END_QR_KEYS = _SQL["end_qr_keys"]
_TRY_TO_MAKE_LIST = _SQL["try_to_make_list"]
_COVERED_INDEXES = _SQL["covered_indexes"]
_TAKE_CHANGES = _SQL["take_changes"]
_REVOKED_INDEXES = _SQL["revoked_indexes"]
_NEWEST_LIST = _SQL["newest_list"]
_NEWEST_VERSION = _SQL["newest_version"]
_SIGNED_LIST = _SQL["signed_list"]
_ADD_LIST = _SQL["add_list"]
_FORGET_LISTS = _SQL["forget_lists"]
_FIND_SHOWN_COUPON = _SQL["find_shown_coupon"]
_FIND_COUPON_STATE = _SQL["find_coupon_state"]
_FETCHED_AT_ONCE = 10_000


class StoredKey(msgspec.Struct, frozen=True):
    key_id: int
    public_key: bytes
    valid_from: datetime
    retired_at: datetime | None
    revoked_at: datetime | None
    updated_at: datetime


class StoredEndorsement(msgspec.Struct, frozen=True):
    key_id: int
    root_public_key: bytes
    signature: bytes
    created_at: datetime


class KeyEnd(msgspec.Struct, frozen=True):
    key_id: int
    retired_at: datetime | None
    revoked_at: datetime | None


class RevocationList(msgspec.Struct, frozen=True):
    version: int
    key_id: int
    covered: int
    revoked_count: int
    content_hash: bytes
    created_at: datetime


class ShownCoupon(msgspec.Struct, frozen=True):
    """Payload and signature are NULL until the coupon is signed."""

    qr_payload: bytes | None
    qr_signature: bytes | None
    valid_until: datetime


class CouponState(msgspec.Struct, frozen=True):
    coupon_code: str
    campaign_code: str
    campaign_status: str
    status: str
    usage_count: int
    max_usage: int
    valid_from: datetime
    valid_until: datetime
    qr_payload: bytes | None
    qr_signature: bytes | None


async def list_qr_keys(conn: Connection) -> list[StoredKey]:
    return await fetch_all(conn, StoredKey, _LIST_QR_KEYS)


async def add_qr_keys(conn: Connection, keys: Sequence[tuple[int, bytes, datetime]]) -> None:
    """Number, public half, first moment of each."""
    await conn.execute(_ADD_QR_KEYS, [key[0] for key in keys], [key[1] for key in keys], [key[2] for key in keys])


async def list_endorsements(conn: Connection) -> list[StoredEndorsement]:
    return await fetch_all(conn, StoredEndorsement, _LIST_ENDORSEMENTS)


async def add_endorsements(conn: Connection, root: bytes, said: Sequence[tuple[int, bytes]]) -> None:
    """Number of the key and signature of each."""
    await conn.execute(_ADD_ENDORSEMENTS, root, [one[0] for one in said], [one[1] for one in said])


async def end_qr_keys(conn: Connection, ends: Sequence[KeyEnd]) -> None:
    await conn.execute(
        _END_QR_KEYS,
        [end.key_id for end in ends],
        [end.retired_at for end in ends],
        [end.revoked_at for end in ends],
    )


async def try_to_make_list(conn: Connection) -> bool:
    return bool(await conn.fetchval(_TRY_TO_MAKE_LIST))


async def covered_indexes(conn: Connection) -> int:
    return int(await conn.fetchval(_COVERED_INDEXES))


async def take_changes(conn: Connection) -> int:
    return int(await conn.fetchval(_TAKE_CHANGES))


async def revoked_indexes(conn: Connection, below: int) -> AsyncGenerator[int]:
    """Streamed: a million of them are no list in memory. Needs a transaction."""
    async for record in conn.cursor(_REVOKED_INDEXES, below, prefetch=_FETCHED_AT_ONCE):
        yield record[0]


async def newest_list(conn: Connection) -> RevocationList | None:
    return await fetch_optional(conn, RevocationList, _NEWEST_LIST)


async def newest_version(conn: Connection) -> int | None:
    return await conn.fetchval(_NEWEST_VERSION)


async def signed_list(conn: Connection, version: int) -> str | None:
    return await conn.fetchval(_SIGNED_LIST, version)


async def add_list(
    conn: Connection, version: int, key_id: int, *, covered: int, revoked: int, content: bytes, signed: str
) -> None:
    """`content`: the hash of the bits, `signed`: the list as terminals get it."""
    await conn.execute(_ADD_LIST, version, key_id, covered, revoked, content, signed)


async def forget_lists(conn: Connection, up_to: int) -> None:
    await conn.execute(_FORGET_LISTS, up_to)


async def find_shown_coupon(conn: Connection, code: str, user_id: UUID) -> ShownCoupon | None:
    return await fetch_optional(conn, ShownCoupon, _FIND_SHOWN_COUPON, code, user_id)


async def find_coupon_state(conn: Connection, code: str) -> CouponState | None:
    return await fetch_optional(conn, CouponState, _FIND_COUPON_STATE, code)
