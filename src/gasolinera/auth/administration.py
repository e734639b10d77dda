"""What administrators do to accounts. Rules and order of things; no SQL, no HTTP, no commit.

Role and activation are never one's own to change, and the last active system administrator stays: the statements and a
trigger see to both. Tables end the access tokens of whoever loses something; sessions are ended here.
"""

from collections.abc import Callable, Mapping
from typing import Final
from uuid import UUID

import msgspec

from gasolinera.auth import queries_administration as queries
from gasolinera.auth.models import EndReason
from gasolinera.auth.models_administration import GrantedAdmin, ListedUser, User, UserFilter, UserPosition, UserRow
from gasolinera.auth.sessions import end_all_sessions
from gasolinera.auth.user_events import OUTBOX, publish_user_changed
from gasolinera.calls import UserSummary
from gasolinera.database import Connection
from gasolinera.errors import ConflictError, ForbiddenError, GasolineraError, UnknownError
from gasolinera.paging import Page, page_of
from gasolinera.permissions import Role

_BEYOND: Final = "\U0010ffff"  # sorts after every other character


async def list_users(
    conn: Connection, wanted: UserFilter, *, after: UserPosition | None, limit: int
) -> Page[ListedUser]:
    """By phone there is one or nobody, whatever else is asked for."""
    last = after.id if after else 0
    if wanted.phone_number is not None:
        found = await queries.find_users_by_phone(conn, wanted.phone_number)
    elif wanted.name is not None:
        first = " ".join(wanted.name.lower().split())
        found = await queries.find_users_by_name(
            conn, wanted, first=first, beyond=first + _BEYOND, after=last, limit=limit + 1
        )
    else:
        found = await queries.list_users(conn, wanted, after=last, limit=limit + 1)
    page = page_of(found, limit=limit, position=lambda row: UserPosition(row.id))
    return Page(tuple(map(_listed, page.items)), page.next_cursor)


def _listed(row: UserRow) -> ListedUser:
    return ListedUser(**{name: getattr(row, name) for name in ListedUser.__struct_fields__})


async def get_user(conn: Connection, public_id: UUID) -> User:
    """Raises UnknownError `user.unknown`."""
    found = await queries.get_user(conn, public_id)
    if found is None:
        raise unknown_user()
    return found


async def set_role(conn: Connection, actor: UUID | None, public_id: UUID, role: Role) -> User:
    """Ends the sessions: their tokens say the role of before. Setting the same role again changes nothing.

    Raises ForbiddenError `user.self`, UnknownError `user.unknown`, ConflictError `user.erased`,
    `user.last_administrator` or `user.terms_missing`.
    """
    _not_oneself(actor, public_id)
    changed = await queries.set_role(conn, public_id, role)
    return await _told(conn, public_id, changed, EndReason.ROLE_CHANGED)


async def set_active(conn: Connection, actor: UUID | None, public_id: UUID, *, is_active: bool) -> User:
    """Raises ForbiddenError `user.self`, UnknownError `user.unknown`, ConflictError `user.erased`,
    `user.last_administrator` or `user.terms_missing`.
    """
    _not_oneself(actor, public_id)
    changed = await queries.set_active(conn, public_id, is_active=is_active)
    return await _told(conn, public_id, changed, None if is_active else EndReason.DEACTIVATED)


async def _told(conn: Connection, public_id: UUID, changed: UserSummary | None, reason: EndReason | None) -> User:
    if changed is not None:
        if reason is not None:
            await end_all_sessions(conn, public_id, reason)
        await publish_user_changed(conn, changed)
    user = await get_user(conn, public_id)
    if user.erased_at is not None:
        raise erased()
    return user


async def unlock(conn: Connection, public_id: UUID) -> User:
    """Raises UnknownError `user.unknown` and ConflictError `user.erased`."""
    await queries.unlock(conn, public_id)
    return await _told(conn, public_id, None, None)


async def end_sessions(conn: Connection, public_id: UUID) -> int:
    """Raises UnknownError `user.unknown`."""
    await get_user(conn, public_id)
    return await end_all_sessions(conn, public_id, EndReason.ADMINISTRATOR)


async def reset_second_factor(conn: Connection, actor: UUID | None, public_id: UUID) -> User:
    """For somebody who lost it: the sessions end, and the next login enrols another.

    Raises ForbiddenError `user.self`, UnknownError `user.unknown`, ConflictError `second_factor.none`.
    """
    _not_oneself(actor, public_id)
    await get_user(conn, public_id)
    if not await queries.remove_second_factor(conn, public_id, keeps_login=False):
        raise ConflictError("second_factor.none", "this account has no second factor")
    await end_all_sessions(conn, public_id, EndReason.ADMINISTRATOR)
    return await get_user(conn, public_id)


async def grant_admin(conn: Connection, phone_number: str, *, first_name: str, last_name: str) -> GrantedAdmin:
    """Makes the account where there is none; the names are for that. Raises ConflictError `account.inactive`."""
    granted = await queries.grant_admin(conn, phone_number, first_name=first_name, last_name=last_name)
    if granted is None:
        raise ConflictError("account.inactive", "the account with this phone is deactivated", "activate it first")
    summary = UserSummary(granted.public_id, granted.role, granted.active)
    if granted.role_before is None:
        await OUTBOX.publish(
            conn,
            "user.registered",
            aggregate="user",
            subject=str(granted.public_id),
            data=msgspec.to_builtins(summary),
        )
    elif granted.role_before is not Role.SYSTEM_ADMIN:
        await end_all_sessions(conn, granted.public_id, EndReason.ROLE_CHANGED)
        await publish_user_changed(conn, summary)
    return granted


def _not_oneself(actor: UUID | None, public_id: UUID) -> None:
    if actor == public_id:
        raise ForbiddenError("user.self", "nobody changes the own role or access", "ask another administrator")


def unknown_user() -> UnknownError:
    return UnknownError("user.unknown", "there is no such user")


def erased() -> ConflictError:
    return ConflictError("user.erased", "this person was erased, which is never undone")


# What breaking a constraint means to the one who asked.
REFUSALS: Mapping[str, Callable[[], GasolineraError]] = {
    "users_last_administrator": lambda: ConflictError(
        "user.last_administrator", "this is the last active administrator", "make another one first"
    ),
    "users_administrator_second_factor_check": lambda: ConflictError(
        "second_factor.required", "an administrator needs a second factor", "enrol another device instead"
    ),
    "users_customer_terms_check": lambda: ConflictError(
        "user.terms_missing", "a customer has accepted the terms, which this person never did"
    ),
}
