"""Partners and the keys of their systems. Rules and order of things; no SQL, no HTTP, no commit."""

import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from gasolinera.auth import queries_partners as queries
from gasolinera.auth.models_partners import (
    MAX_HISTORY,
    MAX_KEY_DAYS,
    MAX_KEYS_LISTED,
    MAX_LIVE_KEYS,
    ApiKey,
    HistoryEntry,
    KeyWish,
    NewApiKey,
    Partner,
    PartnerPage,
)
from gasolinera.authentication import API_KEY_PREFIX, hash_api_key
from gasolinera.database import Connection
from gasolinera.errors import ConflictError, GasolineraError, GoneError, InputError, UnknownError
from gasolinera.permissions import PARTNER_SCOPES


async def create_partner(conn: Connection, code: str, *, name: str, contact_email: str | None) -> Partner:
    """Raises ConflictError `partner.exists` by the constraint of the table."""
    return await queries.create_partner(conn, code, name, contact_email)


async def change_partner(
    conn: Connection,
    code: str,
    *,
    name: str | None = None,
    contact_email: str | None = None,
    is_active: bool | None = None,
    removes_email: bool = False,
) -> Partner:
    """None leaves a value as it is; no address is a choice too. Raises UnknownError `partner.unknown`."""
    changed = await queries.change_partner(
        conn, code, name=name, contact_email=contact_email, is_active=is_active, removes_email=removes_email
    )
    if changed is None:
        raise _unknown_partner()
    return changed


async def get_partner(conn: Connection, code: str) -> Partner:
    found = await queries.get_partner(conn, code)
    if found is None:
        raise _unknown_partner()
    return found


async def list_partners(conn: Connection, *, after: str | None, limit: int) -> PartnerPage:
    found = await queries.list_partners(conn, after=after or "", limit=limit + 1)
    items = tuple(found[:limit])
    return PartnerPage(items, items[-1].partner_code if len(found) > limit else None)


async def list_api_keys(conn: Connection, code: str) -> tuple[ApiKey, ...]:
    """The newest 200. Raises UnknownError `partner.unknown`."""
    found = await queries.list_api_keys(conn, code, MAX_KEYS_LISTED)
    if not found:
        await get_partner(conn, code)
    return tuple(found)


async def list_history(conn: Connection, code: str) -> tuple[HistoryEntry, ...]:
    """The newest 200 entries. Raises UnknownError `partner.unknown`."""
    found = await queries.list_partner_history(conn, code, MAX_HISTORY)
    if not found:
        raise _unknown_partner()
    return tuple(found)


async def create_api_key(conn: Connection, code: str, wish: KeyWish) -> NewApiKey:
    """The key itself is in the answer and nowhere else. Locks the partner.

    Raises InputError `api_key.scopes`, UnknownError `partner.unknown`, ConflictError `partner.inactive` or
    `api_key.too_many`.
    """
    if not wish.scopes <= PARTNER_SCOPES:
        allowed = ", ".join(sorted(PARTNER_SCOPES))
        raise InputError("api_key.scopes", "no key of a partner may have that scope", f"allowed are {allowed}")
    partner_id = await _lock_active_partner(conn, code)
    prefix, api_key = _new_api_key()
    made = await queries.create_api_key(
        conn,
        partner_id,
        wish,
        prefix=prefix,
        key_hash=hash_api_key(api_key),
        expires_at=datetime.now(UTC) + wish.valid_for,
        most=MAX_LIVE_KEYS,
    )
    if made is None:
        raise _too_many_keys()
    return NewApiKey(api_key=api_key, key=made)


async def rotate_api_key(conn: Connection, code: str, prefix: str, *, overlap: timedelta) -> NewApiKey:
    """A successor with the same rights and a whole new life; the old key ends after the overlap. Locks the partner.

    Raises UnknownError `partner.unknown`, GoneError `api_key.over` for a key that is not live, ConflictError
    `partner.inactive`, `api_key.too_many`, and `api_key.rotated` by the constraint.
    """
    partner_id = await _lock_active_partner(conn, code)
    new_prefix, api_key = _new_api_key()
    made = await queries.rotate_api_key(
        conn,
        partner_id,
        prefix,
        prefix=new_prefix,
        key_hash=hash_api_key(api_key),
        overlap_s=overlap.total_seconds(),
        expires_at=datetime.now(UTC) + timedelta(days=MAX_KEY_DAYS),
    )
    if made is None:
        raise GoneError("api_key.over", "there is no such live key", "make a new one")
    if await queries.count_live_keys(conn, partner_id) > MAX_LIVE_KEYS:
        raise _too_many_keys()
    return NewApiKey(api_key=api_key, key=made)


async def _lock_active_partner(conn: Connection, code: str) -> int:
    """Its number. Raises UnknownError `partner.unknown`, ConflictError `partner.inactive`."""
    partner = await queries.lock_partner(conn, code)
    if partner is None:
        raise _unknown_partner()
    if not partner.is_active:
        raise ConflictError("partner.inactive", "this partner is deactivated", "activate it first")
    return partner.id


async def revoke_api_key(conn: Connection, code: str, prefix: str) -> ApiKey:
    """Refused everywhere within five seconds. Raises UnknownError `api_key.unknown`."""
    revoked = await queries.revoke_api_key(conn, code, prefix)
    if revoked is None:
        raise UnknownError("api_key.unknown", "this partner has no such key")
    return revoked


def _new_api_key() -> tuple[str, str]:
    """The readable prefix, and the whole key: 256 random bits after it."""
    prefix = secrets.token_urlsafe(6)
    return prefix, f"{API_KEY_PREFIX}{prefix}_{secrets.token_urlsafe(32)}"


def _too_many_keys() -> ConflictError:
    hint = "revoke those that nobody uses"
    return ConflictError("api_key.too_many", f"this partner has {MAX_LIVE_KEYS} live keys already", hint)


def _unknown_partner() -> UnknownError:
    return UnknownError("partner.unknown", "there is no partner with this code")


# What breaking a constraint means to the one who asked.
REFUSALS: Mapping[str, Callable[[], GasolineraError]] = {
    "partners_partner_code_key": lambda: ConflictError("partner.exists", "there is a partner with this code already"),
    "partners_name_check": lambda: InputError("partner.name_invalid", "the name has nothing to read in it"),
    "partners_contact_email_check": lambda: InputError("partner.email_invalid", "this is no email address"),
    "api_keys_label_check": lambda: InputError("api_key.label_invalid", "the label has nothing to read in it"),
    "api_keys_rotated_from_id_key": lambda: ConflictError(
        "api_key.rotated", "this key has a successor already", "rotate that one"
    ),
}
