"""The keys of codes: the ring signs, the database remembers the public halves, and everybody may read those.

A key is published as soon as it is in the ring, and used when its time comes: in between every terminal has learnt it.
`gasolinera keys retire coupon N` revokes a key: what it signed is refused.
"""

from collections.abc import Mapping, Sequence

from gasolinera.coupon import queries_qr as queries
from gasolinera.coupon.qr_documents import Endorsement, PublishedKey, Status, endorse, make_key_set
from gasolinera.coupon.queries_qr import KeyEnd, StoredEndorsement, StoredKey
from gasolinera.database import Connection
from gasolinera.errors import ConflictError, UnavailableError
from gasolinera.key_file import Key
from gasolinera.keyring import Keyring, signing_key, to_base64url


async def signing_key_for(conn: Connection, keyring: Keyring) -> Key:
    """The key that signs codes now, its public half in the database, where coupons refer to it.

    Raises ConfigError `keys.purpose_missing`; ConflictError `qr.foreign_key` when the database knows another key by its
    number, `qr.key_revoked` when it was revoked there.
    """
    key = keyring.current("coupon")
    for stored in await publish_keys(conn, keyring):
        if stored.key_id != key.id:
            continue
        if stored.public_key != public_half(key):
            hint = "the ring was made anew: gasolinera keys rotate coupon --overlap 0"
            raise ConflictError("qr.foreign_key", f"the database knows another key {key.id} of codes", hint)
        if stored.revoked_at is not None:
            hint = "gasolinera keys rotate coupon --overlap 0"
            raise ConflictError("qr.key_revoked", f"key {key.id} of codes was revoked, says the database", hint)
        return key
    hint = "the ring was made anew: gasolinera keys rotate coupon --overlap 0"
    raise ConflictError("qr.foreign_key", f"the database knows key {key.id} of codes under another number", hint)


async def publish_keys(conn: Connection, keyring: Keyring) -> list[StoredKey]:
    """Every key that the database knows, after it has learnt what the ring says. Writes only what is new."""
    stored = await queries.list_qr_keys(conn)
    by_id = {key.key_id: key for key in stored}
    ring = keyring.all_of("coupon")
    missing = [key for key in ring if key.id not in by_id]
    ends = _new_ends(keyring, ring, by_id)
    if not missing and not ends:
        return stored
    if missing:
        await queries.add_qr_keys(conn, [(key.id, public_half(key), key.active_from) for key in missing])
    if ends:
        await queries.end_qr_keys(conn, ends)
    return await queries.list_qr_keys(conn)


def _new_ends(keyring: Keyring, ring: Sequence[Key], stored: Mapping[int, StoredKey]) -> list[KeyEnd]:
    """Keys that another has superseded, and keys that were ended; none that the database knows as another's."""
    now = keyring.clock()
    current = keyring.current("coupon") if keyring.has("coupon") else None
    ends: list[KeyEnd] = []
    for key in ring:
        known = stored.get(key.id)
        if known is not None and known.public_key != public_half(key):
            continue
        is_superseded = current is not None and key != current and key.active_from <= now
        retired_at = current.active_from if current is not None and is_superseded else None
        end = KeyEnd(key.id, retired_at, None if key.verifies(now) else key.retired_at)
        is_known = known is not None and (
            (known.retired_at is not None or end.retired_at is None)
            and (known.revoked_at is not None or end.revoked_at is None)
        )
        if not is_known and (end.retired_at is not None or end.revoked_at is not None):
            ends.append(end)
    return ends


async def key_set(conn: Connection, keyring: Keyring) -> tuple[int, str]:
    """The version of the published set, and the set, signed with the key in use.

    Raises UnavailableError `qr.no_signing_key` in a process that has none, ConflictError as `signing_key_for`.
    """
    if not keyring.has("coupon"):
        raise UnavailableError("qr.no_signing_key", "this process signs no codes", "ask one that issues coupons")
    signer = await signing_key_for(conn, keyring)
    stored = await queries.list_qr_keys(conn)
    endorsements = await queries.list_endorsements(conn)
    # Rows are only added and changed, so this only grows.
    changed = [*(key.updated_at for key in stored), *(one.created_at for one in endorsements)]
    version = int(max(changed).timestamp() * 1_000_000)
    now = keyring.clock()
    published = [_published(key, signer, now.timestamp(), endorsements) for key in stored]
    return version, make_key_set(signer, published, version=version, now=now)


async def endorse_keys(conn: Connection, root: Key) -> tuple[int, ...]:
    """A root's word for every key that was not revoked and has none from it; gives their numbers."""
    ours = public_half(root)
    said = {one.key_id for one in await queries.list_endorsements(conn) if one.root_public_key == ours}
    stored = await queries.list_qr_keys(conn)
    wanted = [key for key in stored if key.revoked_at is None and key.key_id not in said]
    signed = [(key.key_id, endorse(root, key.key_id, key.public_key)) for key in wanted]
    await queries.add_endorsements(conn, ours, signed)
    return tuple(key.key_id for key in wanted)


def _published(key: StoredKey, current: Key, now_s: float, endorsements: Sequence[StoredEndorsement]) -> PublishedKey:
    begins = key.valid_from.timestamp()
    status: Status = "accepted"
    if key.revoked_at is not None:
        status = "revoked"
    elif key.key_id == current.id:
        status = "current"
    elif begins > now_s:
        status = "waiting"
    said = tuple(
        Endorsement(to_base64url(one.root_public_key), to_base64url(one.signature))
        for one in endorsements
        if one.key_id == key.key_id
    )
    return PublishedKey(
        kid=str(key.key_id), x=to_base64url(key.public_key), status=status, nbf=int(begins), endorsements=said
    )


def public_half(key: Key) -> bytes:
    return bytes(signing_key(key).verify_key)
