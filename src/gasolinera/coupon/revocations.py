"""The list of revoked coupons for terminals without a connection: one bit a coupon, compressed, signed, by version."""

import asyncio
import zlib
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final
from weakref import WeakKeyDictionary

import structlog

from gasolinera.config import Settings
from gasolinera.coupon import queries_qr as queries
from gasolinera.coupon.qr_documents import make_list
from gasolinera.coupon.qr_keys import publish_keys, signing_key_for
from gasolinera.database import Connection, Database, RequestContext
from gasolinera.errors import UnknownError
from gasolinera.keyring import Keyring, load_keyring
from gasolinera.parts import Poller
from gasolinera.polling import repeat

_EVERY_S: Final = 30.0
# A list is good for a day; coupons that are issued although their campaign does not run are noted by nobody.
_SIGNED_AGAIN_AFTER: Final = timedelta(minutes=15)
_KEPT: Final = 5
_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


async def publish_list(conn: Connection, keyring: Keyring, *, now: datetime) -> int | None:
    """The next version, when there is anything to say: other coupons, another key, or a quarter of an hour has passed.

    None: nothing to say, or somebody else is saying it. Needs a transaction; locks other makers out until it ends.
    Raises ConfigError and ConflictError as `signing_key_for`.
    """
    if not await queries.try_to_make_list(conn):
        return None
    key = await signing_key_for(conn, keyring)
    newest = await queries.newest_list(conn)
    is_good = newest is not None and newest.key_id == key.id and newest.created_at > now - _SIGNED_AGAIN_AFTER
    if not await queries.take_changes(conn) and is_good:
        return None
    covered = await queries.covered_indexes(conn)
    bits, revoked = bytearray(covered // 8 + 1), 0
    async for index in queries.revoked_indexes(conn, covered):
        bits[index >> 3] |= 1 << (index & 7)
        revoked += 1
    # Coupons that come after the last revoked one change nothing.
    said = bytes(bits).rstrip(b"\0")
    content_hash = sha256(said).digest()
    if is_good and newest is not None and newest.content_hash == content_hash:
        return None
    version = 1 if newest is None else newest.version + 1
    compressed = await asyncio.to_thread(zlib.compress, said, 9)
    signed = make_list(key, compressed, version=version, covered=covered, now=now)
    await queries.add_list(conn, version, key.id, covered=covered, revoked=revoked, content=content_hash, signed=signed)
    await queries.forget_lists(conn, version - _KEPT)
    _log.info("qr_revocations_published", version=version, revoked=revoked, bytes=len(signed))
    return version


_lists: WeakKeyDictionary[Database, tuple[int, str]] = WeakKeyDictionary()


async def newest_list(db: Database, known: int | None = None) -> tuple[int, str | None]:
    """The newest version, and the list unless it is the `known` one. Each list is read from the database once.

    Raises UnknownError `qr.no_list` before the first one is made.
    """
    async with db.connection() as conn:
        version = await queries.newest_version(conn)
        if version is None:
            raise UnknownError("qr.no_list", "no list of revoked coupons has been made yet", "a worker makes it")
        if version == known:
            return version, None
        held = _lists.get(db)
        if held is None or held[0] != version:
            signed = await queries.signed_list(conn, version)
            if signed is None:  # a newer one came, and then five more
                raise UnknownError("qr.no_list", "the list was made anew meanwhile", "ask again")
            held = _lists[db] = (version, signed)
    return held


async def _upkeep(settings: Settings, db: Database, stop: asyncio.Event) -> None:
    keyring = load_keyring(settings)

    async def step() -> None:
        if not keyring.has("coupon"):  # another host signs
            return
        async with db.transaction(RequestContext(actor="job:coupon.qr_upkeep")) as conn:
            await publish_keys(conn, keyring)
            await publish_list(conn, keyring, now=keyring.clock())

    await repeat("qr_upkeep", step, stop, every_s=_EVERY_S)


QR_UPKEEP: Final = Poller("qr_upkeep", _upkeep)
