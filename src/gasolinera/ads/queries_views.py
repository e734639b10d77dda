"""The only reader of `queries_views.sql`: one typed function a query."""

from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

import msgspec

from gasolinera.ads.models_views import Chain, View, ViewPosition, ViewProgress, ViewReport, ViewRules
from gasolinera.database import Connection, fetch_all, fetch_one, fetch_optional, load_sql

_SQL = load_sql("gasolinera.ads", "queries_views.sql")
_PREPARE_SERVING = _SQL["prepare_serving"]
_HAND_OUT_TOKEN = _SQL["hand_out_token"]
_BEGIN_VIEW = _SQL["begin_view"]
_REPORT_VIEW = _SQL["report_view"]
_FINISH_VIEW = _SQL["finish_view"]
_CURRENT_VIEW = _SQL["current_view"]
_GET_VIEW = _SQL["get_view"]
_LIST_VIEWS = _SQL["list_views"]
_LIST_CHAINS = _SQL["list_chains"]
_NOTE_REDEMPTION = _SQL["note_redemption"]
_NOTE_CANCELLATION = _SQL["note_cancellation"]
_EXPIRE_VIEWS = _SQL["expire_views"]
_SETTLE_SILENT_VIEWS = _SQL["settle_silent_views"]
_FORGET_TOKENS = _SQL["forget_tokens"]
_DECIDE_REVIEW = _SQL["decide_review"]
_GET_RULES = _SQL["get_rules"]
_PUT_RULES = _SQL["put_rules"]
_MILLISECOND: Final = Decimal("0.001")


class Prepared(msgspec.Struct, frozen=True):
    """What serving needs to know of a viewer. The first three are None where there is no such redemption."""

    base_tickets: int | None
    station_code: str | None
    fuel_type: str | None
    chain_step: int
    is_known: bool
    is_open: bool
    turned_away: tuple[UUID, ...]
    segment: str


class Told(msgspec.Struct, frozen=True):
    """The outcome of a step, as the function of the schema names it, and the view afterwards."""

    outcome: str
    view: View | None


class RedemptionFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the events of a redemption say that matters here."""

    reference: str
    user_id: UUID
    tickets_earned: int
    station_code: str
    completed_at: datetime
    fuel_type: str | None = None
    cancelled_at: datetime | None = None


class _Found(msgspec.Struct, frozen=True):
    view: View


class _Count(msgspec.Struct, frozen=True):
    count: int


class _Expiry(msgspec.Struct, frozen=True):
    expires_at: datetime


async def prepare_serving(conn: Connection, user_id: UUID, reference: str | None) -> Prepared:
    return await fetch_one(conn, Prepared, _PREPARE_SERVING, user_id, reference)


async def hand_out_token(
    conn: Connection, token_hash: bytes, advertisement_id: int, user_id: UUID, reference: str | None, chain_step: int
) -> datetime:
    values = (token_hash, advertisement_id, user_id, reference, chain_step)
    return (await fetch_one(conn, _Expiry, _HAND_OUT_TOKEN, *values)).expires_at


def _place(said: ViewProgress) -> Decimal:
    return Decimal(str(said.position_s)).quantize(_MILLISECOND)


async def begin_view(
    conn: Connection, token_hash: bytes, user_id: UUID, *, visible_percent: int, is_muted: bool
) -> Told:
    return await fetch_one(conn, Told, _BEGIN_VIEW, token_hash, user_id, visible_percent, is_muted)


async def report_view(conn: Connection, view_id: UUID, user_id: UUID, said: ViewReport) -> Told:
    values = (said.sequence, said.event, _place(said), said.visible_percent, said.is_muted)
    return await fetch_one(conn, Told, _REPORT_VIEW, view_id, user_id, *values)


async def finish_view(conn: Connection, view_id: UUID, user_id: UUID, said: ViewProgress) -> Told:
    values = (said.sequence, _place(said), said.visible_percent, said.is_muted)
    return await fetch_one(conn, Told, _FINISH_VIEW, view_id, user_id, *values)


async def current_view(conn: Connection, user_id: UUID) -> View | None:
    found = await fetch_optional(conn, _Found, _CURRENT_VIEW, user_id)
    return None if found is None else found.view


async def get_view(conn: Connection, user_id: UUID, view_id: UUID) -> View | None:
    found = await fetch_optional(conn, _Found, _GET_VIEW, user_id, view_id)
    return None if found is None else found.view


async def list_views(conn: Connection, user_id: UUID, after: ViewPosition | None, limit: int) -> list[View]:
    place = (None, None) if after is None else (after.started_at, after.view_id)
    return [found.view for found in await fetch_all(conn, _Found, _LIST_VIEWS, user_id, *place, limit)]


async def list_chains(conn: Connection, user_id: UUID) -> list[Chain]:
    return await fetch_all(conn, Chain, _LIST_CHAINS, user_id)


async def note_redemption(conn: Connection, told: RedemptionFacts) -> None:
    values = (told.reference, told.user_id, told.tickets_earned, told.station_code, told.fuel_type)
    await conn.execute(_NOTE_REDEMPTION, *values, told.completed_at)


async def note_cancellation(conn: Connection, told: RedemptionFacts, cancelled_at: datetime) -> None:
    values = (told.reference, told.user_id, told.tickets_earned, told.station_code, told.fuel_type)
    await conn.execute(_NOTE_CANCELLATION, *values, told.completed_at, cancelled_at)


async def expire_views(conn: Connection, limit: int) -> int:
    return (await fetch_one(conn, _Count, _EXPIRE_VIEWS, limit)).count


async def settle_silent_views(conn: Connection, limit: int) -> int:
    return (await fetch_one(conn, _Count, _SETTLE_SILENT_VIEWS, limit)).count


async def forget_tokens(conn: Connection, limit: int) -> int:
    return (await fetch_one(conn, _Count, _FORGET_TOKENS, limit)).count


async def decide_review(conn: Connection, view_id: UUID, *, is_accepted: bool, by: UUID, note: str | None) -> str:
    return await conn.fetchval(_DECIDE_REVIEW, view_id, is_accepted, by, note)


async def get_rules(conn: Connection) -> ViewRules:
    return await fetch_one(conn, ViewRules, _GET_RULES)


async def put_rules(conn: Connection, rules: ViewRules) -> ViewRules:
    return await fetch_one(conn, ViewRules, _PUT_RULES, *msgspec.structs.astuple(rules))
