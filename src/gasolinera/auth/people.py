"""Lists of people and of what was done, as the back office reads them: in any order, with names. No HTTP, no commit."""

from collections.abc import Sequence
from typing import Final, Literal
from uuid import UUID

from gasolinera.auth import audit
from gasolinera.auth import queries_pages_people as queries
from gasolinera.auth.administration import list_users
from gasolinera.auth.models_administration import (
    AuditEntry,
    AuditFilter,
    AuditPosition,
    ListedUser,
    UserFilter,
    UserPosition,
    UserRow,
)
from gasolinera.auth.queries_administration import record_list_export
from gasolinera.auth.queries_pages_people import NamedRow
from gasolinera.database import Connection
from gasolinera.paging import Page, Position, decode_cursor, page_of

Order = Literal["joined", "-joined", "name", "-name"]
LogOrder = Literal["at", "-at"]
_LAST: Final = 2**63 - 1
_BEYOND: Final = "\U0010ffff"  # sorts after every other character


class NamePosition(Position, frozen=True):
    name: str
    id: int


async def list_people(
    conn: Connection, wanted: UserFilter, order: Order, *, cursor: str | None, limit: int
) -> Page[ListedUser]:
    """Who is looked for by phone or name comes in the order of arrival. Raises InputError `request.cursor`."""
    if order == "joined" or wanted.phone_number is not None or wanted.name is not None:
        return await list_users(conn, wanted, after=decode_cursor(UserPosition, cursor), limit=limit)
    if order == "-joined":
        after = decode_cursor(UserPosition, cursor)
        found = await queries.list_users_newest(conn, wanted, before=after.id if after else _LAST, limit=limit + 1)
        return _listed(page_of(found, limit=limit, position=lambda row: UserPosition(row.id)))
    is_backwards = order == "-name"
    named = decode_cursor(NamePosition, cursor)
    first = (_BEYOND, _LAST) if is_backwards else ("", 0)
    found = await queries.list_users_by_name(
        conn, wanted, after=(named.name, named.id) if named else first, limit=limit + 1, is_backwards=is_backwards
    )
    return _listed(page_of(found, limit=limit, position=lambda row: NamePosition(row.sort_key, row.id)))


def _listed(found: Page[UserRow] | Page[NamedRow]) -> Page[ListedUser]:
    rows = tuple(
        ListedUser(**{name: getattr(row, name) for name in ListedUser.__struct_fields__}) for row in found.items
    )
    return Page(rows, found.next_cursor)


async def record_export(conn: Connection, what: Literal["PEOPLE", "AUDIT_LOG"]) -> None:
    """That somebody takes a list of many people out of here; written before its first row leaves."""
    await record_list_export(conn, what)


async def names_of(conn: Connection, public_ids: Sequence[UUID]) -> dict[UUID, str]:
    """What people are called; those that were erased are missing."""
    found = await queries.list_names(conn, list(set(public_ids))) if public_ids else []
    return {one.public_id: f"{one.first_name} {one.last_name}" for one in found if one.first_name}


async def search_log(
    conn: Connection,
    wanted: AuditFilter,
    actor: UUID | None,
    order: LogOrder,
    *,
    after: AuditPosition | None,
    limit: int,
) -> Page[AuditEntry]:
    """Of an actor: what that one did to others."""
    acts = str(actor) if actor else None
    if order == "at":
        found = await queries.search_audit_oldest(conn, wanted, acts, after=audit.after_of(after), limit=limit + 1)
    elif acts is None:
        return await audit.search(conn, wanted, after=after, limit=limit)
    else:
        before = audit.before_of(after)
        found = await queries.search_audit_of_actor(conn, wanted, acts, before=before, limit=limit + 1)
    return page_of(found, limit=limit, position=audit.position_of)


def reference_of(actor: str | None) -> UUID | None:
    """Whom an entry of a log names; None for partners, services and nobody."""
    try:
        return UUID(actor) if actor else None
    except ValueError:
        return None
