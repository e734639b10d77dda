"""Making coupons: in batches of up to five million, and for users who are owed one.

A batch is a row, and its chunks are rows that any number of processes share. A chunk's coupons and the mark that they
are there are one transaction: whenever a process dies, the chunk is as if nobody had begun it, and another makes it
with other codes. So there are exactly as many coupons as were asked for.
"""

import asyncio
import struct
from collections.abc import AsyncGenerator, Callable, Sequence
from functools import partial
from typing import Any, Final
from uuid import UUID

import asyncpg
import structlog

from gasolinera.config import Settings
from gasolinera.coupon import qr
from gasolinera.coupon import queries_issuing as queries
from gasolinera.coupon.codes import LENGTH, code_of, new_numbers, number_of
from gasolinera.coupon.errors_coupons import campaign_not_open, outside_of_campaign, unknown_batch, unknown_campaign
from gasolinera.coupon.events import OUTBOX
from gasolinera.coupon.models_coupons import Batch, BatchStatus, NewBatch
from gasolinera.coupon.qr_keys import signing_key_for
from gasolinera.coupon.queries_issuing import Chunk, Grant, Terms
from gasolinera.database import Connection, Database, RequestContext
from gasolinera.errors import ConflictError
from gasolinera.key_file import Key
from gasolinera.keyring import Keyring, load_keyring
from gasolinera.paging import Page, Position, decode_cursor, page_of
from gasolinera.parts import Poller
from gasolinera.polling import poll

_CONTEXT: Final = RequestContext(actor="job:coupon.issuing")
_SLICE: Final = 500  # coupons that are signed while those before them are on their way to the server
_GRANTS: Final = 100
_RENEWALS: Final = 500
_DROPPED_AT_ONCE: Final = 1000
_CODE_TRIES: Final = 3
_CODE_KEY: Final = "coupons_coupon_code_key"
# PostgreSQL's COPY in binary: signature, flags and extension; rows of fields, each with its length; an end.
_COPY_HEAD: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_END: Final = b"\xff\xff"
_FIELDS: Final = struct.Struct(">h")
_LENGTH: Final = struct.Struct(">i")
_SHORT: Final = struct.Struct(">h")
_INDEX: Final = struct.Struct(">q")
# The same in all coupons of a chunk, in the order in which its claim sends them.
_FIXED: Final = (
    "campaign_id",
    "discount_type",
    "discount_value",
    "maximum_discount",
    "minimum_purchase",
    "currency",
    "raffle_tickets",
    "valid_from",
    "valid_until",
    "max_usage",
)
_OWN: Final = ("qr_key_id", "dense_index", "qr_payload", "qr_signature")
_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

Draw = Callable[[int], Sequence[int]]  # so many random numbers of 60 bits
Row = tuple[Any, ...]


class BatchPosition(Position, frozen=True):
    id: int


async def open_batch(conn: Connection, new: NewBatch) -> Batch:
    """Ask for coupons; the poller of any process makes them. Needs a transaction.

    Raises UnknownError, ConflictError `coupon.campaign_not_open`, InputError `coupon.window`.
    """
    if any(moment is not None and not 1900 < moment.year < 9000 for moment in (new.valid_from, new.valid_until)):
        raise outside_of_campaign()  # the driver cannot bring the ends of the calendar into UTC
    batch = await queries.open_batch(conn, new)
    if batch is None:
        window = await queries.campaign_window(conn, new.campaign_code)
        if window is None:
            raise unknown_campaign()
        if window.is_over or window.status not in ("ACTIVE", "PAUSED"):
            raise campaign_not_open()
        raise outside_of_campaign()
    return batch


async def get_batch(conn: Connection, batch_id: UUID) -> Batch:
    """Raises UnknownError."""
    batch = await queries.get_batch(conn, batch_id)
    if batch is None:
        raise unknown_batch()
    return batch


async def list_batches(conn: Connection, campaign_code: str | None, *, cursor: str | None, limit: int) -> Page[Batch]:
    """The latest first. Raises InputError `request.cursor`."""
    position = decode_cursor(BatchPosition, cursor)
    before = None if position is None else position.id
    page = page_of(
        await queries.list_batches(conn, campaign_code, before=before, limit=limit + 1),
        limit=limit,
        position=lambda batch: BatchPosition(batch.id),
    )
    return Page(tuple(batch.shown() for batch in page.items), page.next_cursor)


async def cancel_batch(conn: Connection, batch_id: UUID) -> Batch:
    """Issue no more of it, but for the chunks that are under way. Raises UnknownError, and ConflictError
    `coupon.batch_finished` for one that is complete; again changes nothing.
    """
    cancelled = await queries.cancel_batch(conn, batch_id)
    batch = await get_batch(conn, batch_id)
    if not cancelled and batch.status is BatchStatus.COMPLETED:
        raise ConflictError("coupon.batch_finished", "all coupons of this batch are issued", "cancel the coupons")
    return batch


class Issuer:
    """Issues with the current key of a ring. Its methods raise what `signing_key_for` raises."""

    def __init__(self, db: Database, keyring: Keyring, draw: Draw = new_numbers) -> None:
        self._db = db
        self._keyring = keyring
        self._draw = draw

    async def issue_chunk(self, batch_id: UUID | None = None) -> int:
        """A chunk of a batch, or of any, that nobody else is at; gives how many coupons, 0 when there is none.

        The chance that a code exists is that of 60 bits: then all of the chunk is made anew.
        """
        key = await self._key()
        for attempt in range(1, _CODE_TRIES + 1):
            try:
                async with self._db.transaction() as conn:
                    chunk = await queries.claim_chunk(conn, batch_id)
                    if chunk is None:
                        break
                    if not _can_say(chunk, key):
                        given_up = await queries.give_up_batch(conn, chunk.batch_id)
                        _log.error("coupon_batch_given_up", batch_id=str(given_up))
                        return 0
                    await conn.copy_to_table(
                        "coupons",
                        schema_name="coupon_schema",
                        columns=("coupon_code", *_FIXED, *_OWN),
                        source=_signed(partial(_pack_slice, chunk, key, self._draw), chunk.coupon_count),
                        format="binary",
                    )
                    await queries.mark_chunk_issued(conn, chunk.batch_id, chunk.chunk)
                return chunk.coupon_count
            except asyncpg.UniqueViolationError as error:
                if error.constraint_name != _CODE_KEY or attempt == _CODE_TRIES:
                    raise
                _log.warning("coupon_code_repeated", attempt=attempt)
        return 0

    async def finish_batches(self) -> int:
        """Close the batches that have no open chunk, and tell of each once; gives how many."""
        async with self._db.transaction(_CONTEXT) as conn:
            finished = await queries.finish_batches(conn)
            for batch in finished:
                data = {"campaign_code": batch.campaign_code, "count": batch.requested_count, "coupon_code": None}
                await OUTBOX.publish(
                    conn, "coupon.issued", aggregate="coupon_batch", subject=str(batch.batch_id), data=data
                )
        return len(finished)

    async def issue_grants(self) -> int:
        """Coupons for some of those who are owed one, each signed, told of, and made once; gives how many. Where nobody
        is, those that wait for a campaign that is over are dropped, and counted.
        """
        key = await self._key()
        async with self._db.transaction(_CONTEXT) as conn:
            grants = await queries.claim_grants(conn, _GRANTS)
            if not grants:
                return await queries.drop_grants(conn, _DROPPED_AT_ONCE)
            fit = [grant for grant in grants if await _is_fit(conn, grant, key)]
            numbers = self._draw(len(fit))
            rows = [_row_of_grant(grant, key, number) for grant, number in zip(fit, numbers, strict=True)]
            columns = ("coupon_code", "user_id", *_FIXED, *_OWN)
            await conn.copy_records_to_table("coupons", schema_name="coupon_schema", columns=columns, records=rows)
            codes = [code_of(number) for number in numbers]
            await queries.settle_grants(conn, codes)
            for grant, code in zip(fit, codes, strict=True):
                data = {"campaign_code": grant.campaign_code, "count": 1, "coupon_code": code}
                await OUTBOX.publish(conn, "coupon.issued", aggregate="coupon", subject=code, data=data)
        return len(grants)

    async def renew_codes(self) -> int:
        """Codes of coupons that got an owner after they were signed now say that they are somebody's; gives how many.

        What was printed before is worth nothing any more: the platform knows that the coupon is in a wallet.
        """
        key = await self._key()
        async with self._db.transaction(_CONTEXT) as conn:
            renewals = await queries.claim_renewals(conn, _RENEWALS)
            codes: list[tuple[int, bytes, bytes]] = []
            for renewal in renewals:
                if not _can_say(renewal, key):
                    continue  # it keeps the code that it has
                number = number_of(renewal.coupon_code)
                body = qr.packer(_body(renewal, key, is_personal=True))(renewal.first_dense_index, number)
                codes.append((renewal.coupon_id, body, qr.sign(body, key)))
            await queries.renew_codes(conn, key.id, codes)
        return len(codes)

    async def step(self) -> int:
        """A bit of whatever there is to do; gives how many coupons and batches. Nothing in a process without a key.

        What fails keeps nothing else from being done; it is raised when the others had their turn.
        """
        if not self._keyring.has("coupon"):
            return 0
        async with self._db.connection() as conn:
            work = await queries.find_work(conn)
        done, failure = 0, None
        for is_there, issue in (
            (work.has_grants, self.issue_grants),
            (work.has_renewals, self.renew_codes),
            (work.has_batches, self._go_on_with_batches),
        ):
            try:
                done += await issue() if is_there else 0
            except Exception as error:
                failure = failure or error
        if failure is not None:
            raise failure
        return done

    async def _go_on_with_batches(self) -> int:
        return await self.issue_chunk() or await self.finish_batches()

    async def _key(self) -> Key:
        """Asked for each time: a key that was revoked meanwhile signs no more. Raises as `signing_key_for`."""
        async with self._db.transaction(_CONTEXT) as conn:
            return await signing_key_for(conn, self._keyring)


async def issue_coupons(settings: Settings, db: Database, stop: asyncio.Event) -> None:
    """What a worker does until told to stop; in any number of processes at once."""
    issuer = Issuer(db, load_keyring(settings))
    await poll("coupons", issuer.step, stop)


ISSUING: Final = Poller("coupons", issue_coupons)


async def _signed(make: Callable[[int, int], bytes], count: int) -> AsyncGenerator[bytes]:
    """A chunk as COPY takes it, signed by a thread one slice ahead: libsodium lets go of the interpreter while it
    signs, and the server keeps its indexes meanwhile.
    """
    ahead: asyncio.Task[bytes] | None = None
    yield _COPY_HEAD
    try:
        for start in range(0, count + _SLICE, _SLICE):
            done = b"" if ahead is None else await ahead
            size = min(_SLICE, count - start)
            ahead = asyncio.create_task(asyncio.to_thread(make, start, size)) if size > 0 else None
            if done:
                yield done
    finally:
        if ahead is not None:
            await asyncio.gather(ahead, return_exceptions=True)
    yield _COPY_END


def _pack_slice(chunk: Chunk, key: Key, draw: Draw, start: int, count: int) -> bytes:
    """Coupons in COPY's binary format, put together by hand: the driver would encode ten equal values for each, which
    takes a third as long as the signature.
    """
    head = _FIELDS.pack(1 + len(_FIXED) + len(_OWN)) + _LENGTH.pack(LENGTH)
    fixed = b"".join(map(_field, chunk.sent)) + _field(_SHORT.pack(key.id)) + _LENGTH.pack(8)
    before_body, before_signature = _LENGTH.pack(qr.BODY_BYTES), _LENGTH.pack(qr.SIGNATURE_BYTES)
    packed = qr.packer(_body(chunk, key, is_personal=False))
    signed = qr.signer(key)
    pieces: list[bytes] = []
    for dense_index, number in enumerate(draw(count), chunk.first_dense_index + start):
        body = packed(dense_index, number)
        code = code_of(number).encode()
        pieces += (head, code, fixed, _INDEX.pack(dense_index), before_body, body, before_signature, signed(body))
    return b"".join(pieces)


def _field(value: bytes | None) -> bytes:
    return _LENGTH.pack(-1) if value is None else _LENGTH.pack(len(value)) + value


def _row_of_grant(grant: Grant, key: Key, number: int) -> Row:
    body = qr.packer(_body(grant, key, is_personal=True))(grant.first_dense_index, number)
    own = (key.id, grant.first_dense_index, body, qr.sign(body, key))
    return (code_of(number), grant.user_id, *(getattr(grant, name) for name in _FIXED), *own)


async def _is_fit(conn: Connection, grant: Grant, key: Key) -> bool:
    """What no code can say keeps nobody else waiting."""
    if _can_say(grant, key):
        return True
    await queries.give_up_grant(conn, grant)
    _log.error("coupon_grant_given_up", campaign_code=grant.campaign_code)
    return False


def _can_say(terms: Terms, key: Key) -> bool:
    try:
        qr.pack(_body(terms, key, is_personal=True))
    except qr.QrError:
        return False
    return True


def _body(terms: Terms, key: Key, *, is_personal: bool) -> qr.CouponBody:
    # Its owner has it in the wallet, where it changes; what is nobody's may be on paper.
    flags = (qr.PERSONAL | qr.LIVE_ONLY if is_personal else 0) | (
        qr.LISTED_STATIONS if terms.is_for_listed_stations else 0
    )
    return qr.CouponBody(
        key_id=key.id,
        dense_index=terms.first_dense_index,
        coupon=0,
        campaign=qr.campaign_tag(terms.campaign_code),
        kind=terms.discount_type,
        value=terms.discount_value,
        currency=terms.currency,
        valid_from=terms.valid_from,
        valid_until=terms.valid_until,
        flags=flags,
    )
