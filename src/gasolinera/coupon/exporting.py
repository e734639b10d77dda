"""Coupons as a CSV file and as sheets to print: piece by piece, with what they are worth in them, so each is logged."""

from collections.abc import AsyncGenerator, Sequence
from typing import Final, Literal, TypeAlias
from uuid import UUID

import msgspec

from gasolinera.coupon import qr
from gasolinera.coupon import queries_coupons as queries
from gasolinera.coupon.errors_coupons import unknown_batch, unknown_campaign
from gasolinera.coupon.models_coupons import ExportedCoupon, PaperCampaign
from gasolinera.coupon.queries_coupons import BatchRange
from gasolinera.database import Database, RequestContext
from gasolinera.errors import ConflictError, InputError
from gasolinera.tabular import Column, Layout, header_line, row_line

MAX_PRINTED: Final = 1_000  # coupons in one PDF, which is in memory until it is whole
_PAGE: Final = 1_000

Language: TypeAlias = Literal["en", "es"]

COUPONS: Final = Layout(
    thing="coupon",
    columns=(
        Column("coupon_code", "codigo_cupon", str),
        Column("campaign_code", "codigo_campana", str),
        Column("status", "estatus", str),
        Column("discount_type", "tipo_descuento", str),
        Column("discount_value", "descuento", str),
        Column("maximum_discount", "descuento_maximo", str),
        Column("minimum_purchase", "compra_minima", str),
        Column("currency", "moneda", str),
        Column("raffle_tickets", "boletos", str),
        Column("valid_from", "valido_desde", str),
        Column("valid_until", "valido_hasta", str),
        Column("max_usage", "usos", str),
        Column("qr", "qr", str),
    ),
    key="coupon_code",
    needed=("coupon_code",),
)


class _Taken(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the log says of an export."""

    form: Literal["csv", "pdf"]
    batch_id: UUID | None = None
    first: int | None = None
    count: int | None = None


class Print(msgspec.Struct, frozen=True):
    """What goes onto paper: numbers of a batch, counted from one."""

    campaign: PaperCampaign
    coupons: Sequence[ExportedCoupon]


async def begin_export_of_batch(db: Database, batch_id: UUID, context: RequestContext) -> BatchRange:
    """Logged before the first byte. Raises UnknownError."""
    async with db.transaction(context) as conn:
        found = await queries.batch_range(conn, batch_id)
        if found is None:
            raise unknown_batch()
        await queries.log_export(conn, found.campaign_code, _Taken("csv", batch_id, count=found.requested_count))
    return found


async def begin_export_of_campaign(db: Database, campaign_code: str, context: RequestContext) -> None:
    """Logged before the first byte. Raises UnknownError."""
    async with db.transaction(context) as conn:
        if await queries.campaign_on_paper(conn, campaign_code) is None:
            raise unknown_campaign()
        await queries.log_export(conn, campaign_code, _Taken("csv"))


async def batch_as_csv(db: Database, batch: BatchRange, *, language: Language) -> AsyncGenerator[bytes]:
    """In pieces of a thousand, each with a connection of its own: a slow reader holds none."""
    yield header_line(COUPONS, language)
    first, end = batch.first_dense_index, batch.first_dense_index + batch.requested_count
    while first < end:
        async with db.connection() as conn:
            found = await queries.export_of_batch(conn, first=first, end=end, limit=_PAGE)
        yield b"".join(map(_line, found))
        if len(found) < _PAGE:
            return
        first = found[-1].position + 1


async def campaign_as_csv(db: Database, campaign_code: str, *, language: Language) -> AsyncGenerator[bytes]:
    """As a batch, in the order in which they were made; with those made meanwhile."""
    yield header_line(COUPONS, language)
    after = 0
    while True:
        async with db.connection() as conn:
            found = await queries.export_of_campaign(conn, campaign_code, after=after, limit=_PAGE)
        yield b"".join(map(_line, found))
        if len(found) < _PAGE:
            return
        after = found[-1].position


def _line(coupon: ExportedCoupon) -> bytes:
    return row_line(
        (
            coupon.coupon_code,
            coupon.campaign_code,
            coupon.status,
            coupon.discount_type,
            coupon.discount_value,
            coupon.maximum_discount,
            coupon.minimum_purchase,
            coupon.currency,
            coupon.raffle_tickets,
            coupon.valid_from.isoformat(),
            coupon.valid_until.isoformat(),
            coupon.max_usage,
            qr_text(coupon),
        )
    )


def qr_text(coupon: ExportedCoupon) -> str | None:
    """What its QR code holds; None for one that is not signed, or that is good in its owner's wallet alone."""
    if coupon.qr_payload is None or coupon.qr_signature is None or qr.is_live_only(coupon.qr_payload):
        return None
    return qr.as_text(coupon.qr_payload, coupon.qr_signature)


async def take_for_print(db: Database, batch_id: UUID, *, first: int, count: int, context: RequestContext) -> Print:
    """Those of a batch that could be used, from the first-th on. Logged.

    Raises UnknownError, InputError `coupon.too_many_to_print`, and ConflictError `coupon.not_issued` where they are not
    there yet, or no longer good.
    """
    if not 1 <= count <= MAX_PRINTED:
        raise InputError("coupon.too_many_to_print", f"a PDF holds 1 to {MAX_PRINTED} coupons")
    async with db.transaction(context) as conn:
        batch = await queries.batch_range(conn, batch_id)
        if batch is None:
            raise unknown_batch()
        begin = batch.first_dense_index + first - 1
        end = min(begin + count, batch.first_dense_index + batch.requested_count)
        found = await queries.export_of_batch(conn, first=begin, end=end, limit=count)
        good = [coupon for coupon in found if coupon.status == "ACTIVE" and qr_text(coupon) is not None]
        if not good:
            raise ConflictError("coupon.not_issued", "the batch has no good coupons with these numbers")
        campaign = await queries.campaign_on_paper(conn, batch.campaign_code)
        assert campaign is not None, "a batch has a campaign"
        await queries.log_export(conn, batch.campaign_code, _Taken("pdf", batch_id, first, len(good)))
    return Print(campaign, good)
