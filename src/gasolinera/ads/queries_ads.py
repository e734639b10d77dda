"""The only reader of `queries_ads.sql`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from gasolinera.ads.models_ads import Ad, AdFilter, AdStatus, AdSummary, ApprovalStatus, Media, NewAd
from gasolinera.ads.models_campaigns import AuditEntry
from gasolinera.ads.models_serving import ContentRating
from gasolinera.database import Connection, fetch_all, fetch_optional, load_sql

_SQL = load_sql("gasolinera.ads", "queries_ads.sql")
_CREATE = _SQL["create_ad"]
_CHANGE = _SQL["change_ad"]
_REFUSAL_FACTS = _SQL["refusal_facts"]
_SUBMIT = _SQL["submit_ad"]
_APPROVE = _SQL["approve_ad"]
_REJECT = _SQL["reject_ad"]
_CHANGE_STATUS = _SQL["change_ad_status"]
_GET = _SQL["get_ad"]
_LIST = _SQL["list_ads"]
_LIST_FORWARDS = _SQL["list_ads_forwards"]
_AUDIT = _SQL["ad_audit"]
_KEEP_MEDIA = _SQL["keep_media"]
_KEEP_CHUNKS = _SQL["keep_chunks"]
_FIND_MEDIA = _SQL["find_media"]
_READ_CHUNK = _SQL["read_chunk"]
_LOCK_UNUSED = _SQL["lock_unused_media"]
_FORGET_UNUSED = _SQL["forget_unused_media"]


class ListedAd(AdSummary, frozen=True, kw_only=True):
    id: int


class RefusalFacts(msgspec.Struct, frozen=True):
    status: AdStatus
    approval_status: ApprovalStatus
    content_rating: ContentRating
    is_submitted: bool
    version: int
    has_media: bool


class FoundMedia(msgspec.Struct, frozen=True):
    sha256: str
    media_type: str
    byte_count: int
    is_public: bool


async def create_ad(conn: Connection, new: NewAd, created_by: UUID) -> UUID | None:
    made: UUID | None = await conn.fetchval(
        _CREATE,
        new.campaign_code,
        new.title,
        new.description,
        new.ad_format,
        new.body_text,
        *_media_values(new.media),
        new.click_url,
        new.duration_s,
        new.skip_after_s,
        new.completion_threshold_percent,
        new.ticket_multiplier,
        new.content_rating,
        sorted(new.languages),
        created_by,
    )
    return made


async def change_ad(
    conn: Connection, public_id: UUID, version: int, values: Mapping[str, Any], *, sets_media: bool, media: Media | None
) -> bool:
    changed = await conn.fetchval(_CHANGE, public_id, version, dict(values), sets_media, *_media_values(media))
    return bool(changed)


async def refusal_facts(conn: Connection, public_id: UUID, *, media_sha256: str | None) -> RefusalFacts | None:
    sha256 = None if media_sha256 is None else bytes.fromhex(media_sha256)
    return await fetch_optional(conn, RefusalFacts, _REFUSAL_FACTS, public_id, sha256)


async def submit_ad(conn: Connection, public_id: UUID) -> bool:
    return bool(await conn.fetchval(_SUBMIT, public_id))


async def approve_ad(conn: Connection, public_id: UUID, version: int, reviewed_by: UUID) -> bool:
    return bool(await conn.fetchval(_APPROVE, public_id, version, reviewed_by))


async def reject_ad(conn: Connection, public_id: UUID, version: int, reviewed_by: UUID, reason: str) -> bool:
    return bool(await conn.fetchval(_REJECT, public_id, version, reviewed_by, reason))


async def change_status(conn: Connection, public_id: UUID, status: AdStatus) -> bool:
    return bool(await conn.fetchval(_CHANGE_STATUS, public_id, status))


async def get_ad(conn: Connection, public_id: UUID) -> Ad | None:
    return await fetch_optional(conn, Ad, _GET, public_id)


async def list_ads(
    conn: Connection, wanted: AdFilter, *, beyond: int, is_oldest_first: bool, limit: int
) -> list[ListedAd]:
    """`beyond`: the id where the page before ended."""
    return await fetch_all(
        conn,
        ListedAd,
        _LIST_FORWARDS if is_oldest_first else _LIST,
        beyond,
        limit,
        wanted.campaign_code,
        wanted.advertiser_code,
        wanted.status,
        wanted.approval_status,
        wanted.ad_format,
        wanted.is_waiting,
        wanted.text,
    )


async def audit(
    conn: Connection, public_id: UUID, *, before: tuple[datetime, int] | None, limit: int
) -> list[AuditEntry]:
    return await fetch_all(conn, AuditEntry, _AUDIT, public_id, *(before or (None, None)), limit)


async def keep_media(
    conn: Connection, sha256: bytes, media_type: str, byte_count: int, uploaded_by: UUID | None
) -> bool:
    return bool(await conn.fetchval(_KEEP_MEDIA, sha256, media_type, byte_count, uploaded_by))


async def keep_chunks(conn: Connection, sha256: bytes, chunks: Sequence[bytes]) -> None:
    await conn.execute(_KEEP_CHUNKS, sha256, list(chunks))


async def find_media(conn: Connection, sha256: bytes) -> FoundMedia | None:
    return await fetch_optional(conn, FoundMedia, _FIND_MEDIA, sha256)


async def read_chunk(conn: Connection, sha256: bytes, position: int) -> bytes | None:
    content: bytes | None = await conn.fetchval(_READ_CHUNK, sha256, position)
    return content


async def forget_unused_media(conn: Connection, limit: int) -> int:
    locked = [row[0] for row in await conn.fetch(_LOCK_UNUSED, limit)]
    return len(await conn.fetch(_FORGET_UNUSED, locked)) if locked else 0


def _media_values(media: Media | None) -> tuple[Any, ...]:
    if media is None:
        return (None, None, None, None)
    return (media.url, bytes.fromhex(media.sha256), media.media_type, media.media_bytes)
