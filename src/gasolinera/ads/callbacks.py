"""Callbacks of ad networks: a second source for views, from the network's server and signed by it.

The form is that of Google AdMob's server-side verification: ECDSA P-256 with SHA-256 over the raw query string up to
`&signature=`, which `&key_id=` follows as the last parameter. Who gets it wrong is told nothing about what was wrong.
"""

import re
from base64 import urlsafe_b64decode
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import parse_qsl
from uuid import UUID

import structlog
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from gasolinera.ads import queries_callbacks as queries
from gasolinera.ads.models_callbacks import Callback, Network, NetworkWish
from gasolinera.ads.network_keys import fetch_keys, read_key
from gasolinera.database import Connection, Database, RequestContext
from gasolinera.errors import InputError, UnknownError

_MAX_QUERY: Final = 4096
_MAX_PARAMETERS: Final = 40
_END: Final = re.compile(rb"([A-Za-z0-9_-]{8,200})={0,2}&key_id=([A-Za-z0-9._-]{1,64})")
_TRANSACTION: Final = re.compile(r"[!-~]{1,128}")
_MILLISECONDS: Final = re.compile(r"[0-9]{12,14}")
_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


async def list_networks(conn: Connection) -> tuple[Network, ...]:
    return tuple(await queries.list_networks(conn))


async def put_network(conn: Connection, network_code: str, wish: NetworkWish, *, needs_https: bool) -> Network:
    """Raises InputError `ads.network_keys_url`, UnknownError `advertiser.unknown`."""
    if needs_https and not wish.keys_url.startswith("https://"):
        raise InputError("ads.network_keys_url", "the keys of a network come over https alone")
    network = await queries.put_network(conn, network_code, wish)
    if network is None:
        raise UnknownError("advertiser.unknown", "there is no advertiser with this code")
    return network


async def take(
    db: Database, network_code: str, query: bytes, context: RequestContext, *, now: datetime | None = None
) -> str:
    """What a callback comes to, once for each transaction of the network. Opens transactions of its own.

    Raises InputError `ads.callback_refused`, the same for whatever is wrong with it.
    """
    told = read_callback(query)
    if told is None:
        raise _refused()
    network = await _find_network(db, network_code, told.key_id)
    if network is None or network.public_key is None or not _is_signed(told, network.public_key):
        raise _refused()
    if abs((now or datetime.now(UTC)) - told.sent_at) > timedelta(seconds=network.freshness_seconds):
        raise _refused()
    outcome = await db.run(lambda conn: queries.take_callback(conn, network.id, told), context, is_idempotent=True)
    _log.info("ad_callback_taken", network=network_code, outcome=outcome)
    return outcome


def _refused() -> InputError:
    return InputError("ads.callback_refused", "this callback is not taken")


async def _find_network(db: Database, network_code: str, key_id: str) -> queries.FoundNetwork | None:
    """With the key, which the network is asked for where nobody knows it: rarely, whatever comes in, and by one process
    of all.
    """
    async with db.connection() as conn:
        network = await queries.find_network(conn, network_code, key_id)
        if network is None or network.public_key is not None:
            return network
        if not await queries.claim_refresh(conn, network.id):
            return network
    # No connection is held while the network answers.
    keys = await fetch_keys(network.keys_url)
    if keys is None:
        return network
    async with db.connection() as conn:
        await queries.put_keys(conn, network.id, network.keys_url, keys)
        return await queries.find_network(conn, network_code, key_id)


def _is_signed(told: Callback, public_key: bytes) -> bool:
    try:
        read_key(public_key).verify(told.signature, told.signed, ec.ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def read_callback(query: bytes) -> Callback | None:
    """None for what is no callback."""
    signed, marker, end = query.rpartition(b"&signature=")
    found = _END.fullmatch(end)
    if len(query) > _MAX_QUERY or not marker or found is None:
        return None
    try:
        pairs = parse_qsl(
            signed.decode("ascii"), keep_blank_values=True, strict_parsing=True, max_num_fields=_MAX_PARAMETERS
        )
        signature = urlsafe_b64decode(found[1] + b"=" * (-len(found[1]) % 4))
        parameters = dict(pairs)
        # One that is there twice, or a signature inside of what is signed, could be read in two ways.
        if len(parameters) != len(pairs) or parameters.keys() & {"signature", "key_id"}:
            return None
        milliseconds = parameters["timestamp"]
        if not _MILLISECONDS.fullmatch(milliseconds) or not _TRANSACTION.fullmatch(parameters["transaction_id"]):
            return None
        return Callback(
            signed=signed,
            signature=signature,
            key_id=found[2].decode(),
            transaction_id=parameters["transaction_id"],
            sent_at=datetime.fromtimestamp(int(milliseconds) / 1000, UTC),
            view_id=_uuid(parameters.get("custom_data")),
            user_id=_uuid(parameters.get("user_id")),
        )
    except (ValueError, KeyError, OverflowError):
        return None


def _uuid(text: str | None) -> UUID | None:
    try:
        return None if text is None else UUID(text)
    except ValueError:
        return None
