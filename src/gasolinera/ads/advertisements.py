"""Advertisements from the draft to the archive: made, changed, handed in, reviewed by a second person, shown or not."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET

from gasolinera.ads import queries_ads as queries
from gasolinera.ads.errors import (
    already_submitted,
    no_media,
    not_approved,
    not_submitted,
    rated,
    stale,
    unknown_ad,
    wrong_ad_status,
)
from gasolinera.ads.models_ads import Ad, AdChange, AdFilter, AdStatus, AdSummary, ApprovalStatus, Media, NewAd, Review
from gasolinera.ads.models_campaigns import AuditEntry
from gasolinera.ads.models_serving import ContentRating
from gasolinera.ads.queries_ads import RefusalFacts
from gasolinera.ads.queries_campaigns import campaign_exists
from gasolinera.database import Connection
from gasolinera.errors import ConflictError, InputError
from gasolinera.paging import Page, Position, decode_cursor, page_of

_THE_GREATEST = 2**63 - 1


class AdPosition(Position, frozen=True):
    id: int


class OldestAdPosition(AdPosition, frozen=True):
    """Of the list with the oldest first: a cursor of the other order is none here."""


class AdAuditPosition(Position, frozen=True):
    created_at: datetime
    id: int


async def create_ad(conn: Connection, new: NewAd, *, created_by: UUID) -> UUID:
    """A draft; its public id. Raises ConflictError `ad.campaign`, InputError `ad.media`; the constraints refuse what
    does not belong together.
    """
    _check_media(new.media)
    made = await queries.create_ad(conn, new, created_by)
    if made is None:
        if new.media is not None and await campaign_exists(conn, new.campaign_code):
            raise no_media()
        raise ConflictError("ad.campaign", "no campaign that takes advertisements has this code")
    return made


async def change_ad(conn: Connection, public_id: UUID, change: AdChange, *, version: int) -> None:
    """Changed content is a draft that nobody has approved, and is shown no more from the commit on.

    Raises StaleError, ConflictError `ad.status`, InputError `ad.media`, UnknownError.
    """
    values: dict[str, Any] = msgspec.to_builtins(change)
    values.pop("media", None)
    if "languages" in values:
        values["languages"] = sorted(values["languages"])
    media = None if change.media is UNSET else change.media
    _check_media(media)
    is_changed = await queries.change_ad(
        conn, public_id, version, values, sets_media=change.media is not UNSET, media=media
    )
    if not is_changed:
        own = media.sha256 if media is not None and media.url is None else None
        known = await queries.refusal_facts(conn, public_id, media_sha256=own)
        if known is None:
            raise unknown_ad()
        if known.status is AdStatus.ARCHIVED:
            raise wrong_ad_status(known.status, AdStatus.DRAFT)
        raise stale() if known.has_media else no_media()


async def submit_ad(conn: Connection, public_id: UUID) -> None:
    """Hand it in for review. Raises ConflictError `ad.submitted`, UnknownError."""
    if not await queries.submit_ad(conn, public_id):
        known = await _refusal_facts(conn, public_id)
        raise already_submitted(known.status if known.status is AdStatus.ARCHIVED else known.approval_status)


async def review_ad(conn: Connection, public_id: UUID, review: Review, *, version: int, reviewed_by: UUID) -> None:
    """What was read, and nothing else. A rejection takes an approved one back as well: it is shown no more.

    Raises InputError `ad.reason`, ConflictError `ad.not_submitted`, StaleError, UnknownError. That it is a second
    person the constraints of production and test demand: ForbiddenError `ad.own_approval`.
    """
    if review.is_approved == (review.reason is not None):
        raise InputError("ad.reason", "a rejection has a reason, an approval has none")
    if review.reason is None:
        is_done = await queries.approve_ad(conn, public_id, version, reviewed_by)
    else:
        is_done = await queries.reject_ad(conn, public_id, version, reviewed_by, review.reason)
    if not is_done:
        known = await _refusal_facts(conn, public_id)
        raise stale() if known.is_submitted and known.version != version else not_submitted()


async def change_status(conn: Connection, public_id: UUID, status: AdStatus) -> None:
    """Raises ConflictError `ad.not_approved`, `ad.rating` and `ad.status`, UnknownError."""
    if not await queries.change_status(conn, public_id, status):
        known = await _refusal_facts(conn, public_id)
        is_open = known.status in (AdStatus.DRAFT, AdStatus.PAUSED)
        if status is AdStatus.ACTIVE and is_open and known.approval_status is not ApprovalStatus.APPROVED:
            raise not_approved()
        if status is AdStatus.ACTIVE and is_open and known.content_rating is not ContentRating.EVERYONE:
            raise rated()
        raise wrong_ad_status(known.status, status)


async def get_ad(conn: Connection, public_id: UUID) -> Ad:
    """Raises UnknownError."""
    found = await queries.get_ad(conn, public_id)
    if found is None:
        raise unknown_ad()
    return found


async def list_ads(
    conn: Connection, wanted: AdFilter, *, is_oldest_first: bool = False, cursor: str | None, limit: int
) -> Page[AdSummary]:
    """The newest first, unless the oldest are asked for. Raises InputError `request.cursor`, also for one of the other
    order.
    """
    kind, start = (OldestAdPosition, 0) if is_oldest_first else (AdPosition, _THE_GREATEST)
    position = decode_cursor(kind, cursor)
    beyond = start if position is None else position.id
    found = await queries.list_ads(conn, wanted, beyond=beyond, is_oldest_first=is_oldest_first, limit=limit + 1)
    page = page_of(found, limit=limit, position=lambda one: kind(one.id))
    return Page(tuple(msgspec.convert(one, AdSummary, from_attributes=True) for one in page.items), page.next_cursor)


async def audit(conn: Connection, public_id: UUID, *, cursor: str | None, limit: int) -> Page[AuditEntry]:
    """The latest first. Raises UnknownError, InputError `request.cursor`."""
    position = decode_cursor(AdAuditPosition, cursor)
    before = None if position is None else (position.created_at, position.id)
    found = await queries.audit(conn, public_id, before=before, limit=limit + 1)
    if not found and await queries.get_ad(conn, public_id) is None:
        raise unknown_ad()
    return page_of(found, limit=limit, position=lambda entry: AdAuditPosition(entry.created_at, entry.id))


def _check_media(media: Media | None) -> None:
    """Raises InputError `ad.media` for what is half of our own and half from elsewhere."""
    if media is None:
        return
    told = (media.url is not None, media.media_type is not None, media.media_bytes is not None)
    if any(told) != all(told):
        raise no_media()


async def _refusal_facts(conn: Connection, public_id: UUID) -> RefusalFacts:
    known = await queries.refusal_facts(conn, public_id, media_sha256=None)
    if known is None:
        raise unknown_ad()
    return known
